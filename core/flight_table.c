// SPDX-License-Identifier: MIT
/*
 * flight_table.c - at most one flight of an id at a time: lock-free lists behind a fixed array of heads.
 *
 * WHAT       Add-if-absent in one step, find, remove, for nodes whose memory is type-stable (flight_pool.c).
 * INVARIANTS I1 each list is sorted by (hash, id), so an id has one place, and there at most one unmarked flight.
 *            I2 a link word changes its version with every change, also from one life of its flight to the next, and never
 *            goes back: a word that is unchanged means that nothing happened to it.
 *            I3 a marked link word leads out of a flight that is being removed; nothing is inserted behind it.
 *            I4 `id` and `hash` of a flight in a list do not change.
 *            I5 the one CAS that takes a flight out of its list, and only it, drops the table's reference.
 * ROLES      any thread, no section needed.
 * PROTOCOL   A link word is an index (24 bits, 0 ends the list), a mark and a version (39 bits). search() reads a flight's
 *            own link and key and then looks at the link that led there once more: unchanged means that the flight was in
 *            the list meanwhile, whatever lives it had before (I2). Marked flights are unlinked on the way. insert: CAS of
 *            the link before its place. remove: mark the flight's own link, then search, which unlinks. find: take a
 *            reference unless the count is 0, then look at the link once more: the reference is on a flight in the list.
 * EDGES      E1 link      flight_insert() release -> search() acquire   a flight's key, state and references
 *            E2 unlink    search() release -> search() acquire   what whoever removed did before: the object is cached
 *            E3 new-key   trove__flight_create(), flight_insert() release -> walk(), compare() acquire   the end of the flight's last
 *                         life: who reads a word of the new one finds the link that led here changed
 * PROGRESS   lock-free: a search starts over only when another thread changed a link.
 * LIMITS     Versions wrap after 2^39 changes of one word during one step of a search.
 * TESTS      tests/stress/test_flight_stress.c, tests/explore/test_explore_flight.c (each edge)
 * SOURCES    M. Michael, High performance dynamic lock-free hash tables and list-based sets, SPAA 2002.
 */
#include "core/memory.h"
#include "core/unit.h"
#include <errno.h>

#define INDEX_MASK (((uint64_t)1 << 24) - 1)
#define MARK ((uint64_t)1 << 24)
#define VERSION_ONE ((uint64_t)1 << 25)
#define VERSION_MASK (~(VERSION_ONE - 1))

_Static_assert(TROVE__FLIGHTS_MAX - 1 <= INDEX_MASK, "an index fits a link word");

/* Where an id is or would be: the word that leads there, what it held, and the flight behind it. */
struct place {
    atomic_ulong *link;
    uint64_t word;
    struct trove__flight *flight;
};

struct key {
    uint64_t hash;
    uint64_t id[4];
};

int trove__flight_table_init(struct trove__flight_table *table, uint32_t flights_max)
{
    unsigned bits = 6;

    while (bits < 20 && ((uint32_t)2 << bits) < flights_max)
        bits++;
    table->shift = 64 - bits;
    table->head_count = (size_t)1 << bits;
    table->heads = trove__calloc(table->head_count, sizeof(*table->heads));
    return table->heads == NULL ? -ENOMEM : 0;
}

void trove__flight_table_deinit(struct trove__flight_table *table)
{
    trove__free(table->heads);
    table->heads = NULL;
}

static uint64_t link_after(uint64_t old, uint64_t index)
{
    return ((old & VERSION_MASK) + VERSION_ONE) | index;
}

/* The sign of FLIGHT's key against KEY. The loads are acquire so that the caller's second look at the link comes after
 * them; what they read counts only if that look finds the link unchanged. */
static int compare(const struct trove__flight *flight, const struct key *key)
{
    struct trove__flight *f = (struct trove__flight *)flight;
    uint64_t hash =
        trove__load_acquire(&f->hash); /* [E3 new-key]: pairs with trove__flight_create() */

    if (hash != key->hash)
        return hash < key->hash ? -1 : 1;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t word = trove__load_acquire(&f->id[i]); /* [E3 new-key] */
        if (word != key->id[i])
            return word < key->id[i] ? -1 : 1;
    }
    return 0;
}

