// SPDX-License-Identifier: MIT
/*
 * warm_lookups.c - lookups for lookups.py to count the instructions and the lines of, under callgrind.
 *
 * For each reader that the machine has (valgrind's has no AVX-512) and each algorithm: a table whose secret is always the
 * same, filled, all hints at their ceiling; then each kind of lookup over the same ids, twice: once to fill the simulated
 * cache with what every lookup reads, once to count, and what was counted is written under the name of the kind. All lookups
 * of one kind read far more lines than the simulated cache has. The same loop around nothing is counted first.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#define OBJECTS 32768
#define LOOKUPS 4096 /* of every eighth object; two lines each, where the simulated cache has 512 */
#define BATCH 32
#define BYTES 80

static struct trove *cache;
static struct trove_oid hits[LOOKUPS], misses[LOOKUPS];

static void die(const char *what)
{
    fprintf(stderr, "warm_lookups: %s\n", what);
    exit(EXIT_FAILURE);
}

/* --- what is counted ---------------------------------------------------------------------------------------------- */

/* Returns how many it found of those BATCH ids. */
typedef size_t (*lookup_fn)(const struct trove_oid *ids);

__attribute__((noinline)) static bool nothing(struct trove *unused, const struct trove_oid *id)
{
    (void)unused;
    return id->bytes[0] < 128;
}

static size_t sink;

static size_t look_nowhere(const struct trove_oid *ids)
{
    size_t found = 0;

    for (size_t i = 0; i < BATCH; i++)
        found += nothing(cache, &ids[i]);
    sink += found;
    return 0;
}

static size_t has(const struct trove_oid *ids)
{
    size_t found = 0;

    for (size_t i = 0; i < BATCH; i++)
        found += trove_has(cache, &ids[i]);
    return found;
}

static size_t get(const struct trove_oid *ids)
{
    const struct trove_object *object;
    size_t found = 0;

    for (size_t i = 0; i < BATCH; i++)
        found += trove_get(cache, &ids[i], &object) == 0;
    return found;
}

static size_t get_many(const struct trove_oid *ids)
{
    const struct trove_object *objects[BATCH];

    return trove_get_many(cache, ids, BATCH, objects);
}

/* Reads a line more of each, that of its pins: to be seen in the count. */
static size_t get_and_pin(const struct trove_oid *ids)
{
    const struct trove_object *object;
    size_t found = 0;

    for (size_t i = 0; i < BATCH; i++) {
        if (trove_get(cache, &ids[i], &object) != 0)
            continue;
        trove_unpin(trove_pin(object));
        found++;
    }
    return found;
}

static void pass(lookup_fn lookup, const struct trove_oid *ids, size_t expected)
{
    size_t found = 0;

    for (size_t i = 0; i < LOOKUPS; i += BATCH)
        found += lookup(ids + i);
    if (found != expected)
        die("a wrong answer");
}

static void count(const struct trove__reader *reader, const char *kind, lookup_fn lookup,
                  const struct trove_oid *ids, size_t expected)
{
    char name[80];

    snprintf(name, sizeof(name), "%s %s %s", reader->name,
             trove_algo(cache) == TROVE_SHA1 ? "SHA-1" : "SHA-256", kind);
    pass(lookup, ids, expected);
    CALLGRIND_ZERO_STATS;
    pass(lookup, ids, expected);
    CALLGRIND_DUMP_STATS_AT(name);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static void open_with(const struct trove__reader *reader, enum trove_algo algo)
{
    struct trove_options options;

    trove_options_init(&options);
    options.hash = fake_hash(algo);
    options.max_bytes = (uint64_t)64 << 20;
    if (trove_open(&options, &cache, NULL) != 0)
        die("cannot open a cache");
    cache->reader = *reader;
    cache->table.hash = reader->hash;
    for (unsigned i = 0; i < 8; i++)
        cache->table.secret.key[i] =
            0x9e3779b97f4a7c15 * (i + 1); /* positions are always the same */
    /* RELAXED: nobody else is here. The reclaimer's turns are taken in fill(), so that growth comes at the same objects. */
    trove__store_relaxed(&cache->reclaim.thread_state, TROVE__RECLAIM_STARTING);
}

static void fill(enum trove_algo algo)
{
    unsigned char data[BYTES] = {0};

    for (uint32_t n = 0; n < OBJECTS + LOOKUPS; n++) {
        struct trove_oid id;

        memcpy(data, &n, sizeof(n));
        id = fake_oid(algo, TROVE_BLOB, data, BYTES);
        if (n >= OBJECTS)
            misses[n - OBJECTS] = id;
        else if (trove_put(cache, TROVE_BLOB, data, BYTES, NULL, NULL) != 0)
            die("cannot put");
        else if (n % (OBJECTS / LOOKUPS) == 0)
            hits[n / (OBJECTS / LOOKUPS)] = id;
        while (trove__reclaim_turn(&cache->reclaim) || trove__table_service(&cache->table))
            ;
    }
    for (unsigned use = 0; use < TROVE__HINT_MAX; use++)
        pass(get, hits, LOOKUPS);
}

static void count_all(const struct trove__reader *reader)
{
    count(reader, "nothing", look_nowhere, hits, 0);
    count(reader, "has in its own section, hit", has, hits, LOOKUPS);
    trove_read_lock();
    count(reader, "has, hit", has, hits, LOOKUPS);
    count(reader, "has, miss", has, misses, 0);
    count(reader, "get, hit", get, hits, LOOKUPS);
    count(reader, "get, miss", get, misses, 0);
    count(reader, "get_many, hit", get_many, hits, LOOKUPS);
    count(reader, "get_many, miss", get_many, misses, 0);
    count(reader, "get and pin, hit", get_and_pin, hits, LOOKUPS);
    trove_read_unlock();
}

int main(void)
{
    const struct trove__reader *reader;

    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++)
        for (unsigned n = 0; (reader = trove__reader_nth(algo, n)) != NULL; n++) {
            open_with(reader, algo);
            fill(algo);
            CALLGRIND_START_INSTRUMENTATION;
            count_all(reader);
            CALLGRIND_STOP_INSTRUMENTATION;
            if (trove_close(cache, NULL) != 0)
                die("cannot close");
        }
    printf("%d lookups of a kind\n", LOOKUPS);
    return 0;
}
