/* Servers for the tests of HTTP and mail. */
#include "http_servers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/macro.h"

static const char *env_or(const char *name, const char *preset)
{
	const char *v = getenv(name);

	return v && v[0] ? v : preset;
}

int listen_any(int backlog, unsigned *ret_port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(listen(fd, backlog), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*ret_port = ntohs(sa.sin_port);
	return fd;
}

#define ARGUMENTS_MAX 8

static void start_script(struct fault_server *s, const char *name, const char *const *arguments)
{
	char path[4096], line[16] = "", *argv[ARGUMENTS_MAX + 3] = {(char *)"python3", path};
	int in[2], out[2];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/support/%s", env_or("top_srcdir", "."), name);
	for (size_t i = 0; arguments && arguments[i]; i++) {
		cr_assert(i < ARGUMENTS_MAX);
		argv[i + 2] = (char *)arguments[i];
	}
	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	s->pid = fork();
	cr_assert(s->pid >= 0);
	if (s->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execvp(env_or("PYTHON3", "python3"), argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	s->input = in[1];
	f = fdopen(out[0], "r");
	cr_assert(f && fgets(line, sizeof(line), f), "%s does not start", path);
	s->port = (unsigned)atoi(line); /* NOLINT(cert-err34-c): checked in the next line */
	cr_assert(s->port > 0);
	fclose(f);
}

void fault_server_start(struct fault_server *s)
{
	start_script(s, "fault_server.py", NULL);
}

void smtp_server_start(struct fault_server *s, const char *const *arguments)
{
	start_script(s, "smtp_server.py", arguments);
}

void fault_server_stop(struct fault_server *s)
{
	close(s->input);
	waitpid(s->pid, NULL, 0);
}

static bool run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static bool run(const char *fmt, ...)
{
	char command[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command) == 0; /* NOLINT(cert-env33-c): a test's own words */
}

static void nginx_write_config(const struct nginx *s)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/nginx.conf", s->dir);
	f = fopen(path, "w");
	cr_assert(f);
	fprintf(f,
		"daemon off; user root; pid %s/pid; error_log %s/error.log;\n"
		"events { worker_connections 512; }\n"
		"http { access_log off; default_type application/json;\n"
		" client_body_temp_path %s/t1; proxy_temp_path %s/t2; fastcgi_temp_path %s/t3;\n"
		" uwsgi_temp_path %s/t4; scgi_temp_path %s/t5;\n"
		" gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;\n"
		" ssl_certificate good.pem; ssl_certificate_key key.pem; keepalive_requests 100000;\n"
		" root %s;\n",
		s->dir, s->dir, s->dir, s->dir, s->dir, s->dir, s->dir, s->dir);
	fprintf(f,
		" server { listen 127.0.0.1:%u ssl http2; listen 127.0.0.1:%u ssl http2;\n"
		"  location /which { return 200 '$connection $server_protocol'; } }\n"
		" server { listen 127.0.0.1:%u ssl;\n"
		"  location /which { return 200 '$connection $server_protocol'; } }\n"
		" server { listen 127.0.0.1:%u ssl; ssl_certificate expired.pem;\n"
		"  location / { return 200 expired; } }\n"
		" server { listen 127.0.0.1:%u ssl http2; ssl_certificate other.pem;\n"
		"  location /which { return 200 '$connection $server_protocol'; } }\n"
		"}\n",
		s->h2_port, s->h2_twin_port, s->h1_port, s->expired_port, s->other_port);
	cr_assert_eq(fclose(f), 0);
}

/* nginx takes over sockets that listen already: no port is lost in between, and none waited for. */
bool nginx_start(struct nginx *s, const char **ret_reason)
{
	unsigned *const ports[] = {&s->h2_port, &s->h2_twin_port, &s->h1_port, &s->expired_port,
				   &s->other_port};
	char inherited[128] = "NGINX=";
	int fds[ARRAY_LEN(ports)];

	*s = (struct nginx){.dir = "/tmp/tunewatch-nginx.XXXXXX"};
	if (!run("command -v openssl >/dev/null") || access("/usr/sbin/nginx", X_OK) != 0) {
		*ret_reason =
			"needs nginx and openssl (Debian: apt-get install nginx-light openssl)";
		return false;
	}
	cr_assert(mkdtemp(s->dir));
	cr_assert(run("sh '%s/tests/support/make-certs.sh' '%s' >/dev/null 2>'%s/certs.log'",
		      env_or("top_srcdir", "."), s->dir, s->dir));
	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		fds[i] = listen_any(1024, ports[i]);
		snprintf(inherited + strlen(inherited), sizeof(inherited) - strlen(inherited),
			 "%d;", fds[i]);
	}
	nginx_write_config(s);
	s->pid = fork();
	cr_assert(s->pid >= 0);
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		for (size_t i = 0; i < ARRAY_LEN(fds); i++)
			fcntl(fds[i], F_SETFD, 0);
		execle("/usr/sbin/nginx", "nginx", "-p", s->dir, "-c", "nginx.conf", "-e",
		       "error.log", NULL, (char *[]){inherited, NULL});
		_exit(127);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	return true;
}

void nginx_stop(struct nginx *s)
{
	if (!s->pid)
		return;
	kill(s->pid, SIGTERM);
	waitpid(s->pid, NULL, 0);
	run("rm -rf '%s'", s->dir);
}
