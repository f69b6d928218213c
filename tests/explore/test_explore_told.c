// SPDX-License-Identifier: MIT
/*
 * test_explore_told.c - who listens to a cache, its histograms, negative caching, tokens and messages, in all interleavings of
 * small cases: a listener that has unsubscribed is called no more, an id is never remembered as another, what is given up is
 * freed after its last use; each edge of telemetry.c, latency.c, absent.c, until.c, failure.c and shared_budget.c is needed,
 * its mutant dies.
 */
#include "core/absent.h"
#include "core/cycle.h"
#include "core/failure.h"
#include "core/pace.h"
#include "core/shared_budget.h"
#include "core/until.h"
#include "edges.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>

#define WAYS 4

/* --- listeners ---------------------------------------------------------------------------------------------------- */

struct hall {
    struct trove__telemetry telemetry;
    struct ear {
        unsigned heard;
        bool gone;
    } ears[2];
    unsigned number;
    struct trove_latency sum;
};

static void hear(void *context, const struct trove_span *span)
{
    struct ear *ear = context;

    explorer_assert(span->kind == TROVE_SPAN_PUT);
    explorer_assert(!ear->gone);
    ear->heard++;
}

static unsigned subscribe(struct hall *hall, unsigned ear, unsigned kinds)
{
    const struct trove_subscriber subscriber = {
        .kinds = kinds, .start = hear, .context = &hall->ears[ear]};
    unsigned number = 0;

    explorer_assert(trove__telemetry_subscribe(&hall->telemetry, &subscriber, &number) == 0);
    return number;
}

static void setup_hall(void *context)
{
    static const struct trove_options options = {0};

    trove__telemetry_init(&((struct hall *)context)->telemetry, &options);
}

static void setup_heard(void *context)
{
    struct hall *hall = context;

    setup_hall(hall);
    hall->number = subscribe(hall, 0, TROVE_SPAN_PUT);
}

static void subscribe_first(void *hall)
{
    subscribe(hall, 0, TROVE_SPAN_PUT);
}

static void subscribe_second(void *hall)
{
    subscribe(hall, 1, TROVE_SPAN_GET);
}

static void put(void *context)
{
    const struct trove_span what = {.kind = TROVE_SPAN_PUT};
    struct trove__timed timed;

    trove__timed_begin_at(&((struct hall *)context)->telemetry, &timed, &what, false, 1);
}

static void unsubscribe(void *context)
{
    struct hall *hall = context;

    explorer_assert(trove__telemetry_unsubscribe(&hall->telemetry, hall->number, NULL) == 0);
    hall->ears[0].gone = true; /* it is the host's again */
}

static void unsubscribe_only(void *context)
{
    struct hall *hall = context;

    explorer_assert(trove__telemetry_unsubscribe(&hall->telemetry, hall->number, NULL) == 0);
}

/* Of two the second may be too late. */
static void unsubscribe_or_not(void *context)
{
    struct hall *hall = context;
    int r = trove__telemetry_unsubscribe(&hall->telemetry, hall->number, NULL);

    explorer_assert(r == 0 || r == -ENOENT);
}

static void subscribe_in_its_place(void *context)
{
    struct hall *hall = context;
    const struct trove_subscriber subscriber = {
        .kinds = TROVE_SPAN_PUT, .start = hear, .context = &hall->ears[1]};
    unsigned number;

    /* All others are taken, so it is refused or gets what was the first one's. */
    (void)trove__telemetry_subscribe(&hall->telemetry, &subscriber, &number);
}

static void setup_full(void *context)
{
    setup_heard(context);
    for (unsigned i = 1; i < TROVE_SUBSCRIBERS_MAX; i++)
        subscribe(context, 1, TROVE_SPAN_GET);
}

static void check_all_kinds(void *context)
{
    struct hall *hall = context;

    explorer_assert(trove__is_listened(&hall->telemetry, TROVE_SPAN_PUT));
    explorer_assert(trove__is_listened(&hall->telemetry, TROVE_SPAN_GET));
}

/* The first has gone, the second has come. */
static void check_second(void *context)
{
    struct hall *hall = context;

    explorer_assert(!trove__is_listened(&hall->telemetry, TROVE_SPAN_PUT));
    explorer_assert(trove__is_listened(&hall->telemetry, TROVE_SPAN_GET));
}

static void record(void *context)
{
    trove__latency_record(&((struct hall *)context)->telemetry, TROVE_LATENCY_PUT, 100);
}

static void sum(void *context)
{
    struct hall *hall = context;

    trove__latency_sum(&hall->telemetry, TROVE_LATENCY_PUT, &hall->sum);
    explorer_assert(hall->sum.count <= 1);
}

/* --- negative caching ----------------------------------------------------------------------------------------------- */

struct memory {
    struct trove__absent absent;
};

