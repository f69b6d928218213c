// SPDX-License-Identifier: MIT
/*
 * halted_subject.c - the process whose threads are halted: see room.h. It is linked with the library as it is installed.
 *
 * An object's number stands in its first bytes and in its id, so that hashing is one multiplication, and the source makes
 * any object from its id.
 */
#include "bump.h"
#include "room.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <trove/async.h>
#include <trove/cache.h>
#include <trove/frozen.h>
#include <unistd.h>

#define BYTES_MAX 2048
#define WINDOW 96 /* ids that a pass looks at: the latest */
#define MANY 4

static struct room *room;
static struct trove *cache;

/* --- saying and waiting ------------------------------------------------------------------------------------------- */

static void wrong(const char *what, unsigned n, int r)
{
    if (!atomic_exchange(&room->is_wrong, true))
        snprintf(room->wrong, sizeof(room->wrong), "%s (object %u, result %d)", what, n, r);
}

static void wake(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void add_and_wake(atomic_uint *word)
{
    atomic_fetch_add(word, 1);
    wake(word);
}

/* Sleeps while WORD is SEEN; returns what it is then. */
static unsigned wait_for_change(atomic_uint *word, unsigned seen)
{
    while (atomic_load(word) == seen)
        syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
    return atomic_load(word);
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static struct trove_oid id_of(unsigned n)
{
    struct trove_oid id = {{0}};
    uint64_t words[2] = {n, (n + 1) * 0x9e3779b97f4a7c15};

    memcpy(id.bytes, words, sizeof(words));
    return id;
}

static unsigned number_of(const struct trove_oid *id)
{
    unsigned n;

    memcpy(&n, id->bytes, sizeof(n));
    return n;
}

static const void *content_of(unsigned n, unsigned char *bytes)
{
    memset(bytes, (int)(n * 7 & 0xff), room->object_bytes);
    memcpy(bytes, &n, sizeof(n));
    return bytes;
}

static int hash_number(void *context, enum trove_type type, const void *data, size_t size,
                       struct trove_oid *ret_id)
{
    unsigned n;

    (void)context;
    (void)type;
    (void)size;
    memcpy(&n, data, sizeof(n));
    *ret_id = id_of(n);
    return 0;
}

static void check(unsigned n, const struct trove_object *object)
{
    unsigned char bytes[BYTES_MAX];

    if (trove_object_size(object) != room->object_bytes ||
        memcmp(trove_object_data(object), content_of(n, bytes), room->object_bytes) != 0)
        wrong("these are not the object's bytes", n, 0);
}

static unsigned fresh(void)
{
    return atomic_fetch_add(&room->count, 1);
}

/* --- the source --------------------------------------------------------------------------------------------------- */

/* What somebody else waits for waits until it is let go. */
static void hold_back(void)
{
    unsigned mine = atomic_fetch_add(&room->held, 1) + 1, seen;

    wake(&room->held);
    while ((int)((seen = atomic_load(&room->let_go)) - mine) < 0)
        wait_for_change(&room->let_go, seen);
}

static int source_fetch(void *source, const struct trove_request *request, struct trove_sink *sink,
                        struct trove_error *err)
{
    unsigned char bytes[BYTES_MAX];

    (void)source;
    (void)err;
    if (room->holds && number_of(&request->wants[0].id) == atomic_load(&room->number))
        hold_back();
    for (size_t i = 0; i < request->want_count; i++) {
        unsigned n = number_of(&request->wants[i].id);
        int r = trove_sink_put(sink, TROVE_BLOB, content_of(n, bytes), room->object_bytes, 0);

        if (r < 0)
            return r;
    }
    trove_sink_done(sink);
    return 0;
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

static void count_call(void)
{
    atomic_fetch_add_explicit(&room->calls, 1, memory_order_relaxed);
}

static int put(unsigned n)
{
    unsigned char bytes[BYTES_MAX];
    struct trove_oid id;
    int r = trove_put(cache, TROVE_BLOB, content_of(n, bytes), room->object_bytes, &id, NULL);

    count_call();
    if (r == -ECACHE_OVERFULL && !room->keeps)
        atomic_fetch_add(&room->overfulls, 1);
    else if (r != 0)
        wrong("a put failed", n, r);
    else if (n < ROOM_NUMBERS)
        atomic_store(&room->there[n], room->keeps);
    return r;
}

static void look_at(unsigned first, unsigned count)
{
    struct trove_oid ids[WINDOW];
    const struct trove_object *objects[WINDOW], *object;
    bool was_there[WINDOW];

    for (unsigned i = 0; i < count; i++) {
        ids[i] = id_of(first + i);
        was_there[i] = first + i < ROOM_NUMBERS && atomic_load(&room->there[first + i]);
    }
    trove_read_lock();
    trove_get_many(cache, ids, count, objects);
    for (unsigned i = 0; i < count; i++) {
        bool has = trove_has(cache, &ids[i]);

        if (was_there[i] && (!has || objects[i] == NULL))
            wrong("what is there is not found", first + i, 0);
        if (objects[i] != NULL)
            check(first + i, objects[i]);
        if (trove_get(cache, &ids[i], &object) == 0)
            check(first + i, object);
    }
    trove_read_unlock();
    count_call();
}

/* All that was put and is known to be: none may be missing at any moment. */
static void look_for_all(void)
{
    unsigned count = atomic_load(&room->count);

    for (unsigned n = 0; n < count && n < ROOM_NUMBERS; n++) {
        struct trove_oid id = id_of(n);

        if (atomic_load(&room->there[n]) && !trove_has(cache, &id))
            wrong("what is there is not found", n, 0);
    }
}

static void resolve(unsigned n)
{
    struct trove_result result;
    struct trove_oid id = id_of(n);
    int r = trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL);

    count_call();
    atomic_fetch_add(&room->resolves, 1);
    if (r != 0) {
        wrong("a resolve failed", n, r);
        return;
    }
    check(n, result.object);
    trove_unpin(result.object);
    if (n < ROOM_NUMBERS)
        atomic_store(&room->there[n], room->keeps && !result.uncached);
}

static void resolve_many(unsigned first)
{
    struct trove_result results[MANY];
    struct trove_want wants[MANY];

    for (unsigned i = 0; i < MANY; i++)
        wants[i] = (struct trove_want){id_of(first + i), TROVE_BLOB};
    if (trove_resolve_many(cache, wants, MANY, NULL, results, NULL) != MANY)
        wrong("a resolve of many failed", first, 0);
    for (unsigned i = 0; i < MANY; i++)
        trove_unpin(results[i].object);
}

static void resolve_start(unsigned n)
{
    struct trove_want want = {id_of(n), TROVE_BLOB};
    struct trove_resolving *resolving;
    struct trove_result result;
    int r = trove_resolve_start(cache, &want, NULL, &result, &resolving, NULL);

    if (r == 0) {
        while ((r = trove_resolve_take(resolving, &result, NULL)) == 0)
            sched_yield();
        trove_resolve_free(resolving);
    }
    if (r != 1 || result.status != 0) {
        wrong("a resolve that was started failed", n, r != 1 ? r : result.status);
        return;
    }
    check(n, result.object);
    trove_unpin(result.object);
}

static void freeze(void)
{
    unsigned count = atomic_load(&room->count), first = count > WINDOW ? count - WINDOW : 0;
    bool was_there[WINDOW];
    struct trove_frozen *frozen;
    int r;

    for (unsigned n = first; n < count; n++)
        was_there[n - first] = atomic_load(&room->there[n]);
    r = trove_freeze(cache, NULL, &frozen, NULL);
    if (r != 0) {
        wrong("a freeze failed", 0, r);
        return;
    }
    for (unsigned n = first; n < count; n++) {
        struct trove_oid id = id_of(n);

        if (was_there[n - first] && trove_frozen_get(frozen, &id) == NULL)
            wrong("what is there is not in the view", n, 0);
    }
    trove_frozen_free(frozen);
}

/* By something that is the same; while another one's is not yet discarded it may not. */
/* False: what was replaced before is still on its way out. */
static bool replace(void)
{
    const struct trove_until at_once = {.deadline_ns = 0};
    int r = trove_replace(cache, NULL, &at_once, NULL);

    count_call();
    if (r != 0 && r != -ETIMEDOUT && r != -ECACHE_OVERFULL)
        wrong("a replacement failed", 0, r);
    atomic_fetch_add(&room->replacements, r == 0);
    return r != -ETIMEDOUT;
}

static void check_bounds(void)
{
    struct trove_stats stats;

    trove_stats(cache, &stats);
    if (stats.used_bytes > room->max_bytes)
        wrong("more bytes are used than may be", 0, 0);
    if (stats.deferred_bytes > room->deferred_max)
        wrong("more bytes wait to be free than may", 0, 0);
    if (trove_is_empty(cache) && atomic_load(&room->there[0]))
        wrong("a cache that holds something says it is empty", 0, 0);
}

/* --- the others --------------------------------------------------------------------------------------------------- */

static void pass_calls(bool replaces)
{
    unsigned count = atomic_load(&room->count), number = atomic_load(&room->number);
    unsigned first = count > WINDOW ? count - WINDOW : 0;
    unsigned again = first + atomic_load(&room->order) % (count - first);

    if (replaces)
        replace();
    look_at(number, 1);
    look_at(first, count - first);
    put(fresh());
    if (again != number)
        put(again);
    if (room->same && !room->source)
        put(number);
    if (room->others_resolve)
        resolve(fresh());
    if (room->others_resolve && room->same)
        resolve(number);
    check_bounds();
}

/* More than all of max_deferred and what the policy leaves over: if none of it becomes free, there is no room in the end. */
static void pass_fill(void)
{
    uint64_t bytes = 0;
    int r = 0;

    while (r == 0 && bytes < 2 * room->max_bytes) {
        r = put(fresh());
        bytes += room->object_bytes;
        check_bounds();
    }
    atomic_store(&room->fill_was_refused, r == -ECACHE_OVERFULL);
    look_at(atomic_load(&room->count) - WINDOW, WINDOW);
}

static struct trove_stats wait_for_reclaimer(void)
{
    struct trove_stats stats;

    do {
        sched_yield();
        trove_stats(cache, &stats);
    } while (stats.deferred_bytes > 0);
    return stats;
}

static void pass_drain(void)
{
    while (put(fresh()) != 0)
        sched_yield();
    wait_for_reclaimer();
}

static bool put_evicts(void)
{
    struct trove_stats before, after;

    trove_stats(cache, &before);
    put(fresh());
    trove_stats(cache, &after);
    if (after.deferred_bytes > room->deferred_max / 2)
        wait_for_reclaimer();
    return after.evictions > before.evictions;
}

/* What a table leaves behind that has grown is room for some time. */
static void pass_full(void)
{
    uint64_t slots;

    do {
        for (unsigned in_a_row = 0; in_a_row < 32;)
            in_a_row = put_evicts() ? in_a_row + 1 : 0;
        slots = wait_for_reclaimer().table_slots;
    } while (!put_evicts() || wait_for_reclaimer().table_slots != slots);
    atomic_store(&room->calls, 0);
    atomic_store(&room->overfulls, 0);
}

static void *other(void *argument)
{
    void (*const alone[])(void) = {
        [PASS_FILL] = pass_fill, [PASS_DRAIN] = pass_drain, [PASS_FULL] = pass_full};
    unsigned index = (unsigned)(uintptr_t)argument, order = 0;

    room->others[index] = gettid();
    trove_thread_init();
    add_and_wake(&room->ready);
    for (;;) {
        order = wait_for_change(&room->order, order);
        if (room->all && index == 0)
            look_for_all();
        if (room->pass == PASS_CALLS)
            pass_calls(room->others_replace && index == 0);
        else if (index == 0)
            alone[room->pass]();
        atomic_store(&room->is_done[index], order);
        add_and_wake(&room->finished);
    }
    return NULL;
}

/* Resolves what the actor is about to put, and keeps the source waiting meanwhile. */
static void *waiter(void *argument)
{
    unsigned wanted = 0;

    (void)argument;
    room->waiter_tid = gettid();
    trove_thread_init();
    add_and_wake(&room->ready);
    for (;;) {
        wanted = wait_for_change(&room->wanted, wanted);
        add_and_wake(&room->waits);
        resolve(room->holds ? atomic_load(&room->number) : fresh());
        add_and_wake(&room->got);
    }
    return NULL;
}

/* --- the actor ---------------------------------------------------------------------------------------------------- */

static void read_in_a_section(unsigned n)
{
    struct trove_oid ids[MANY];
    const struct trove_object *objects[MANY];

    for (unsigned i = 0; i < MANY; i++)
        ids[i] = id_of(n + i);
    trove_read_lock();
    atomic_store(&room->in_section, true);
    trove_has(cache, &ids[0]);
    trove_get(cache, &ids[1], &objects[0]);
    trove_get_many(cache, ids, MANY, objects);
    atomic_store(&room->in_section, false);
    trove_read_unlock();
}

static void act(unsigned n)
{
    switch (room->act) {
    case ACT_PUT:
    case ACT_PUT_AGAIN:
        put(n);
        break;
    case ACT_READ:
        read_in_a_section(n);
        break;
    case ACT_RESOLVE:
        resolve(n);
        break;
    case ACT_RESOLVE_MANY:
        resolve_many(n);
        break;
    case ACT_RESOLVE_START:
        resolve_start(n);
        break;
    case ACT_FREEZE:
        freeze();
        break;
    case ACT_REPLACE:
        while (!replace())
            sched_yield();
        break;
    default:
        check_bounds();
    }
}

static unsigned next_number(void)
{
    unsigned n;

    switch (room->act) {
    case ACT_PUT:
    case ACT_RESOLVE:
    case ACT_RESOLVE_START:
        return fresh();
    case ACT_RESOLVE_MANY:
        n = atomic_fetch_add(&room->count, MANY);
        return n;
    default:
        n = atomic_load(&room->count);
        return n > WINDOW / 2 ? n - WINDOW / 2 : 0;
    }
}

/* The tracer sees the trap and knows that one act has ended and another is to begin. */
__attribute__((noinline)) static void gate(void)
{
    __asm__ volatile("int3" ::: "memory");
}

__attribute__((noreturn)) static void actor(void)
{
    room->actor = gettid();
    trove_thread_init();
    add_and_wake(&room->ready);
    wait_for_change(&room->attached, 0);
    while (!atomic_load(&room->over)) {
        atomic_store(&room->number, next_number());
        gate();
        act(atomic_load(&room->number));
    }
    for (;;)
        pause(); /* the first thread must stay */
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

static void open_cache(void)
{
    static const struct trove_source_ops ops = {source_fetch, NULL};
    static const struct trove_hash hash = {TROVE_SHA1, hash_number, NULL};
    struct trove_options options;

    if (room->bump)
        bump_install();
    trove_options_init(&options);
    options.hash = &hash;
    options.max_bytes = room->max_bytes;
    room->deferred_max = options.max_deferred_bytes = room->max_bytes / 8;
    options.requests_at_once = room->requests_at_once;
    if (room->source)
        options.source = (struct trove_source){&ops, NULL};
    if (trove_open(&options, &cache, NULL) < 0) {
        wrong("the cache cannot be opened", 0, 0);
        exit(1);
    }
    while (atomic_load(&room->count) < room->objects)
        put(fresh());
}

static void start(void *(*fn)(void *), uintptr_t argument)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, fn, (void *)argument) != 0)
        exit(1);
}

int main(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    room = mmap(NULL, sizeof(*room), PROT_READ | PROT_WRITE, MAP_SHARED, ROOM_FD, 0);
    if (room == MAP_FAILED)
        return 1;
    open_cache();
    for (unsigned i = 0; i < ROOM_OTHERS; i++)
        start(other, i);
    if (room->waiter)
        start(waiter, 0);
    actor();
}
