// SPDX-License-Identifier: MIT
/*
 * test_references.c - the bench's reference policies on short traces whose hits were worked out by hand.
 */
#include "support.h"
#include "trace_replay.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <trove/object.h>

#define LARGE 'Z' /* weighs 8, all others 1 */

/* A trace of one letter an object. */
static void trace_of(struct trace *trace, const char *letters)
{
    trace_init(trace, "letters");
    for (const char *at = letters; *at != 0; at++)
        assert_int_equal(trace_add(trace, (uint64_t)*at, 1, TROVE_BLOB), 0);
    assert_int_equal(trace_finish(trace), 0);
    for (size_t n = 0; letters[n] != 0; n++)
        trace->weights[trace->requests[n]] = letters[n] == LARGE ? 8 : 1;
}

/* HITS has an h for each letter that hits. */
static void assert_hits(const struct reference *reference, uint64_t capacity, const char *letters,
                        const char *hits)
{
    char got[64] = {0};
    struct trace trace;
    void *policy;

    trace_of(&trace, letters);
    policy = reference->create(&trace, capacity);
    for (size_t n = 0; n < trace.request_count; n++)
        got[n] = reference->use(policy, n) ? 'h' : '.';
    reference->destroy(policy);
    trace_free(&trace);
    assert_string_equal(got, hits);
}

static void references__lru(void **state)
{
    (void)state;
    assert_hits(&reference_lru, 3, "ABCADBCAD", "...h.....");
    assert_hits(&reference_lru, 3, "ABCBDEBFGHB", "...h..h....");
    assert_hits(&reference_lru, 9, "ABZBA", "...h.");
    assert_hits(&reference_lru, 7, "AZAZ", "..h.");
}

/* B was used before the hand came: it goes round once more, where LRU, which counts from the last use, drops it. */
static void references__clock(void **state)
{
    (void)state;
    assert_hits(&reference_clock, 3, "ABCBDEBFGHB", "...h..h...h");
    assert_hits(&reference_clock, 3, "ABCADBACDEFA", "...h..h.....");
    assert_hits(&reference_clock, 9, "ABZB", "...h");
    assert_hits(&reference_clock, 7, "AZAZ", "..h.");
}

/* A stays where it is, behind the hand, while all that comes passes by: CLOCK would have lost it. */
static void references__sieve(void **state)
{
    (void)state;
    assert_hits(&reference_sieve, 3, "ABCADBACDEFA", "...h..h....h");
    assert_hits(&reference_sieve, 7, "AZAZ", "..h.");
}

/* A was used twice in the small queue and goes to main; B and C come back while they are ghosts; D too late. */
static void references__s3fifo(void **state)
{
    (void)state;
    assert_hits(&reference_s3fifo, 10, "AAABCDEFGHIJKBAC", ".hh...........h.");
    assert_hits(&reference_s3fifo, 10, "AAABCDEFGHIJKBACLMNOPQRSTUVWXYABCD",
                ".hh...........h...............hhh.");
    assert_hits(&reference_s3fifo, 10, "ZZ", "..");
}

static void references__lfu(void **state)
{
    (void)state;
    assert_hits(&reference_lfu, 2, "AABCBA", ".h...h");
    assert_hits(&reference_lfu, 9, "ABZAAB", "....h.");
    assert_hits(&reference_lfu, 7, "AZAZ", "..h.");
}

/* C has no next use and does not come in. Z is used sooner than A and B, and costs more than both. */
static void references__belady(void **state)
{
    (void)state;
    assert_hits(&reference_belady, 2, "ABCAB", "...hh");
    assert_hits(&reference_belady, 9, "ZABZAB", "....hh");
    assert_hits(&reference_belady, 9, "ZAZA", "..hh");
    assert_hits(&reference_belady, 7, "AZAZ", "..h.");
}

static void references__none_beats_belady_at_one_size(void **state)
{
    static const struct reference *const others[] = {
        &reference_lru, &reference_clock, &reference_sieve, &reference_s3fifo, &reference_lfu};
    struct trace trace;

    (void)state;
    for (unsigned which = 0; trace_synthetic(&trace, which, 20000); which++) {
        uint64_t best;

        for (uint32_t n = 0; n < trace.object_count; n++)
            trace.weights[n] = 1;
        best = replay_reference(&reference_belady, &trace, trace.object_count / 10).misses;
        assert_true(best >= trace.object_count && best < trace.request_count);
        for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
            assert_true(replay_reference(others[i], &trace, trace.object_count / 10).misses >=
                        best);
        trace_free(&trace);
    }
}