/* An id of two halves. */
static struct trove_oid id_of(unsigned char left, unsigned char right)
{
    struct trove_oid id;

    memset(id.bytes, left, 16);
    memset(id.bytes + 16, right, 16);
    return id;
}

static void remember(struct memory *memory, unsigned char left, unsigned char right)
{
    struct trove_oid id = id_of(left, right);

    trove__absent_remember(&memory->absent, 0, &id);
}

static bool is_remembered(struct memory *memory, unsigned char left, unsigned char right)
{
    struct trove_oid id = id_of(left, right);

    return trove__absent_has(&memory->absent, 0, &id);
}

/* All entries are in use: the next one replaces number 1. */
static void setup_memory(void *context)
{
    static const struct trove_options options = {.absent_max = WAYS, .absent_ms = 1000};
    struct memory *memory = context;

    explorer_assert(trove__absent_init(&memory->absent, &options) == 0);
    for (unsigned char n = 1; n <= WAYS; n++)
        remember(memory, n, n);
}

static void remember_fifth(void *memory)
{
    remember(memory, 5, 5);
}

static void remember_sixth(void *memory)
{
    remember(memory, 6, 6);
}

/* Halves of two ids that were in one entry are none. */
static void nothing_is_mixed(void *memory)
{
    explorer_assert(!is_remembered(memory, 1, 5) && !is_remembered(memory, 5, 1));
}

static void sixth_is_not_mixed(void *memory)
{
    explorer_assert(!is_remembered(memory, 5, 6) && !is_remembered(memory, 6, 5));
}

/* The entry of number 1 has another, whose time is over. */
static void forget_first(void *context)
{
    struct memory *memory = context;
    struct trove_oid id = id_of(1, 1);

    trove__absent_forget(&memory->absent, 0, &id);
    remember(memory, 5, 5);
}

static void check_memory(void *memory)
{
    explorer_assert(is_remembered(memory, 2, 2));
    explorer_assert(!is_remembered(memory, 5, 6) && !is_remembered(memory, 6, 5));
}

/* --- what is counted ------------------------------------------------------------------------------------------------ */

struct counted {
    struct trove__failure *failure;
    struct trove_cancel *token;
    struct trove_budget *budget;
    struct trove__policy *policy;
    unsigned done;
};

static void setup_counted(void *context)
{
    struct counted *counted = context;

    counted->failure = trove__failure_ref(trove__failure_create(-EIO, "no"));
    explorer_assert(trove_cancel_create(&counted->token) == 0);
    trove_cancel_ref(counted->token);
    explorer_assert(trove_budget_create(1 << 20, &counted->budget) == 0);
    trove_budget_ref(counted->budget);
}

static void let_go(void *context)
{
    struct counted *counted = context;

    explorer_assert(counted->failure->code == -EIO);
    trove__failure_unref(counted->failure);
}

static void let_token_go(void *context)
{
    struct counted *counted = context;

    explorer_assert(!trove_is_canceled(counted->token));
    trove_cancel_unref(counted->token);
}

static void let_budget_go(void *context)
{
    struct counted *counted = context;

    explorer_assert(counted->budget->max_bytes == 1 << 20);
    trove_budget_unref(counted->budget);
}

static void check_failure_free(void *context)
{
    struct counted *counted = context;

    explorer_assert(explorer_is_free(counted->failure));
    trove_cancel_unref(counted->token);
    trove_cancel_unref(counted->token);
}

static void check_token_free(void *context)
{
    explorer_assert(explorer_is_free(((struct counted *)context)->token));
}

static void check_budget_free(void *context)
{
    struct counted *counted = context;

    explorer_assert(explorer_is_free(counted->budget));
    trove_cancel_unref(counted->token);
    trove_cancel_unref(counted->token);
}

static void cancel(void *context)
{
    struct counted *counted = context;

    counted->done = 1; /* what the canceller did before */
    trove_cancel(counted->token);
}

static void is_cancelled(void *context)
{
    struct counted *counted = context;

    if (trove_is_canceled(counted->token))
        explorer_assert(counted->done == 1);
}

static void check_token(void *context)
{
    struct counted *counted = context;

    trove_cancel_unref(counted->token);
    trove_cancel_unref(counted->token);
}

static void join(void *context)
{
    struct counted *counted = context;
    struct trove__policy *policy = explorer_alloc(sizeof(*policy), 128);

    memset(policy, 0, sizeof(*policy));
    policy->evicts = true;
    trove__sum_add(&policy->main.bytes, 7);
    explorer_assert(trove__shared_budget_join(counted->budget, policy) == 0);
}

static void choose_largest(void *context)
{
    struct counted *counted = context;
    struct trove__policy *policy;

    trove__store_relaxed(&counted->budget->used, 1); /* RELAXED: as a member that has left does */
    policy = trove__shared_budget_largest(counted->budget, NULL);
    explorer_assert(policy == NULL || policy->evicts);
}

