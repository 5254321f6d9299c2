/*
 * What can stand between the daemon and a job, as one closed list of classes; and how long an
 * account has been out of sight.
 *
 * A failed fetch is never a state of a job. It is a trouble of the watcher, counted per account.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum trouble {
	TROUBLE_NONE,
	TROUBLE_DNS,          /* the name did not resolve */
	TROUBLE_CONNECT,      /* refused, unreachable, connect time-out, proxy */
	TROUBLE_TLS,          /* handshake or certificate */
	TROUBLE_RESET,        /* the connection broke, or the answer ended early */
	TROUBLE_TIMEOUT,      /* the answer took too long, or dripped too slowly */
	TROUBLE_TOO_LARGE,    /* more bytes than allowed, also after decompression */
	TROUBLE_REDIRECT,     /* 3xx: never followed */
	TROUBLE_UNAUTHORIZED, /* 401, 403 */
	TROUBLE_SUSPENDED,    /* 412: the account is suspended */
	TROUBLE_RATE_LIMITED, /* 429 */
	TROUBLE_SERVER,       /* 5xx */
	TROUBLE_HTTP,         /* any other status that the call does not allow */
	TROUBLE_NOT_API,      /* 200, but not what the API sends: HTML, not JSON, wrong shape */
	TROUBLE_WRONG_JOB,    /* a well-formed job, but not the one asked for */
	TROUBLE_COUNT_,
};

/* "dns", "connect", …; "none" for TROUBLE_NONE. */
const char *trouble_name(enum trouble trouble);

/* The class of an answer's status code; TROUBLE_NONE for 200, the only one that the API gives a GET. */
enum trouble trouble_of_status(long status);

/*
 * Whether it concerns all requests of the account, so that these wait for a while. Answers that are
 * wrong in themselves may concern one job only: they do when `failures`, failed requests in a row,
 * become many.
 */
bool trouble_blocks_account(enum trouble trouble, unsigned failures);

#define OUTAGE_TEXT_MAX 256

/* A stretch of time in which nothing of an account could be seen. */
struct outage {
	enum trouble trouble;        /* class of the last error */
	int64_t since_us;            /* CLOCK_REALTIME of the first error */
	int64_t until_us;            /* CLOCK_REALTIME of the recovery; 0 while it lasts */
	uint64_t failures;           /* failed requests */
	char first[OUTAGE_TEXT_MAX]; /* first and last error, for people; without secrets */
	char last[OUTAGE_TEXT_MAX];
};

/* How long one that is over was; 0 where the wall clock was set back meanwhile. */
uint64_t outage_ms(const struct outage *o);

/*
 * The sight of one account. Feed it every answer; it says when the two events are due. Its times
 * are ms on CLOCK_MONOTONIC, which stands still while the machine sleeps.
 */
struct sight {
	bool out;       /* at least one failure since the last success */
	bool announced; /* watcher.degraded was made for this outage */
	uint64_t out_since_ms;
	struct outage outage;
};

enum sight_verdict {
	SIGHT_SAME,
	SIGHT_DEGRADED, /* make watcher.degraded now */
	SIGHT_RESTORED, /* make watcher.restored now; sight->outage tells of the whole outage */
};

/* A request failed. Never announces by itself: sight_check() does. */
void sight_failed(struct sight *s, enum trouble trouble, const char *text, uint64_t now_ms,
		  int64_t now_us);

/* A well-formed answer came. SIGHT_RESTORED only when the outage had been announced. */
enum sight_verdict sight_succeeded(struct sight *s, int64_t now_us);

/* When sight_check() has something to say; UINT64_MAX for never. */
uint64_t sight_due_ms(const struct sight *s, uint64_t degraded_after_ms);

/* SIGHT_DEGRADED once per outage, when it has lasted longer than `degraded_after_ms`. */
enum sight_verdict sight_check(struct sight *s, uint64_t degraded_after_ms, uint64_t now_ms);
