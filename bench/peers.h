// SPDX-License-Identifier: MIT
/*
 * peers.h - what a bench asks of an implementation: trove, a peer, or the hardware itself.
 *
 * One file in bench/peers/ each; it says at its top how it is configured, and why that is its best. A peer is there when CMake
 * found what it needs: it puts itself on the list before main(). Objects are numbers (keys.h). Those that keep pointers keep
 * pointers to a peer_object, allocated one by one in blocks of 128 bytes, so that what a lookup reads of it lies in one line.
 */
#ifndef TROVE_BENCH_PEERS_H
#define TROVE_BENCH_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/keys.h"
#ifdef __cplusplus
#define _Alignas alignas
#define _Static_assert static_assert
extern "C" {
#endif
#include "core/keyed_hash.h"

#define PEER_SECTION 64 /* lookups in one read section, unless a workload says otherwise */

struct peer_object {
    uint64_t size;
    uint8_t id[20];
    unsigned char data[BENCH_OBJECT_BYTES];
};
#define PEER_BLOCK 128
_Static_assert(sizeof(struct peer_object) <= PEER_BLOCK, "one block");

/* Removed, and not yet free. */
struct peer_garbage {
    void **items;
    size_t count, capacity;
};

/* One thread's view of one table. */
struct peer_lane {
    void *table;
    void *own; /* what the peer needs for each thread */
    struct peer_garbage garbage;
};

/* Some reads, and then some objects replaced: over and over. */
struct peer_mix {
    const struct trove_oid *ids; /* of what is there all the time */
    size_t count;                /* operations */
    unsigned reads, replaces;    /* in a group; the reads are one section */
    /* The K-th replacement, K = first, first + step, ... */
    uint64_t first, step;
    void (*pair)(const void *context, uint64_t k, uint64_t *ret_old, uint64_t *ret_new);
    const void *context;
};

enum peer_trait {
    PEER_IS_TROVE = 1,
    PEER_SECTIONS = 2,  /* lookups need read sections, which cost something */
    PEER_HARDWARE = 4,  /* no table: finds everything, holds nothing */
    PEER_GROWS = 8,     /* takes more than it was opened for, by itself */
    PEER_WRITERS = 16,  /* several writers at once */
    PEER_LARGE = 32,    /* also measured where memory and time are short */
    PEER_RECLAIMS = 64, /* what is removed is freed while readers go on */
    PEER_EVICTS = 128,  /* chooses itself what goes */
    PEER_SMALL = 256,   /* not measured where it would take most of the time: its file says why */
};

struct peer {
    const char *name;
    unsigned traits; /* enum peer_trait */
    int rank;        /* where in the tables it stands */
    /* Uses the table of this one (not NULL), and has lookups only. */
    const struct peer *shares;

    /* A table presized for OBJECTS, or as small as it comes (OBJECTS 0). Dies when it cannot. */
    void *(*open)(size_t objects);
    /* A thread begins and ends to use LANE->table. Either may be NULL. */
    void (*enter)(struct peer_lane *lane);
    void (*leave)(struct peer_lane *lane);

    void (*add)(struct peer_lane *lane, uint64_t n);
    /* Removes OLD and adds N; one that evicts chooses itself what goes. */
    void (*replace)(struct peer_lane *lane, uint64_t old, uint64_t n);
    /* The same while the table is turned over: N is then used. NULL: replace. */
    void (*turn)(struct peer_lane *lane, uint64_t old, uint64_t n);
    /* After each turnover, for those that ask for it. May be NULL. */
    void (*tidy)(struct peer_lane *lane);
    /* Puts back what is missing of NUMBERS, and uses each some times. For those that evict. */
    void (*warm)(struct peer_lane *lane, const uint64_t *numbers, size_t count);
    bool (*has)(struct peer_lane *lane, const struct trove_oid *id); /* for those that evict */

    /* The sum of the sizes of what was found. Sections of PEER_SECTION, of one lookup; chained: each id's place follows from
     * the object before (it may be ids[i + 1]); WIDTH at a time, where there is a call for it. NULL: there is none. */
    uint64_t (*plain)(struct peer_lane *lane, const struct trove_oid *ids, size_t count);
    uint64_t (*calls)(struct peer_lane *lane, const struct trove_oid *ids, size_t count);
    uint64_t (*chain)(struct peer_lane *lane, const struct trove_oid *ids, size_t count);
    uint64_t (*batch)(struct peer_lane *lane, const struct trove_oid *ids, size_t count,
                      unsigned width);
    uint64_t (*mix)(struct peer_lane *lane, const struct peer_mix *mix);

    struct peer *next;
};

/* Puts PEER on the list, in the order of ranks. */
void peer_register(struct peer *peer);
extern struct peer *peer_list;

/* NAME stands in LIST, which commas part. */
bool peer_is_named(const char *list, const char *name);

/* This processor has the instructions that peer_hash() was compiled for. */
bool peer_can_run(void);

#define PEER_REGISTER(peer)                                                                        \
    __attribute__((constructor)) static void register_##peer(void)                                 \
    {                                                                                              \
        peer_register(&(peer));                                                                    \
    }

/* The secret of the hash that all peers share: that of trove's own readers. */
extern struct trove__secret peer_secret;
/* How many lines trove's table has for these objects, for the hardware's reads. 0: not known. */
extern size_t peer_trove_lines;

/* Own; free(). */
struct peer_object *peer_object_new(uint64_t n);

/* Keeps MEMORY until peer_garbage_free(), which frees all. The first returns true when there are many. */
bool peer_garbage_add(struct peer_garbage *garbage, void *memory);
void peer_garbage_free(struct peer_garbage *garbage);
/* For peers without reclamation of their own: what they removed is freed when the lane ends, after the time was taken. */
void peer_leave_freeing(struct peer_lane *lane);

__attribute__((noreturn)) void peer_die(const char *name, const char *what);

/* The keyed hash, out of the id's registers. */
static inline uint64_t peer_hash(const uint8_t *id)
{
    const struct trove__needle needle = trove__needle_of(id, TROVE_SHA1);

    return trove__keyed_hash(&peer_secret, &needle, TROVE_SHA1);
}

static inline bool peer_same_id(const uint8_t *id, const uint8_t *other)
{
    const struct trove__needle needle = trove__needle_of(id, TROVE_SHA1);

    return trove__needle_is(&needle, other, TROVE_SHA1);
}

/* For tables from the hash to a pointer: the object's size when it is the one. */
static inline size_t peer_size_if(const struct peer_object *object, const struct trove_oid *id)
{
    return object != NULL && peer_same_id(id->bytes, object->id) ? object->size : 0;
}

#ifdef __cplusplus
}
#endif
#endif
