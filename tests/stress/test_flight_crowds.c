// SPDX-License-Identifier: MIT
/*
 * test_flight_crowds.c - crowds of threads at one id, and crowds of ids.
 *
 * What is asked of flights, and where it is shown, in all tests of them:
 *
 * a source that hangs                                               test_gather.c beside_a_hanging_request; flight_stress, mood 5
 *   fails                                                           test_flight.c a_failure_*, objects_before_an_error_stay;
 *                                                                     flight_stress__failures_are_forgotten
 *   answers late                                                    test_flight.c leader_times_out; test_gather.c while_the_first_is_held
 *   answers with other objects                                      test_flight.c only_others; flight_stress, mood 3
 *   answers twice                                                   test_flight.c answers_twice_and_with_others
 *   re-enters                                                       test_cycle.c; flight_stress__source_asks_back
 *   is cancelled                                                    test_flight.c cancel; test_abandoned.c; flight_stress__abandoned
 *   says nothing, or forgets some                                   test_flight.c return_without_done; flight_stress, moods 1 and 4
 * deadlines from 0 to infinite                                      test_flight.c past_deadline, leader_times_out; flight_stress,
 *                                                                     choose_until(): passed, up to 0.2 ms, none, a token
 * replace in the middle                                             test_replace.c flight_*; flight_stress__replaced
 * shutdown and close in the middle                                  test_shutdown.c; flight_stress__shutdown; perturbed/test_overlap.c
 * no wake-up is lost                                                flight_stress__no_lost_wake_up, perturbed/test_wake.c, the
 *                                                                     model tests/model/flight.pml; all of flight_stress in a loop
 *                                                                     for hours, also perturbed
 * one request for a storm of 1,000                                  test_flight.c storm, storm_of_streams
 *
 * and here                                                          shown by
 * a storm on one id holds up no other id while it waits             flight_crowds__storm: object 2
 * the thread that parses wakes only a few of the storm, so what     flight_crowds__storm: object 3, and the wake-ups that
 *   comes behind in the pack is not delayed by it                     the parsing thread asked the kernel for
 * memory for flights does not grow with the number of misses        flight_crowds__distinct_misses
 * a flight is forgotten once it is answered                         both: no flight is left
 */
#include "core/flight.h"
#include "core/unit.h"
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <trove/allocator.h>
#include <unistd.h>

/* --- what the core asks the kernel for ---------------------------------------------------------------------------- */

static _Thread_local bool counts;
static atomic_uint asked_to_wake;

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

/* Takes the place of the C library's when the test is linked (--wrap). */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (counts && number == SYS_futex && (b & FUTEX_CMD_MASK) == FUTEX_WAKE)
        atomic_fetch_add(&asked_to_wake, (unsigned)c);
    return __real_syscall(number, a, b, c, d, e, f);
}

/* --- what trove holds --------------------------------------------------------------------------------------------- */

static atomic_size_t held, most_held;

