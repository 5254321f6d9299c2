/* Servers for the tests of HTTP and mail: ones that misbehave on request, and a real nginx. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct fault_server {
	pid_t pid;
	int input; /* it ends when this is closed */
	unsigned port;
};

void fault_server_start(struct fault_server *s);

/* tests/support/smtp_server.py, with its arguments, NULL-terminated. */
void smtp_server_start(struct fault_server *s, const char *const *arguments);
void fault_server_stop(struct fault_server *s);

/* Certificates as tests/support/make-certs.sh makes them, and nginx's files. */
struct nginx {
	pid_t pid;
	char dir[64];
	unsigned h2_port;      /* TLS, HTTP/2, 128 streams */
	unsigned h2_twin_port; /* the same again */
	unsigned h1_port;      /* TLS, HTTP/1.1 */
	unsigned expired_port; /* TLS with a certificate that ran out */
	unsigned other_port;   /* TLS with a certificate of other-ca.pem */
};

/* False, with a reason, where there is no nginx or openssl. */
bool nginx_start(struct nginx *s, const char **ret_reason);
void nginx_stop(struct nginx *s);

/* A listening socket on 127.0.0.1; nobody accepts. */
int listen_any(int backlog, unsigned *ret_port);
