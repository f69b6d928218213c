// SPDX-License-Identifier: MIT
/*
 * test_wake.c - a waiter that goes to sleep between any two accesses of the thread that completes its flight is woken.
 *
 * Method: the waiter is held right before it announces itself on the flight's word. The completer is stopped before its
 * K-th access to that word, and goes on only when the waiter sleeps in the kernel. Were the word changed in two steps, a
 * waiter that falls asleep between them would sleep for ever.
 */
#include "core/unit.h"
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum role { NOBODY, WAITER, COMPLETER };

static _Thread_local enum role role;
static _Thread_local unsigned accesses;

/* This test's own words are plain C11: they must not be places to stop at. */
static const void *_Atomic watched;
static atomic_uint gate_is_open, waits_at_gate, waiter_tid;
static unsigned stop_at; /* the completer's access */

static bool sleeps(unsigned tid)
{
    char path[64], state = '?';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%u/stat", tid);
    file = fopen(path, "r");
    if (file == NULL)
        return true; /* it has ended, which will do */
    if (fscanf(file, "%*u (%*[^)]) %c", &state) != 1)
        state = '?';
    fclose(file);
    return state == 'S';
}

static void hold_waiter(void)
{
    atomic_store(&waits_at_gate, 1);
    while (atomic_load(&gate_is_open) == 0)
        sched_yield();
}

static void let_waiter_sleep(void)
{
    atomic_store(&gate_is_open, 1);
    while (!sleeps(atomic_load(&waiter_tid)))
        sched_yield();
}

void perturb(const void *word)
{
    if (role == NOBODY || word != atomic_load(&watched))
        return;
    accesses++;
    if (role == WAITER && accesses == 2) /* it has looked, and is about to announce itself */
        hold_waiter();
    if (role == COMPLETER && accesses == stop_at)
        let_waiter_sleep();
}

struct waiter {
    struct trove__unit *unit;
    struct trove__flight *flight;
    int result;
};

static void *wait_for_flight(void *context)
{
    struct waiter *waiter = context;

    atomic_store(&waiter_tid, (unsigned)syscall(SYS_gettid));
    role = WAITER;
    waiter->result = trove__flight_wait(waiter->unit, waiter->flight, NULL);
    role = NOBODY;
    return NULL;
}

static void complete_at(struct trove__unit *unit, unsigned n)
{
    const struct trove_want want = {fake_id(n), TROVE_BLOB};
    struct waiter waiter = {.unit = unit, .result = 1};
    pthread_t thread;

    assert_int_equal(trove__flight_create(unit, &want, trove__cache_hash(unit->cache, &want.id),
                                          TROVE__INTERACTIVE, &waiter.flight),
                     0);
    assert_true(trove__flight_insert(unit, waiter.flight));
    atomic_store(&gate_is_open, 0);
    atomic_store(&waits_at_gate, 0);
    atomic_store(&watched, &waiter.flight->word);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_flight, &waiter), 0);
    while (atomic_load(&waits_at_gate) == 0)
        sched_yield();
    role = COMPLETER;
    accesses = 0;
    assert_true(trove__flight_complete(unit, waiter.flight, -ENOENT, NULL, false, NULL));
    role = NOBODY;
    atomic_store(&gate_is_open, 1);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.result, 0);
    assert_int_equal(waiter.flight->status, -ENOENT);
    trove__flight_leave(waiter.flight);
    trove__flight_unref(unit, waiter.flight);
}

static void wake__between_any_two_accesses(void **state)
{
    struct fake_source source;
    struct trove__unit *unit;
    struct trove_result result;
    struct trove_oid id = fake_id(1);
    struct trove *cache;

    (void)state;
    fake_source_init(&source, NULL);
    cache = fake_open(&source, NULL);
    /* So that there is a fetch thread: without one waiters look after it every 10 ms. */
    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
    assert_int_equal(check_result(&result, 1), 0);
    assert_int_equal(trove__unit_get(cache, &unit), 0);
    for (stop_at = 1; stop_at <= 4; stop_at++)
        complete_at(unit, 10 + stop_at);
    trove__unit_unref(unit);
    assert_int_equal(trove_close(cache, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(wake__between_any_two_accesses)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
