// SPDX-License-Identifier: MIT
/*
 * test_tree.c - reading tree objects: what git reads is read, what git refuses is refused, and no byte behind the object
 * is looked at.
 */
#include "fetch/tree.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tree {
    unsigned char bytes[1024];
    size_t size;
};

/* Appends "MODE NAME\0" and an id of twenty FILLs. */
static void add(struct tree *tree, const char *mode, const char *name, int fill)
{
    int n = sprintf((char *)tree->bytes + tree->size, "%s %s", mode, name);

    tree->size += (size_t)n + 1;
    memset(tree->bytes + tree->size, fill, 20);
    tree->size += 20;
}

/* Reads all of SIZE bytes from a block of exactly that size. Returns the entries' count, or the error. */
static int read_all(const void *bytes, size_t size, struct trove__tree_entry *entries, void **block)
{
    struct trove__tree_reader reader;
    int status, count = 0;

    *block = malloc(size > 0 ? size : 1);
    memcpy(*block, bytes, size);
    trove__tree_reader_init(&reader, TROVE_SHA1, *block, size);
    while ((status = trove__tree_next(&reader, &entries[count], NULL)) == 1)
        count++;
    return status < 0 ? status : count;
}

/* Goal: modes come out as git shows them, names as they are.
 * Method: one entry of each mode that git writes or has been seen in the wild. */
static void tree__modes_and_names_as_git_reads_them(void **state)
{
    static const struct {
        const char *mode, *name;
        uint32_t shown;
    } cases[] = {
        {"100644", "a", 0100644}, {"0100644", "b", 0100644},     {"100664", "c", 0100644},
        {"100755", "d", 0100755}, {"100700", "e", 0100755},      {"120000", "..", 0120000},
        {"40000", "f", 0040000},  {"040000", "f", 0040000},      {"160000", ".git", 0160000},
        {"0", "z", 0160000},      {"37777740000", "a", 0160000},
    };
    enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
    struct trove__tree_entry entries[COUNT + 1];
    struct tree tree = {.size = 0};
    void *block;

    (void)state;
    for (int i = 0; i < COUNT; i++)
        add(&tree, cases[i].mode, cases[i].name, i);
    assert_int_equal(read_all(tree.bytes, tree.size, entries, &block), COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_string_equal(entries[i].name, cases[i].name);
        assert_int_equal(entries[i].name_length, strlen(cases[i].name));
        assert_int_equal(entries[i].mode, cases[i].shown);
        assert_int_equal(entries[i].id.bytes[0], i);
        assert_int_equal(entries[i].id.bytes[19], i);
        assert_int_equal(entries[i].id.bytes[20], 0);
    }
    free(block);
}

/* Goal: a tree cut anywhere but between entries is refused, from the very entry on that git refuses.
 * Method: every prefix, in a block of its own size. */
static void tree__every_prefix(void **state)
{
    struct trove__tree_entry entries[4];
    struct tree tree = {.size = 0};
    size_t ends[4] = {0};

    (void)state;
    for (int i = 1; i <= 3; i++) {
        add(&tree, "100644", i == 2 ? "name" : "n", 'x');
        ends[i] = tree.size;
    }
    for (size_t cut = 0; cut <= tree.size; cut++) {
        void *block;
        int found = read_all(tree.bytes, cut, entries, &block), expected = -EPROTO;
        for (int i = 0; i <= 3; i++) {
            if (ends[i] == cut)
                expected = i;
        }
        assert_int_equal(found, expected);
        free(block);
    }
}

static void tree__malformed_entries_are_refused(void **state)
{
    static const struct {
        const char *mode, *name;
    } cases[] = {{"", "a"}, {"9", "a"}, {"100644", ""}, {"x", "a"}, {"10 0644", ""}, {"-1", "a"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trove__tree_entry entries[4];
        struct tree tree = {.size = 0};
        void *block;
        add(&tree, cases[i].mode, cases[i].name, 1);
        if (i != 4) /* there, "0644 " is a name */
            assert_int_equal(read_all(tree.bytes, tree.size, entries, &block), -EPROTO);
        else
            assert_int_equal(read_all(tree.bytes, tree.size, entries, &block), 1);
        free(block);
    }
}

/* Goal: an output is touched by success only. */
static void tree__failure_leaves_the_entry_alone(void **state)
{
    struct trove__tree_entry entry = {.mode = 7}, before = entry;
    struct trove__tree_reader reader;

    (void)state;
    trove__tree_reader_init(&reader, TROVE_SHA1, "100644 a", 8);
    assert_int_equal(trove__tree_next(&reader, &entry, NULL), -EPROTO);
    assert_memory_equal(&entry, &before, sizeof(entry));
}

static int look_up(const struct tree *tree, const char *path, int *ret_fill, size_t *ret_used)
{
    struct trove__tree_entry entry;
    int status = trove__tree_find(TROVE_SHA1, tree->bytes, tree->size, path, strlen(path), &entry,
                                  ret_used, NULL);

    if (status == 0)
        *ret_fill = entry.id.bytes[0];
    return status;
}

/* Goal: lookup is git's, for orderly trees and for trees out of order, where git stops early. */
static void tree__find_stops_where_git_stops(void **state)
{
    struct tree tree = {.size = 0};
    size_t used;
    int fill;

    (void)state;
    add(&tree, "100644", "a", 1);
    add(&tree, "100644", "a.c", 2);
    add(&tree, "40000", "dir", 3);
    add(&tree, "40000", "dir", 4);
    add(&tree, "100644", "z", 5);
    add(&tree, "100644", "b", 6); /* out of order */
    assert_int_equal(look_up(&tree, "a", &fill, &used), 0);
    assert_int_equal(fill, 1);
    assert_int_equal(look_up(&tree, "a.c", &fill, &used), 0);
    assert_int_equal(fill, 2);
    assert_int_equal(look_up(&tree, "dir/x", &fill, &used), 0);
    assert_int_equal(fill, 3);
    assert_int_equal(used, 4);
    assert_int_equal(look_up(&tree, "dir/", &fill, &used), 0);
    assert_int_equal(used, 4);
    assert_int_equal(look_up(&tree, "dir", &fill, &used), 0);
    assert_int_equal(used, 3);
    assert_int_equal(look_up(&tree, "b", &fill, &used), -ENOENT);
    assert_int_equal(look_up(&tree, "a/x", &fill, &used), -ENOENT);
    assert_int_equal(look_up(&tree, "/a", &fill, &used), -ENOENT);
    assert_int_equal(look_up(&tree, "zz", &fill, &used), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree__modes_and_names_as_git_reads_them),
        cmocka_unit_test(tree__every_prefix),
        cmocka_unit_test(tree__malformed_entries_are_refused),
        cmocka_unit_test(tree__failure_leaves_the_entry_alone),
        cmocka_unit_test(tree__find_stops_where_git_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
