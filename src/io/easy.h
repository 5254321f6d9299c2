/* What libcurl's easy handles have in common, whatever they transfer. */
#pragma once

#include <curl/curl.h>

#include "base/error.h"

/*
 * No signals, no waiting for a resolver at the end, TLS 1.2 or later, verified. `ret_ca_file` gets
 * libcurl's own CA file; NULL where it was built without.
 */
CURLcode easy_set_common(CURL *easy, const char **ret_ca_file);

/*
 * libcurl reuses a connection for as long as the kernel holds it open, and the kernel sends again
 * for a quarter of an hour before it gives a dead one up: with this, half a minute.
 */
void easy_bound_unacked(curl_socket_t fd);

/* "host: sentence". Bytes that came from the network and are no text are not passed on. */
void easy_say(const char *host, const char *sentence, struct error *ret);
