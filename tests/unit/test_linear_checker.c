// SPDX-License-Identifier: MIT
/*
 * test_linear_checker.c - the checker of histories accepts what can be explained and refuses what cannot.
 */
#include "linear.h"
#include "support.h"

#define COUNT(history) (sizeof(history) / sizeof((history)[0]))

static bool good(const struct linear_event *history, size_t count)
{
    struct linear_event copy[16];

    assert_true(count <= COUNT(copy));
    for (size_t i = 0; i < count; i++)
        copy[count - 1 - i] = history[i]; /* the order they are given in does not matter */
    return linear_check(copy, count) == NULL;
}

#define assert_good(...)                                                                           \
    do {                                                                                           \
        const struct linear_event history_[] = {__VA_ARGS__};                                      \
        assert_true(good(history_, COUNT(history_)));                                              \
    } while (0)
#define assert_bad(...)                                                                            \
    do {                                                                                           \
        const struct linear_event history_[] = {__VA_ARGS__};                                      \
        assert_false(good(history_, COUNT(history_)));                                             \
    } while (0)

static void linear_checker__one_after_another(void **state)
{
    (void)state;
    assert_good({1, 2, 7, LINEAR_MISSED}, {3, 4, 7, LINEAR_ADDED}, {5, 6, 7, LINEAR_FOUND},
                {7, 8, 7, LINEAR_EXISTED}, {9, 10, 7, LINEAR_EVICTED}, {11, 12, 7, LINEAR_MISSED});
    assert_bad({1, 2, 7, LINEAR_FOUND}); /* nobody put it */
    assert_bad({1, 2, 7, LINEAR_EXISTED});
    assert_bad({1, 2, 7, LINEAR_EVICTED});
    assert_bad({1, 2, 7, LINEAR_ADDED}, {3, 4, 7, LINEAR_MISSED}); /* gone without an eviction */
    assert_bad({1, 2, 7, LINEAR_ADDED}, {3, 4, 7, LINEAR_ADDED});  /* it was there */
    assert_bad({1, 2, 7, LINEAR_ADDED}, {3, 4, 7, LINEAR_EVICTED}, {5, 6, 7, LINEAR_FOUND});
    assert_bad({1, 2, 7, LINEAR_ADDED}, {3, 4, 7, LINEAR_EVICTED}, {5, 6, 7, LINEAR_EVICTED});
}

/* Goal: an id explains nothing about another. */
static void linear_checker__each_id_alone(void **state)
{
    (void)state;
    assert_good({1, 2, 7, LINEAR_ADDED}, {3, 4, 8, LINEAR_MISSED}, {5, 6, 7, LINEAR_FOUND});
    assert_bad({1, 2, 7, LINEAR_ADDED}, {3, 4, 8, LINEAR_FOUND});
    assert_bad({1, 2, 7, LINEAR_ADDED}, {1, 2, 8, LINEAR_ADDED}, {3, 4, 8, LINEAR_EVICTED},
               {5, 6, 7, LINEAR_MISSED});
}

static void linear_checker__overlapping(void **state)
{
    (void)state;
    /* Seen before the put has ended; missed after it has begun; calls that touch overlap. */
    assert_good({1, 9, 7, LINEAR_ADDED}, {2, 3, 7, LINEAR_MISSED}, {4, 5, 7, LINEAR_FOUND});
    assert_good({1, 4, 7, LINEAR_ADDED}, {4, 5, 7, LINEAR_MISSED});
    assert_good({1, 9, 7, LINEAR_ADDED}, {2, 8, 7, LINEAR_EVICTED}, {3, 4, 7, LINEAR_FOUND},
                {5, 6, 7, LINEAR_MISSED});
    assert_good({1, 9, 7, LINEAR_ADDED}, {2, 10, 7, LINEAR_EXISTED});
    /* Once seen, seen until evicted. */
    assert_bad({1, 9, 7, LINEAR_ADDED}, {2, 3, 7, LINEAR_FOUND}, {4, 5, 7, LINEAR_MISSED});
    /* Two readers that would need the put on both sides of a third. */
    assert_bad({1, 20, 7, LINEAR_ADDED}, {2, 3, 7, LINEAR_FOUND}, {4, 8, 7, LINEAR_FOUND},
               {5, 6, 7, LINEAR_MISSED});
    /* One eviction explains one disappearance. */
    assert_bad({1, 2, 7, LINEAR_ADDED}, {3, 20, 7, LINEAR_EVICTED}, {4, 5, 7, LINEAR_MISSED},
               {6, 7, 7, LINEAR_FOUND});
    /* A put that exists beside one that has not begun to be there. */
    assert_bad({1, 2, 7, LINEAR_EXISTED}, {3, 4, 7, LINEAR_ADDED});
}

static void linear_checker__refused_puts(void **state)
{
    (void)state;
    assert_good({1, 4, 7, LINEAR_MAYBE}, {5, 6, 7, LINEAR_MISSED});
    assert_good({1, 4, 7, LINEAR_MAYBE}, {2, 9, 7, LINEAR_EVICTED}, {3, 4, 7, LINEAR_FOUND},
                {5, 6, 7, LINEAR_MISSED});
    assert_bad({1, 4, 7, LINEAR_MAYBE}, {3, 4, 7, LINEAR_FOUND}, {5, 6, 7, LINEAR_MISSED});
    assert_bad({1, 2, 7, LINEAR_ADDED}, {3, 4, 7, LINEAR_MAYBE}, {5, 6, 7, LINEAR_MISSED});
}

/* Goal: of two puts that overlap one says that it added the id, unless it was evicted in between. */
static void linear_checker__twins(void **state)
{
    (void)state;
    assert_good({1, 4, 7, LINEAR_ADDED}, {3, 6, 7, LINEAR_EXISTED});
    assert_good({1, 4, 7, LINEAR_EXISTED}, {3, 6, 7, LINEAR_ADDED});
    assert_bad({1, 4, 7, LINEAR_ADDED}, {3, 6, 7, LINEAR_ADDED});
    assert_good({1, 4, 7, LINEAR_ADDED}, {3, 6, 7, LINEAR_ADDED}, {2, 5, 7, LINEAR_EVICTED});
    assert_bad({1, 4, 7, LINEAR_ADDED}, {5, 6, 7, LINEAR_ADDED});
    assert_bad({1, 4, 7, LINEAR_ADDED}, {3, 6, 7, LINEAR_ADDED}, {7, 8, 7, LINEAR_MISSED});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_checker__one_after_another),
        cmocka_unit_test(linear_checker__each_id_alone),
        cmocka_unit_test(linear_checker__overlapping),
        cmocka_unit_test(linear_checker__refused_puts),
        cmocka_unit_test(linear_checker__twins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
