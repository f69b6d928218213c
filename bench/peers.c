// SPDX-License-Identifier: MIT
/*
 * peers.c - the list of implementations, and what most of them share.
 */
#include "bench/peers.h"

#include "bench/harness.h"

/* Huge pages for whoever allocates, and no memory given back while something is measured: the same for all. */
__attribute__((visibility("default"))) const char *malloc_conf =
    "thp:always,metadata_thp:auto,dirty_decay_ms:-1,muzzy_decay_ms:-1";

struct peer *peer_list;
struct trove__secret peer_secret;
size_t peer_trove_lines;

void peer_register(struct peer *peer)
{
    struct peer **at = &peer_list;

    while (*at != NULL && (*at)->rank < peer->rank)
        at = &(*at)->next;
    peer->next = *at;
    *at = peer;
}

struct peer *peer_named(const char *name)
{
    struct peer *peer = peer_list;

    while (peer != NULL && strcmp(peer->name, name) != 0)
        peer = peer->next;
    return peer;
}

void peer_die(const char *name, const char *what)
{
    bench_die("%s: %s", name, what);
}

struct peer_object *peer_object_new(uint64_t n)
{
    struct peer_object *object = malloc(PEER_BLOCK);
    struct trove_oid id = bench_id(n);

    if (object == NULL)
        bench_die("no memory");
    memcpy(object->id, id.bytes, sizeof(object->id));
    object->size = BENCH_OBJECT_BYTES;
    memset(object->data, 0, sizeof(object->data));
    return object;
}

#define GARBAGE_MANY 4096

bool peer_garbage_add(struct peer_garbage *garbage, void *memory)
{
    if (garbage->count == garbage->capacity) {
        garbage->capacity = garbage->capacity == 0 ? GARBAGE_MANY : garbage->capacity * 2;
        garbage->items = realloc(garbage->items, garbage->capacity * sizeof(*garbage->items));
        if (garbage->items == NULL)
            bench_die("no memory");
    }
    garbage->items[garbage->count++] = memory;
    return garbage->count >= GARBAGE_MANY;
}

void peer_garbage_free(struct peer_garbage *garbage)
{
    while (garbage->count > 0)
        free(garbage->items[--garbage->count]);
    free(garbage->items);
    garbage->items = NULL;
    garbage->capacity = 0;
}

void peer_leave_freeing(struct peer_lane *lane)
{
    peer_garbage_free(&lane->garbage);
}
