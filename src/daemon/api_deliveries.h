/*
 * The outbox on the control socket:
 *
 *   GET /v1/deliveries?state=S&limit=N   those in a state, of the newest event first; without `state`
 *                                        what is pending, then what is dead
 *                                        ("waitingFor":"model": until its job's output model is
 *                                        ready)
 *   POST /v1/deliveries/{id}/retry       sends it now: one that waits, or once more
 *
 * Both wait for the store and answer later (SERVER_LATER).
 */
#pragma once

#include "daemon/dispatcher.h"
#include "io/committer.h"
#include "io/server.h"

#define API_DELIVERIES_LIMIT     100  /* without `limit` */
#define API_DELIVERIES_LIMIT_MAX 1000 /* some hundred bytes each */

int api_get_deliveries(struct committer *committer, struct dispatcher *dispatcher,
		       const struct server_request *request, struct server_response *response);

/* `path` is what follows "/v1/deliveries/". */
int api_retry_delivery(struct committer *committer, struct dispatcher *dispatcher, const char *path,
		       struct server_response *response);
