// SPDX-License-Identifier: MIT
/*
 * test_plan.c - which requests a revision, a folder or a set of ids becomes.
 */
#include "fetch/plan.h"
#include "support.h"
#include <string.h>

static const struct trove__plan_server able = {.shallow = true, .filter = true};

static void plan__a_whole_revision_is_one_unfiltered_request(void **state)
{
    struct trove__plan_first first;

    (void)state;
    trove__plan_first(true, 3, &first);
    assert_true(first.whole);
    assert_int_equal(first.depth, 1);
    assert_string_equal(first.filter, "");
}

static void plan__a_part_begins_with_its_skeleton(void **state)
{
    struct trove__plan_first first;

    (void)state;
    trove__plan_first(false, 0, &first);
    assert_false(first.whole);
    assert_int_equal(first.depth, 1);
    assert_string_equal(first.filter, "blob:none");
    trove__plan_first(false, UINT32_MAX, &first);
    assert_string_equal(first.filter, "combine:blob:none+tree:4294967295");
}

static void plan__the_rest_of_a_part(void **state)
{
    (void)state;
    assert_int_equal(trove__plan_rest(100, true, 0, 0, 0), TROVE__REST_NOTHING);
    assert_int_equal(trove__plan_rest(100, true, 51, 51, 1), TROVE__REST_WHOLE);
    assert_int_equal(trove__plan_rest(100, false, 51, 51, 1), TROVE__REST_TREES);
    assert_int_equal(trove__plan_rest(100, true, 50, 50, 1), TROVE__REST_TREES);
    assert_int_equal(trove__plan_rest(100, true, 50, 25, 1), TROVE__REST_TREES);
    assert_int_equal(trove__plan_rest(100, true, 50, 24, 1), TROVE__REST_BLOBS);
    assert_int_equal(trove__plan_rest(100, true, 10, 0, 0), TROVE__REST_BLOBS);
    assert_int_equal(trove__plan_rest(1, true, 1, 0, 0), TROVE__REST_WHOLE);
}

static void check_ids(enum trove_type type, const struct trove__plan_server *server,
                      uint32_t expected_depth, const char *expected_filter)
{
    char filter[TROVE__FILTER_MAX];
    uint32_t depth;

    trove__plan_ids(type, server, &depth, filter);
    assert_int_equal(depth, expected_depth);
    assert_string_equal(filter, expected_filter);
}

static void plan__ids_of_each_kind(void **state)
{
    static const struct trove__plan_server plain = {.shallow = true};

    (void)state;
    check_ids(TROVE_ANY, &able, 1, "tree:0");
    check_ids(TROVE_COMMIT, &able, 1, "tree:0");
    check_ids(TROVE_TAG, &able, 1, "tree:0");
    check_ids(TROVE_TREE, &able, 0, "tree:0");
    check_ids(TROVE_BLOB, &able, 0, "");
    check_ids(TROVE_ANY, &plain, 1, "");
    check_ids(TROVE_TREE, &plain, 0, "");
}

/* Goal: a refused filter becomes the next wider one that is not refused, never a narrower, and it ends. */
static void plan__refused_filters_fall_back(void **state)
{
    static const struct {
        const char *filter, *message, *next;
    } cases[] = {
        {"tree:0", "the server says: filter 'tree' not supported", "blob:none"},
        {"blob:none", "filter 'blob:none' not supported", ""},
        {"tree:3", "tree filter allows max depth 1, but got 3", ""},
        {"combine:blob:none+tree:3", "filter 'combine' not supported", "blob:none"},
        {"combine:blob:none+tree:3", "filter 'tree' not supported", "blob:none"},
        {"combine:blob:none+tree:3", "filter 'blob:none' not supported", ""},
        {"blob:limit=10", "filter 'blob:limit' not supported", ""},
        {"object:type=tree", "filter 'object:type' not supported", ""},
        {"sparse:oid=x", "filter 'sparse:oid' not supported", ""},
        {"tree:0", "filter 'sparse:oid' not supported",
         "blob:none"}, /* nonsense, and yet it ends */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trove__plan_server server = able;
        char filter[TROVE__FILTER_MAX];
        trove__plan_filter(cases[i].filter, &server, filter);
        assert_string_equal(filter, cases[i].filter);
        server.refused = trove__plan_refused(filter, cases[i].message);
        assert_int_not_equal(server.refused, 0);
        trove__plan_filter(cases[i].filter, &server, filter);
        assert_string_equal(filter, cases[i].next);
    }
}

static void plan__other_failures_are_no_refusals(void **state)
{
    (void)state;
    assert_int_equal(trove__plan_refused("tree:0", "not our ref 12"), 0);
    assert_int_equal(trove__plan_refused("", "filter 'tree' not supported"), 0);
    assert_int_equal(trove__plan_refused(NULL, "filter 'tree' not supported"), 0);
    assert_false(trove__plan_is_about_ids("the server says: access denied"));
    assert_true(trove__plan_is_about_ids("the server says: object not found"));
}

static void plan__long_and_missing_filters(void **state)
{
    char filter[TROVE__FILTER_MAX], longer[TROVE__FILTER_MAX + 1];

    (void)state;
    trove__plan_filter(NULL, &able, filter);
    assert_string_equal(filter, "");
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    trove__plan_filter(longer, &able, filter); /* wider than asked for, never cut short */
    assert_string_equal(filter, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan__a_whole_revision_is_one_unfiltered_request),
        cmocka_unit_test(plan__a_part_begins_with_its_skeleton),
        cmocka_unit_test(plan__the_rest_of_a_part),
        cmocka_unit_test(plan__ids_of_each_kind),
        cmocka_unit_test(plan__refused_filters_fall_back),
        cmocka_unit_test(plan__other_failures_are_no_refusals),
        cmocka_unit_test(plan__long_and_missing_filters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
