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

bool peer_is_named(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = list; (at = strstr(at, name)) != NULL; at += length)
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

bool peer_can_run(void)
{
#if defined(TROVE__NEEDLE_BLOCKS)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("aes") &&
           __builtin_cpu_supports("bmi2");
#else
    return true;
#endif
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