/* --- who gives, and who waits for whom -------------------------------------------------------------------------------- */

struct giving {
    struct trove__pace pace;
    struct trove__flight flights[2]; /* each sent by one, waited for by the other */
    struct trove__fetcher fetchers[2];
    int results[2];
};

static void setup_much(void *context)
{
    struct giving *giving = context;

    trove__pace_init(&giving->pace, 80);
    trove__pace_answer(&giving->pace, 11);
}

static void give_more(void *context)
{
    trove__pace_wait(&((struct giving *)context)->pace, NULL);
}

static void take(void *context)
{
    trove__pace_taken(&((struct giving *)context)->pace, 11);
}

static void sleep_for_it(void *context)
{
    trove__pace_sleep(&((struct giving *)context)->pace);
}

static void send_and_wait(struct giving *giving, unsigned self)
{
    struct trove__flight *own = &giving->flights[self];

    trove__cycle_own_flights(&own, 1, &giving->fetchers[self]);
    giving->results[self] =
        trove__cycle_begin(&giving->fetchers[self], &giving->flights[1 - self], NULL);
}

static void first_sends_and_waits(void *giving)
{
    send_and_wait(giving, 0);
}

static void second_sends_and_waits(void *giving)
{
    send_and_wait(giving, 1);
}

/* Both have sent before the second waited, or the first did not wait for anybody yet. */
static void check_no_cycle(void *context)
{
    struct giving *giving = context;

    explorer_assert((giving->results[0] == 0) != (giving->results[1] == 0));
    explorer_assert(giving->results[0] == -EDEADLK || giving->results[1] == -EDEADLK);
}

/* --- the cases -------------------------------------------------------------------------------------------------------- */

#define CASE(text, type, make, look, ...)                                                          \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct type), .setup = make, .threads = {__VA_ARGS__},       \
        .check = look                                                                              \
    }

/* Nobody waits in vain: no deadline ends it. */
#define PATIENT(text, ...)                                                                         \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct giving), .setup = setup_much,                         \
        .threads = {__VA_ARGS__}, .endless = true                                                  \
    }

static const struct explorer_case cases[] = {
    PATIENT("give more, take", give_more, take),
    PATIENT("give more, sleep for it", give_more, sleep_for_it),
    CASE("two wait for each other", giving, NULL, check_no_cycle, first_sends_and_waits,
         second_sends_and_waits),
    CASE("subscribe, put", hall, setup_hall, NULL, subscribe_first, put),
    CASE("unsubscribe, put", hall, setup_heard, NULL, unsubscribe, put),
    CASE("put, unsubscribe, another subscribes there", hall, setup_full, NULL, put,
         unsubscribe_only, subscribe_in_its_place),
    CASE("two subscribe", hall, setup_hall, check_all_kinds, subscribe_first, subscribe_second),
    CASE("unsubscribe, subscribe", hall, setup_heard, check_second, unsubscribe_only,
         subscribe_second),
    CASE("two unsubscribe, put", hall, setup_heard, NULL, unsubscribe_or_not, unsubscribe_or_not,
         put),
    CASE("record, sum", hall, setup_hall, NULL, record, sum),
    CASE("remember in another's place, look", memory, setup_memory, check_memory, remember_fifth,
         nothing_is_mixed),
    CASE("two remember, look", memory, setup_memory, check_memory, remember_fifth, remember_sixth,
         sixth_is_not_mixed),
    CASE("forget and remember, look", memory, setup_memory, check_memory, forget_first,
         nothing_is_mixed),
    CASE("a failure is let go twice", counted, setup_counted, check_failure_free, let_go, let_go),
    CASE("a token is let go twice", counted, setup_counted, check_token_free, let_token_go,
         let_token_go),
    CASE("a budget is let go twice", counted, setup_counted, check_budget_free, let_budget_go,
         let_budget_go),
    CASE("cancelled?", counted, setup_counted, check_token, cancel, is_cancelled),
    CASE("join, the largest", counted, setup_counted, check_token, join, choose_largest),
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void explore_told__as_written(void **state)
{
    (void)state;
    assert_int_equal(cases_that_fail(cases, CASES), 0);
}

static void explore_told__each_edge_is_needed(void **state)
{
    static const char *const families[] = {"telemetry", "latency", "absent", "until", "failure",
                                           "shared",    "pace",    "cycle",  NULL};
    static const struct spared spared[] = {
        {"telemetry: E4 listening",
         "states are seq_cst, and the explorer's one order of these is that of the run: a state that "
         "is read after the word is as new. C11 promises that only with this edge"},
        {0}};
    const struct mutants_run what = {cases, CASES, families, spared, false};

    (void)state;
    assert_int_equal(mutants_that_survive(&what), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explore_told__as_written),
        cmocka_unit_test(explore_told__each_edge_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
