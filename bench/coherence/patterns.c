// SPDX-License-Identifier: MIT
/*
 * patterns.c - the accesses that caches of other kinds make: not the code of any of them, but what each of its kind cannot do
 * without. All have as many buckets as objects, each bucket and each object (with its header) on a line of its own, nothing
 * falsely shared; an object's bytes are one line.
 *
 *   rwlock        one word that every reader adds itself to and takes itself from; writers take it alone
 *   bucket lock   a lock in each bucket's line, taken to read and to write
 *   refcount      a count in each object, one up at a hit and one down after it; buckets are read without a lock
 *   chain         buckets and objects are read without a lock, in a read section as trove has it; an object of each two has
 *                 another one before it in its chain
 */
#include "accesses.h"
#include <stdlib.h>

/* Places that cannot meet: a gigabyte for each kind of line. */
enum place { LOCK = 1, BUCKETS, OBJECTS, READERS, PHASE };

static uint32_t key_count;
static unsigned thread_count;
static uint32_t *versions; /* of each object: a replaced one lies somewhere else */

static uint64_t at(enum place place, uint64_t n)
{
    return (uint64_t)place << 40 | n << TRACE_LINE_SHIFT;
}

static void note(struct trace *trace, enum place place, uint64_t n, enum mesi_access access)
{
    trace_add(trace, at(place, n), 8, access);
}

/* What is freed is used again for the object after next: versions alternate between four lines. */
static uint64_t object_of(uint32_t key)
{
    return (uint64_t)key * 4 + versions[key] % 4;
}

static void begin(unsigned threads, uint32_t keys)
{
    thread_count = threads;
    key_count = keys;
    versions = calloc(keys, sizeof(*versions));
    if (versions == NULL)
        abort();
}

static void end(void)
{
    free(versions);
}

/* The bucket and the object, which the caller is alone with. */
static void replace(struct trace *trace, uint32_t key)
{
    versions[key]++;
    note(trace, OBJECTS, object_of(key), MESI_STORE);
    note(trace, BUCKETS, key, MESI_STORE);
}

static void rwlock_one(unsigned thread, struct op op, struct trace *trace)
{
    (void)thread;
    note(trace, LOCK, 0, MESI_RMW);
    note(trace, BUCKETS, op.key, MESI_LOAD);
    if (op.kind == OP_GET)
        note(trace, OBJECTS, object_of(op.key), MESI_LOAD);
    else
        replace(trace, op.key);
    note(trace, LOCK, 0, MESI_RMW);
}

static void bucket_lock_one(unsigned thread, struct op op, struct trace *trace)
{
    (void)thread;
    note(trace, BUCKETS, op.key, MESI_RMW);
    note(trace, BUCKETS, op.key, MESI_LOAD);
    if (op.kind == OP_GET)
        note(trace, OBJECTS, object_of(op.key), MESI_LOAD);
    else
        replace(trace, op.key);
    note(trace, BUCKETS, op.key, MESI_STORE);
}

static void refcount_one(unsigned thread, struct op op, struct trace *trace)
{
    (void)thread;
    note(trace, BUCKETS, op.key, MESI_LOAD);
    if (op.kind != OP_GET) {
        replace(trace, op.key);
        return;
    }
    note(trace, OBJECTS, object_of(op.key), MESI_RMW);
    note(trace, OBJECTS, object_of(op.key), MESI_LOAD);
    note(trace, OBJECTS, object_of(op.key), MESI_RMW);
}

static void chain_one(unsigned thread, struct op op, struct trace *trace)
{
    uint32_t before = (op.key + 1) % key_count;

    note(trace, PHASE, 0, MESI_LOAD);
    note(trace, READERS, thread, MESI_STORE);
    note(trace, BUCKETS, op.key, MESI_LOAD);
    if (op.key % 2 == 0)
        note(trace, OBJECTS, object_of(before), MESI_LOAD);
    if (op.kind == OP_GET)
        note(trace, OBJECTS, object_of(op.key), MESI_LOAD);
    else
        replace(trace, op.key);
    note(trace, READERS, thread, MESI_STORE);
}

static void chain_grace(struct trace *trace)
{
    for (unsigned look = 0; look < 2; look++) {
        for (unsigned thread = 0; thread < thread_count; thread++)
            note(trace, READERS, thread, MESI_LOAD);
        if (look == 0)
            note(trace, PHASE, 0, MESI_STORE);
    }
}

#define ACTS(name)                                                                                 \
    static void name##_act(unsigned thread, const struct op *ops, size_t count,                    \
                           struct trace *trace)                                                    \
    {                                                                                              \
        for (size_t i = 0; i < count; i++)                                                         \
            name##_one(thread, ops[i], trace);                                                     \
    }
ACTS(rwlock)
ACTS(bucket_lock)
ACTS(refcount)
ACTS(chain)

const struct subject pattern_rwlock = {"rwlock", begin, rwlock_act, NULL, NULL, NULL, end};
const struct subject pattern_bucket_lock = {"bucket lock", begin, bucket_lock_act, NULL, NULL,
                                            NULL,          end};
const struct subject pattern_refcount = {"refcount", begin, refcount_act, NULL, NULL, NULL, end};
const struct subject pattern_chain = {"chain", begin, chain_act, chain_grace, NULL, NULL, end};
