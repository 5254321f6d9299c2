/* What the files of the API share. Nobody outside includes this. */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "codec/status_json.h"
#include "daemon/api.h"
#include "daemon/view.h"
#include "io/server.h"

struct api {
	struct api_sources sources;
	uv_loop_t *loop;
	struct server *server; /* of the control socket */
	struct server *web;    /* of the loopback address, or NULL */
	char *address;         /* its address, or NULL */
	bool stopping;
	unsigned web_streams; /* streams that are read over TCP */
	unsigned open;        /* servers that are not closed yet, and one more until api_close() */
	char *path;
	struct stat socket; /* what stands at `path`, to know it again */
	int64_t started_us;
	void (*closed)(void *user);
	void *closed_user;
};

/*
 * One call. `rest` is what follows the path in the table. As server_fn: 0, SERVER_LATER, or negative,
 * which becomes a 500 with what the errno says.
 */
typedef int (*api_fn)(struct api *api, const struct server_request *request, const char *rest,
		      struct server_response *response);

int api_get_status(struct api *api, const struct server_request *request, const char *rest,
		   struct server_response *response);
int api_get_health(struct api *api, const struct server_request *request, const char *rest,
		   struct server_response *response);
int api_get_jobs(struct api *api, const struct server_request *request, const char *rest,
		 struct server_response *response);
int api_get_job(struct api *api, const struct server_request *request, const char *rest,
		struct server_response *response);
int api_put_job(struct api *api, const struct server_request *request, const char *rest,
		struct server_response *response);
int api_delete_job(struct api *api, const struct server_request *request, const char *rest,
		   struct server_response *response);
int api_get_events(struct api *api, const struct server_request *request, const char *rest,
		   struct server_response *response);
int api_stream_events(struct api *api, const struct server_request *request, const char *rest,
		      struct server_response *response);
int api_get_notifiers(struct api *api, const struct server_request *request, const char *rest,
		      struct server_response *response);
int api_test_notifier(struct api *api, const struct server_request *request, const char *rest,
		      struct server_response *response);
int api_get_deliveries(struct api *api, const struct server_request *request, const char *rest,
		       struct server_response *response);
int api_retry_delivery(struct api *api, const struct server_request *request, const char *rest,
		       struct server_response *response);
int api_get_metrics(struct api *api, const struct server_request *request, const char *rest,
		    struct server_response *response);
int api_get_openapi(struct api *api, const struct server_request *request, const char *rest,
		    struct server_response *response);
int api_reload(struct api *api, const struct server_request *request, const char *rest,
	       struct server_response *response);

int api_submit(struct api *api, const struct server_request *request, const char *rest,
	       struct server_response *response);

int api_get_page(struct api *api, const struct server_request *request, const char *rest,
		 struct server_response *response);

/* How the daemon is; `view` points to what stands beside it. */
struct api_status {
	struct status_view view;
	struct account_view accounts[ROUTE_MAX];
	struct view_account of_accounts[ROUTE_MAX];
	struct notifier_view notifiers[ROUTE_MAX];
};
void api_view_status(struct api *api, struct api_status *ret);

/* Makes the response an error: 0 or -ENOMEM. */
int api_refuse_stopping(struct server_response *response);
int api_refuse(struct server_response *response, unsigned status, const char *code, const char *fmt,
	       ...) _printf_(4, 5);

/* {"status":"ok"} */
int api_done(struct server_response *response);

/* The configured accounts, in the order of the configuration; how many. */
size_t api_accounts(const struct api *api, struct account *ret[ROUTE_MAX]);

/* The one of that id, or NULL. */
struct account *api_find_account(const struct api *api, const char *id);

bool api_is_watched(const struct job *job);

/* All that are, in no order; free() the array, the jobs live as long as the daemon. 0 or -ENOMEM. */
int api_watched_jobs(const struct api *api, const struct job ***ret, size_t *ret_n);

/* A job's document, as of now. */
int api_job_document(const struct api *api, const struct job *job, struct buf *body);

/*
 * An argument that is a number from `min` to `max`; `preset` where it is not there. 0 or -EINVAL, and
 * then the response says so.
 */
int api_number(const struct server_request *request, struct server_response *response,
	       const char *name, uint64_t min, uint64_t max, uint64_t preset, uint64_t *ret);

/* "acme/sft/abc" or a full name, as an argument or as part of a path. 0 or -EINVAL. */
int api_job_name(const char *text, struct job_name *ret);

/* Whether all of these names, joined by commas, are notifiers'; else the response says which is not. */
bool api_knows_notifiers(const struct api *api, const char *notify,
			 struct server_response *response);

/* Whether something can be sent to the notifier now: it is there and not off; else a 409. */
bool api_is_open(const struct api *api, const char *notifier, struct server_response *response);

/* Whether nothing can be written down now: better to say so than to let somebody wait. */
bool api_is_store_failing(const struct api *api, struct server_response *response);

/* Refusals that more than one call has. */
int api_no_account(struct server_response *response, const char *account);
int api_too_many(struct server_response *response, const char *account);
