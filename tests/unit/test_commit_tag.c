// SPDX-License-Identifier: MIT
/*
 * test_commit_tag.c - the heads of commits and tags.
 */
#include "fetch/commit.h"
#include "fetch/tag.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TREE_HEX "1111111111111111111111111111111111111111"
#define PARENT_HEX "2222222222222222222222222222222222222222"
#define SECOND_HEX "abcdefABCDEF0123456789abcdefabcdefabcdef"

static int parse_commit(const char *text, size_t size, struct trove__commit *ret)
{
    char *block = malloc(size > 0 ? size : 1); /* of exactly that size, for sanitizers */
    int status;

    memcpy(block, text, size);
    status = trove__commit_parse(TROVE_SHA1, block, size, ret, NULL);
    free(block);
    return status;
}

static void commit__tree_and_parents(void **state)
{
    static const char text[] = "tree " TREE_HEX "\nparent " PARENT_HEX "\nparent " SECOND_HEX
                               "\nauthor a <b> 1 +0000\n\nparent " PARENT_HEX "\n";
    struct trove__commit commit;
    struct trove_oid id;
    char hex[TROVE_OID_HEX_MAX + 1];

    (void)state;
    assert_int_equal(trove__commit_parse(TROVE_SHA1, text, strlen(text), &commit, NULL), 0);
    assert_string_equal(trove_oid_to_hex(TROVE_SHA1, &commit.tree, hex), TREE_HEX);
    assert_int_equal(commit.parent_count, 2);
    assert_int_equal(trove__commit_parent(&commit, 0, &id), 0);
    assert_string_equal(trove_oid_to_hex(TROVE_SHA1, &id, hex), PARENT_HEX);
    assert_int_equal(trove__commit_parent(&commit, 1, &id), 0);
    assert_int_equal(id.bytes[0], 0xab);
    assert_int_equal(trove__commit_parent(&commit, 2, &id), -ENOENT);
}

/* Goal: a commit cut inside its head is refused, and cut behind it is taken.
 * Method: every prefix. A parent line is seen once all of "parent " is there. */
static void commit__every_prefix(void **state)
{
    static const char text[] = "tree " TREE_HEX "\nparent " PARENT_HEX "\nauthor";
    size_t tree_end = strlen("tree " TREE_HEX "\n");
    size_t parent_end = tree_end + strlen("parent " PARENT_HEX "\n");

    (void)state;
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct trove__commit commit = {.parent_count = 77};
        int status = parse_commit(text, cut, &commit);
        bool good = cut >= parent_end || (cut >= tree_end && cut < tree_end + 7);
        assert_int_equal(status, good ? 0 : -EPROTO);
        assert_int_equal(commit.parent_count, good ? cut >= parent_end : 77);
    }
}

static void commit__sha256(void **state)
{
    static const char text[] =
        "tree 1111111111111111111111111111111111111111111111111111111111111111\n";
    struct trove__commit commit;

    (void)state;
    assert_int_equal(trove__commit_parse(TROVE_SHA256, text, strlen(text), &commit, NULL), 0);
    assert_int_equal(commit.tree.bytes[31], 0x11);
    assert_int_equal(trove__commit_parse(TROVE_SHA1, text, strlen(text), &commit, NULL), -EPROTO);
}

static void tag__target_and_type(void **state)
{
    static const char text[] = "object " TREE_HEX "\ntype commit\ntag v1\n";
    struct trove__tag tag;

    (void)state;
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        bool good = cut >= strlen("object " TREE_HEX "\ntype commit\n");
        int status;
        tag.type = TROVE_ANY;
        status = trove__tag_parse(TROVE_SHA1, text, cut, &tag, NULL);
        assert_int_equal(status, good ? 0 : -EPROTO);
        assert_int_equal(tag.type, good ? TROVE_COMMIT : TROVE_ANY);
    }
}

static void tag__unknown_types_are_refused(void **state)
{
    static const char *const types[] = {"any", "", "commits", "Commit"};
    struct trove__tag tag;
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        int n = snprintf(text, sizeof(text), "object " TREE_HEX "\ntype %s\n", types[i]);
        assert_int_equal(trove__tag_parse(TROVE_SHA1, text, (size_t)n, &tag, NULL), -EPROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit__tree_and_parents),
        cmocka_unit_test(commit__every_prefix),
        cmocka_unit_test(commit__sha256),
        cmocka_unit_test(tag__target_and_type),
        cmocka_unit_test(tag__unknown_types_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
