/*
 * Mail: which connection takes which message. One serves the same options only: what one sender
 * allows in the clear, or logs in as, is no connection for another.
 */
#include "io/mail_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/macro.h"

struct mail {
	uv_loop_t *loop;
	struct list links;   /* with a message, or kept for one */
	struct list leaving; /* closing; nothing new is started on them */
	/* Never started. It closes last, so that `closed` has a callback to come from when there is
	   no connection. */
	uv_idle_t last;
	bool closing;
	void (*closed)(void *user);
	void *closed_user;
};

struct mail_transfer {
	struct list node; /* in one of mail's lists */
	struct mail *mail;
	struct mail_link *link;
	struct mail_options options; /* its strings are ours */
	bool busy;
	mail_fn fn;
	void *user;
};

/* May hold a secret. */
static void wipe(const char *s)
{
	if (s)
		explicit_bzero((char *)s, strlen(s));
	free((char *)s);
}

static struct mail_transfer *transfer_free(struct mail_transfer *t)
{
	if (!t)
		return NULL;
	list_remove(&t->node);
	free((char *)t->options.url);
	free((char *)t->options.ca_file);
	free((char *)t->options.user);
	wipe(t->options.password);
	free(t);
	return NULL;
}
DEFINE_CLEANUP(struct mail_transfer *, transfer_free);

static void on_last_closed(uv_handle_t *handle)
{
	struct mail *m = handle->data;
	void (*closed)(void *user) = m->closed;
	void *user = m->closed_user;

	free(m);
	if (closed)
		closed(user);
}

static void close_when_empty(struct mail *m)
{
	if (m->closing && list_empty(&m->links) && list_empty(&m->leaving))
		uv_close((uv_handle_t *)&m->last, on_last_closed);
}

static void on_link_closed(void *user)
{
	struct mail_transfer *t = user;
	struct mail *m = t->mail;

	transfer_free(t);
	close_when_empty(m);
}

static void transfer_leave(struct mail_transfer *t)
{
	list_remove(&t->node);
	list_append(&t->mail->leaving, &t->node);
	mail_link_close(t->link, on_link_closed, t);
}

static void on_idle(void *user)
{
	transfer_leave(user);
}

static void on_result(void *user, const struct mail_result *result)
{
	struct mail_transfer *t = user;

	t->busy = false;
	t->fn(t->user, result);
}

int mail_new(uv_loop_t *loop, struct mail **ret)
{
	struct mail *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->loop = loop;
	list_init(&m->links);
	list_init(&m->leaving);
	(void)uv_idle_init(loop, &m->last); /* always 0 */
	m->last.data = m;
	*ret = m;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_way(const struct mail_options *a, const struct mail_options *b)
{
	return same_text(a->url, b->url) && same_text(a->ca_file, b->ca_file) &&
	       same_text(a->user, b->user) && same_text(a->password, b->password) &&
	       a->plain == b->plain && a->connect_timeout_ms == b->connect_timeout_ms &&
	       a->timeout_ms == b->timeout_ms && a->linger_ms == b->linger_ms;
}

static int copy(const char *text, const char **ret)
{
	if (!text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int transfer_new(struct mail *m, const struct mail_options *options,
			struct mail_transfer **ret, struct error *ret_e)
{
	_cleanup_(transfer_freep) struct mail_transfer *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	list_init(&t->node);
	t->mail = m;
	t->options = *options;
	t->options.url = t->options.ca_file = t->options.user = t->options.password = NULL;
	if (copy(options->url, &t->options.url) < 0 ||
	    copy(options->ca_file, &t->options.ca_file) < 0 ||
	    copy(options->user, &t->options.user) < 0 ||
	    copy(options->password, &t->options.password) < 0)
		return -ENOMEM;
	r = mail_link_new(m->loop, options, on_idle, t, &t->link, ret_e);
	if (r < 0)
		return r;
	list_append(&m->links, &t->node);
	*ret = TAKE_PTR(t);
	return 0;
}

static int transfer_get(struct mail *m, const struct mail_options *options,
			struct mail_transfer **ret, struct error *ret_e)
{
	list_for_each (it, &m->links) {
		struct mail_transfer *t = container_of(it, struct mail_transfer, node);

		if (!t->busy && same_way(&t->options, options)) {
			*ret = t;
			return 0;
		}
	}
	return transfer_new(m, options, ret, ret_e);
}

int mail_start(struct mail *m, const struct mail_options *options,
	       const struct mail_message *message, mail_fn fn, void *user,
	       struct mail_transfer **ret, struct error *ret_e)
{
	struct mail_transfer *t = NULL;
	int r;

	if (m->closing)
		return error_set(ret_e, -ECANCELED, "closing");
	r = transfer_get(m, options, &t, ret_e);
	if (r < 0)
		return r;
	r = mail_link_start(t->link, message, on_result, t);
	if (r < 0) {
		transfer_leave(t); /* a new one has nothing that would end it */
		return r;
	}
	t->busy = true;
	t->fn = fn;
	t->user = user;
	*ret = t;
	return 0;
}

void mail_cancel(struct mail_transfer *t)
{
	mail_link_cancel(t->link);
}

void mail_close(struct mail *m, void (*closed)(void *user), void *user)
{
	struct mail_transfer *t;

	m->closing = true;
	m->closed = closed;
	m->closed_user = user;
	while ((t = list_first(&m->links, struct mail_transfer, node)))
		transfer_leave(t);
	close_when_empty(m);
}