/* One walk. True: *RET_PLACE is where KEY's flight is, or where it would be. False: something changed, walk again. */
static bool walk(struct trove__unit *unit, const struct key *key, struct place *ret_place,
                 bool *ret_found)
{
    atomic_ulong *link = &unit->table.heads[key->hash >> unit->table.shift];
    /* ACQUIRE [E1 link] [E2 unlink]: here and below. Pairs with trove__flight_insert() and with the CAS below. */
    uint64_t word = trove__load_acquire(link);

    for (;;) {
        uint64_t index = word & INDEX_MASK, next;
        struct trove__flight *flight;
        int sign;

        *ret_place = (struct place){.link = link, .word = word};
        *ret_found = false;
        if (word & MARK)
            return false; /* the flight that this link leads out of is going */
        if (index == 0)
            return true;
        flight = trove__flight_pool_at(&unit->pool, (uint32_t)index);
        next = trove__load_acquire(&flight->next); /* [E1 link] [E2 unlink] [E3 new-key] */
        sign = compare(flight, key);
        if (trove__load_acquire(link) != word)
            return false;
        if (next & MARK) {
            uint64_t past = link_after(word, next & INDEX_MASK);
            /* ACQ_REL [E2 unlink]: hands on what the remover did. Pairs with the loads above. */
            if (!trove__cas_acq_rel(link, &word, past))
                return false;
            trove__flight_unref(unit, flight); /* I5 */
            word = past;
            continue;
        }
        if (sign >= 0) {
            ret_place->flight = flight;
            *ret_found = sign == 0;
            return true;
        }
        link = &flight->next;
        word = next;
    }
}

static bool search(struct trove__unit *unit, const struct key *key, struct place *ret_place)
{
    bool found;

    while (!walk(unit, key, ret_place, &found))
        ;
    return found;
}

/* The key of a flight that the caller holds. RELAXED: it does not change meanwhile (I4), and whoever handed the flight
 * over handed over its key. */
static struct key key_of(struct trove__flight *flight)
{
    struct key key = {.hash = trove__load_relaxed(&flight->hash)};

    for (unsigned i = 0; i < 4; i++)
        key.id[i] = trove__load_relaxed(&flight->id[i]);
    return key;
}

struct trove__flight *trove__flight_find(struct trove__unit *unit, const struct trove_oid *id)
{
    struct key key = {.hash = trove__cache_hash(unit->cache, id)};
    struct place place;

    memcpy(key.id, id->bytes, sizeof(key.id));
    while (search(unit, &key, &place)) {
        if (!trove__flight_try_ref(place.flight))
            continue; /* gone meanwhile */
        /* ACQUIRE [E1 link]: the link is as it was, so the reference is on a flight in the list. */
        if (trove__load_acquire(place.link) == place.word)
            return place.flight;
        trove__flight_unref(unit, place.flight);
    }
    return NULL;
}

bool trove__flight_insert(struct trove__unit *unit, struct trove__flight *flight)
{
    struct key key = key_of(flight);
    struct place place;
    uint64_t own;

    for (;;) {
        if (search(unit, &key, &place))
            return false;
        own = trove__load_relaxed(&flight->next); /* RELAXED: nobody changes it now */
        /* RELEASE [E3 new-key]: as the key, for who is led here by a stale link, and would go on along the new one. */
        trove__store_release(&flight->next, link_after(own, place.word & INDEX_MASK));
        /* RELEASE [E1 link]: hands over the flight. Pairs with walk(). */
        if (trove__cas_release(place.link, &place.word, link_after(place.word, flight->index)))
            return true;
    }
}

void trove__flight_remove(struct trove__unit *unit, struct trove__flight *flight)
{
    struct key key = key_of(flight);
    /* RELAXED: a guess, the CAS checks it. */
    uint64_t own = trove__load_relaxed(&flight->next);
    struct place place;

    do {
        if (own & MARK)
            break;
        /* ACQ_REL [E2 unlink]: what the remover did goes with the mark to whoever unlinks. Pairs with walk(). */
    } while (!trove__cas_acq_rel(&flight->next, &own, link_after(own, own & INDEX_MASK) | MARK));
    search(unit, &key, &place); /* unlinks */
}