static void *count_alloc(void *context, size_t size, size_t align)
{
    size_t now = atomic_fetch_add(&held, size) + size, most = atomic_load(&most_held);

    (void)context;
    while (now > most && !atomic_compare_exchange_weak(&most_held, &most, now))
        ;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void count_free(void *context, void *memory, size_t size, size_t align)
{
    (void)context, (void)align;
    atomic_fetch_sub(&held, size);
    free(memory);
}

static size_t count_usable(void *context, size_t size, size_t align)
{
    (void)context;
    return (size + align - 1) / align * align;
}

/* --- a storm on one id -------------------------------------------------------------------------------------------- */

#define STORM 1000
enum { CROWDED = 1, ASIDE = 2, BEHIND = 3 };

struct storm {
    struct fake_source source;
    struct trove *cache;
    struct latch late; /* the request for BEHIND hangs until then */
    atomic_uint answered, wrong, answered_before;
    int64_t given_ns, behind_ns;
};

/* The request for the crowded id is answered when the test says so, and brings what another request hangs on. */
static int answer_storm(struct fake_source *source, const struct trove_request *request,
                        struct trove_sink *sink, struct trove_error *err)
{
    struct storm *storm = source->context;
    int n = fake_number(&request->wants[0].id), r;

    (void)err;
    if (n == BEHIND)
        latch_wait(&storm->late);
    if (n != CROWDED)
        return fake_answer(request, sink);
    latch_wait(&source->go);
    counts = true;
    r = fake_give(sink, CROWDED, TROVE_GIVE_DEFAULT);
    counts = false;
    storm->given_ns = trove_now_ns();
    if (r == 0)
        r = fake_give(sink, BEHIND, TROVE_GIVE_DEFAULT);
    trove_sink_done(sink);
    return r;
}

static void resolve_checked(struct storm *storm, unsigned n)
{
    struct trove_oid id = fake_id(n);
    struct trove_result result;

    (void)trove_resolve(storm->cache, &id, TROVE_BLOB, NULL, &result, NULL);
    if (check_result(&result, n) != 0)
        atomic_fetch_add(&storm->wrong, 1);
}

static void wait_in_storm(void *context, unsigned index)
{
    struct storm *storm = context;

    (void)index;
    resolve_checked(storm, CROWDED);
    atomic_fetch_add(&storm->answered, 1);
}

static void *run_storm(void *context)
{
    run_threads(STORM, wait_in_storm, context);
    return NULL;
}

static void *wait_behind(void *context)
{
    struct storm *storm = context;

    resolve_checked(storm, BEHIND);
    storm->behind_ns = trove_now_ns();
    atomic_store(&storm->answered_before, atomic_load(&storm->answered));
    latch_open(&storm->late);
    return NULL;
}

/* Waits until COUNT threads wait for object N. */
static void wait_for_waiters(struct trove *cache, unsigned n, unsigned count)
{
    struct trove_oid id = fake_id(n);
    struct trove__unit *unit;
    unsigned waiters = 0;

    assert_int_equal(trove__unit_get(cache, &unit), 0);
    while (waiters != count) {
        struct trove__flight *flight = trove__flight_find(unit, &id);

        waiters = 0;
        if (flight != NULL) {
            waiters = trove__flight_waiters(flight);
            trove__flight_unref(unit, flight);
        }
        sched_yield();
    }
    trove__unit_unref(unit);
}

/* Goal: 1,000 threads that wait for one id delay no other: neither one that is asked for meanwhile, nor what comes behind it
 * in the same answer, because the thread that parses asks for few wake-ups. */
static void flight_crowds__storm(void **state)
{
    static struct storm storm;
    struct trove_options options;
    const struct latch closed = LATCH_INIT;
    pthread_t crowd, behind;

    (void)state;
    fake_options(&options);
    options.requests_at_once = 3;
    fake_source_init(&storm.source, answer_storm);
    storm.source.context = &storm;
    storm.late = closed;
    storm.cache = fake_open(&storm.source, &options);
    assert_int_equal(pthread_create(&behind, NULL, wait_behind, &storm), 0);
    latch_wait(&storm.source.started); /* in a request of its own */
    assert_int_equal(pthread_create(&crowd, NULL, run_storm, &storm), 0);
    wait_for_waiters(storm.cache, CROWDED, STORM);
    while (atomic_load(&storm.source.requests) <
           2) /* so that what comes now is not in their request */
        sched_yield();
    resolve_checked(&storm, ASIDE); /* while all of them wait */
    assert_int_equal(storm.answered, 0);
    latch_open(&storm.source.go);
    pthread_join(behind, NULL);
    pthread_join(crowd, NULL);
    printf(
        "answered %.2f ms behind the crowded object, before %u of %u waiters; %u wake-ups by the "
        "parsing thread\n",
        (double)(storm.behind_ns - storm.given_ns) / 1e6, STORM - storm.answered_before, STORM,
        asked_to_wake);
    assert_int_equal(storm.wrong, 0);
    assert_int_equal(storm.answered, STORM);
    assert_true(asked_to_wake > 0 && asked_to_wake < STORM / 50);
    wait_for_flights(storm.cache, 0);
    assert_int_equal(trove_close(storm.cache, NULL), 0);
}

/* --- many ids ----------------------------------------------------------------------------------------------------- */

#define BATCH 1024
#define MISSERS 4

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MISSES 16384
#else
#define MISSES 131072 /* a million with TROVE_LONG */
#endif

struct misses {
    struct trove *cache;
    unsigned first, batches; /* of each thread */
    atomic_uint absent;
};

static void miss(void *context, unsigned index)
{
    struct misses *misses = context;
    struct trove_want *wants = calloc(BATCH, sizeof(*wants));
    struct trove_result *results = calloc(BATCH, sizeof(*results));

    for (unsigned batch = 0; batch < misses->batches; batch++) {
        unsigned first = misses->first + (batch * MISSERS + index) * BATCH;

        for (unsigned i = 0; i < BATCH; i++)
            wants[i] = (struct trove_want){fake_id(FAKE_OBJECTS + first + i), TROVE_BLOB};
        if (trove_resolve_many(misses->cache, wants, BATCH, NULL, results, NULL) != 0)
            abort();
        for (unsigned i = 0; i < BATCH; i++)
            if (results[i].status == -ENOENT)
                atomic_fetch_add(&misses->absent, 1);
    }
    free(wants);
    free(results);
}

/* Goal: misses of ever other ids take no more memory than the first of them did. */
static void flight_crowds__distinct_misses(void **state)
{
    unsigned count = test_long() ? 1 << 20 : MISSES, batches = count / (MISSERS * BATCH);
    struct misses misses = {.batches = 4};
    struct fake_source source;
    size_t most_at_first, most_later;
    struct trove_stats stats;

    (void)state;
    fake_source_init(&source, NULL);
    misses.cache = fake_open(&source, NULL);
    run_threads(MISSERS, miss, &misses);
    wait_for_flights(misses.cache, 0);
    most_at_first = atomic_exchange(&most_held, atomic_load(&held));
    misses.first = misses.batches * MISSERS * BATCH;
    misses.batches = batches;
    run_threads(MISSERS, miss, &misses);
    wait_for_flights(misses.cache, 0);
    most_later = atomic_load(&most_held);
    trove_stats(misses.cache, &stats);
    printf("%u misses: at most %zu bytes, %zu at first\n", misses.absent, most_later,
           most_at_first);
    assert_int_equal(misses.absent, misses.first + batches * MISSERS * BATCH);
    assert_int_equal(stats.object_count, 0);
    /* A flight takes 256 bytes and more: were one in five kept, it would show. How many are under way at once varies. */
    assert_true(most_later < 2 * most_at_first);
    assert_int_equal(trove_close(misses.cache, NULL), 0);
}

int main(void)
{
    static const struct trove_allocator allocator = {
        .alloc = count_alloc, .free = count_free, .usable = count_usable};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flight_crowds__storm),
        cmocka_unit_test(flight_crowds__distinct_misses),
    };

    if (trove_set_allocator(&allocator) < 0)
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