/* Goal: the counts are the trace's. A misses twice: its second miss is a byte fetched again. */
static void references__what_is_counted(void **state)
{
    struct replay_result result;
    struct trace trace;

    (void)state;
    trace_of(&trace, "AABCA");
    trace.sizes[0] = 7;
    result = replay_reference(&reference_lru, &trace, 2);
    assert_int_equal(result.requests, 5);
    assert_int_equal(result.misses, 4);
    assert_int_equal(result.bytes, 3 * 7 + 2);
    assert_int_equal(result.missed_bytes, 2 * 7 + 2);
    assert_int_equal(result.refetched_bytes, 7);
    assert_int_equal(result.refetched, 1);
    assert_int_equal(result.refetched_links, trace.types[0] != TROVE_BLOB);
    trace_free(&trace);
}

/* --- the real cache ----------------------------------------------------------------------------------------------- */

/* Goal: what fits misses once; what is replayed twice gives the same; a cache that cannot be is refused. */
static void references__trove(void **state)
{
    struct replay_result once, again;
    struct trace trace;

    (void)state;
    for (unsigned which = 0; trace_synthetic(&trace, which, 20000); which++) {
        assert_int_equal(replay_trove(&trace, trace.footprint * 10, false, &once), 0);
        assert_int_equal(once.misses, trace.object_count);
        assert_int_equal(once.refetched, 0);
        assert_int_equal(replay_trove(&trace, trace.footprint / 10, false, &once), 0);
        assert_int_equal(replay_trove(&trace, trace.footprint / 10, false, &again), 0);
        assert_memory_equal(&once, &again, sizeof(once));
        assert_true(once.misses > trace.object_count);
        assert_int_equal(replay_trove(&trace, 1000, true, &once), -EINVAL);
        trace_free(&trace);
    }
}

/* Misses of trove, at most, in thousandths of those of LRU or S3-FIFO, whichever has fewer: a hundredth above what it had when
 * this was written. Closer than the target, so that each thing that is learnt is missed when it is not. */
static const struct {
    const char *trace;
    uint64_t thousandths;
} beside_others[] = {
    {"zipf-0.99", 958},    {"zipf-0.70", 940}, {"zipf-drifting", 885}, {"loop", 930},
    {"scan-and-hot", 989}, {"bursts", 979},    {"pairs", 1001},
};

/* Goal: the real cache is better than the better of two known policies, where popularity drifts as well as where it does not,
 * and in loops a little larger than the cache. */
static void references__trove_beside_others(void **state)
{
    struct trace trace;

    (void)state;
    for (unsigned which = 0; trace_synthetic(&trace, which, 100000); which++) {
        uint64_t capacity = trace.footprint / 10, lru, s3fifo;
        struct replay_result trove;

        assert_in_range(which, 0, sizeof(beside_others) / sizeof(beside_others[0]) - 1);
        assert_string_equal(trace.name, beside_others[which].trace);
        lru = replay_reference(&reference_lru, &trace, capacity).misses;
        s3fifo = replay_reference(&reference_s3fifo, &trace, capacity).misses;
        assert_int_equal(replay_trove(&trace, capacity, false, &trove), 0);
        printf("%s: %lu misses, LRU %lu, S3-FIFO %lu\n", trace.name, trove.misses, lru, s3fifo);
        assert_in_range(trove.misses, 1,
                        (lru < s3fifo ? lru : s3fifo) * beside_others[which].thousandths / 1000);
        trace_free(&trace);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references__lru),
        cmocka_unit_test(references__clock),
        cmocka_unit_test(references__sieve),
        cmocka_unit_test(references__s3fifo),
        cmocka_unit_test(references__lfu),
        cmocka_unit_test(references__belady),
        cmocka_unit_test(references__none_beats_belady_at_one_size),
        cmocka_unit_test(references__what_is_counted),
        cmocka_unit_test(references__trove),
        cmocka_unit_test(references__trove_beside_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
