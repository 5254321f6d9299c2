/* Which watches a job belongs to, and which notifiers an event goes to. */
#include "model/route.h"

#include <fnmatch.h>

route_set route_watches(const struct route_table *t, size_t account, enum kind kind,
			const char *display_name, route_set named)
{
	route_set set = named;

	for (size_t i = 0; i < t->n_watches; i++) {
		const struct route_watch *w = &t->watches[i];

		if (w->account != account || w->by_name || !(w->kinds & 1U << kind))
			continue;
		if (w->display_name && fnmatch(w->display_name, display_name, 0) != 0)
			continue;
		set |= route_bit(i);
	}
	return set;
}

static route_set accepting(const struct route_table *t, enum event_type type, route_set notifiers)
{
	route_set set = 0;

	for (size_t i = 0; i < t->n_notifiers; i++)
		if (notifiers & route_bit(i) && t->accepts[i] & (uint64_t)1 << type)
			set |= route_bit(i);
	return set;
}

route_set route_announcing(const struct route_table *t, route_set watches, route_set named,
			   route_set baseline)
{
	route_set set = watches & (~baseline | named);

	/* What somebody asked for is told as it always will be. */
	if (watches & ROUTE_ADDED)
		return watches;
	for (size_t i = 0; i < t->n_watches; i++)
		if (watches & route_bit(i) && t->watches[i].announce)
			set |= route_bit(i);
	return set;
}

route_set route_job_event(const struct route_table *t, enum event_type type, route_set watches,
			  const route_set *chosen)
{
	route_set notifiers = watches == ROUTE_ADDED ? ROUTE_ALL : 0;

	if (chosen)
		return accepting(t, type, *chosen);
	for (size_t i = 0; i < t->n_watches; i++)
		if (watches & route_bit(i))
			notifiers |= t->watches[i].notify;
	return accepting(t, type, notifiers);
}

route_set route_account_event(const struct route_table *t, enum event_type type, size_t account)
{
	route_set notifiers = 0;
	bool any = false;

	for (size_t i = 0; i < t->n_watches; i++)
		if (t->watches[i].account == account) {
			notifiers |= t->watches[i].notify;
			any = true;
		}
	return accepting(t, type, any ? notifiers : ROUTE_ALL);
}
