/* Answers of the API for the tests: whole jobs of every kind, and ways to change them. */
#pragma once

#include <stddef.h>

#include <json-c/json.h>

#include "model/kind.h"
#include "support/rand.h"

#define BODY_ID     "abc"
#define BODY_SECRET "plantedsecret" /* stands in every field that must never be kept */

/* A realistic, whole job: accounts/acme/<collection>/abc, running. */
extern const char *const bodies[KIND_COUNT_];

/*
 * The body as a tree, and with the member at `path` ("status.code") set to the JSON text `value`, or
 * taken out where that is NULL.
 */
struct json_object *body_tree(enum kind kind);
void body_set(struct json_object *tree, const char *path, const char *value);

/* Members of all objects in another order. Takes over the tree. */
struct json_object *body_shuffle(struct json_object *tree, struct rnd *rnd);
