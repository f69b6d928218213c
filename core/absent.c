// SPDX-License-Identifier: MIT
/*
 * absent.c - negative caching: ids that a request ended without, remembered for a while.
 *
 * WHAT       A fixed array of entries, each one line with the whole id, so that nothing is ever taken for another. An id may be
 *            in four neighbouring entries, which its keyed hash chooses: strangers cannot aim at each other's.
 * INVARIANTS I1 an entry is written by who made its version odd, and only then. I2 what a reader found is what was there
 *            between two looks at the version that are even and equal.
 * ROLES      fetch threads: remember, forget. callers: has.
 * EDGES      E1 entry   unlock_entry() release -> holds() acquire   the id and its time
 *            E2 locked  lock_entry() acquire -> holds() acquire   the version is odd before the first word changes
 * PROGRESS   wait-free. Who finds an entry odd passes it over; one that a writer left so for ever is lost.
 * TESTS      tests/unit/test_absent.c
 */
#include "core/absent.h"
#include "core/memory.h"
#include <errno.h>

#define WAYS 4

int trove__absent_init(struct trove__absent *absent, const struct trove_options *options)
{
    size_t count = WAYS, bytes;

    if (options->absent_max == 0)
        return 0;
    while (count < options->absent_max)
        count *= 2;
    bytes = count * sizeof(*absent->entries);
    absent->entries = trove__sized_alloc(bytes, TROVE__LINE_BYTES);
    if (absent->entries == NULL)
        return -ENOMEM;
    memset(absent->entries, 0, bytes);
    absent->count = count;
    absent->life_ns = (int64_t)options->absent_ms * 1000000;
    return 0;
}

void trove__absent_deinit(struct trove__absent *absent)
{
    if (absent->entries != NULL)
        trove__sized_free(absent->entries, absent->count * sizeof(*absent->entries),
                          TROVE__LINE_BYTES);
    absent->entries = NULL;
}

static struct trove__absent_entry *ways_of(const struct trove__absent *absent, uint64_t hash)
{
    return &absent->entries[(size_t)hash & (absent->count - WAYS)];
}

/* True while ENTRY is about ID and holds; *RET_UNTIL_NS is its time, 0 when it is about another. */
static bool holds(struct trove__absent_entry *entry, const struct trove_oid *id,
                  int64_t *ret_until_ns)
{
    /* ACQUIRE all [E1 entry] [E2 locked]: each load before the next, the second look at the version last. Pairs with
     * unlock_entry(), and with lock_entry(), after which the words change by releases. */
    unsigned version = trove__load_acquire(&entry->version);
    bool same = (version & 1) == 0;
    int64_t until_ns;

    for (unsigned i = 0; same && i < 4; i++) {
        uint64_t word;

        memcpy(&word, id->bytes + i * 8, sizeof(word));
        same = trove__load_acquire(&entry->id[i]) == word;
    }
    until_ns = (int64_t)trove__load_acquire(&entry->until_ns);
    same = same && trove__load_acquire(&entry->version) == version; /* [E1 entry] [E2 locked] */
    *ret_until_ns = same ? until_ns : 0;
    return same && trove_now_ns() < until_ns;
}

static bool lock_entry(struct trove__absent_entry *entry)
{
    /* RELAXED: a guess, the CAS checks it. */
    unsigned version = trove__load_relaxed(&entry->version);

    /* ACQ_REL [E2 locked]: before the words change. Pairs with holds(). */
    return (version & 1) == 0 && trove__cas_acq_rel(&entry->version, &version, version + 1);
}

static void unlock_entry(struct trove__absent_entry *entry)
{
    /* ACQ_REL [E1 entry]: hands over the words. Pairs with holds(). */
    trove__add_acq_rel(&entry->version, 1);
}

/* The entry for ID: its own, else the one whose time is over first. */
static struct trove__absent_entry *choose(const struct trove__absent *absent, uint64_t hash,
                                          const struct trove_oid *id)
{
    struct trove__absent_entry *ways = ways_of(absent, hash), *oldest = ways;
    int64_t until_ns;

    for (unsigned i = 0; i < WAYS; i++) {
        (void)holds(&ways[i], id, &until_ns);
        if (until_ns != 0)
            return &ways[i];
        /* RELAXED, both: a wrong guess forgets another id. */
        if (trove__load_relaxed(&ways[i].until_ns) < trove__load_relaxed(&oldest->until_ns))
            oldest = &ways[i];
    }
    return oldest;
}

void trove__absent_remember(struct trove__absent *absent, uint64_t hash, const struct trove_oid *id)
{
    struct trove__absent_entry *entry;

    if (absent->entries == NULL)
        return;
    entry = choose(absent, hash, id);
    if (!lock_entry(entry))
        return;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t word;

        memcpy(&word, id->bytes + i * 8, sizeof(word));
        trove__store_release(&entry->id[i], word); /* [E2 locked] */
    }
    /* RELEASE [E2 locked]: after the version was made odd. */
    trove__store_release(&entry->until_ns, (uint64_t)(trove_now_ns() + absent->life_ns));
    unlock_entry(entry);
}

void trove__absent_forget(struct trove__absent *absent, uint64_t hash, const struct trove_oid *id)
{
    struct trove__absent_entry *ways;
    int64_t until_ns;

    if (absent->entries == NULL)
        return;
    ways = ways_of(absent, hash);
    for (unsigned i = 0; i < WAYS; i++) {
        (void)holds(&ways[i], id, &until_ns);
        if (until_ns == 0 || !lock_entry(&ways[i]))
            continue;
        /* Another id that came in between is forgotten with it: a request more. RELEASE [E2 locked] */
        trove__store_release(&ways[i].until_ns, 0);
        unlock_entry(&ways[i]);
    }
}

bool trove__absent_has(const struct trove__absent *absent, uint64_t hash,
                       const struct trove_oid *id)
{
    struct trove__absent_entry *ways;
    int64_t until_ns;

    if (absent->entries == NULL)
        return false;
    ways = ways_of(absent, hash);
    for (unsigned i = 0; i < WAYS; i++)
        if (holds(&ways[i], id, &until_ns))
            return true;
    return false;
}
