// SPDX-License-Identifier: MIT
/*
 * test_place.c - where in a work tree a command stands, and how paths and revisions are written from there.
 */
#include "core/memory.h"
#include "grep/pathspec.h"
#include "grep/relative.h"
#include "peer.h"
#include "tools/place.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *top; /* w: a work tree; b.git: bare; plain: nothing of git's */

static int set_up(void **state)
{
    peer_set_up(state);
    top = realpath(peer_dir, NULL);
    peer_shell("cd '%s'; git init -q w; mkdir -p 'w/a/b c' \"w/$(printf 'new\\nline')/x\" plain;"
               "git init -q --bare b.git; ln -s w/a link; touch plain/file",
               top);
    return 0;
}

static int tear_down(void **state)
{
    free(top);
    return peer_tear_down(state);
}

/* FOLDER is below the top. PREFIX NULL: it has no place. */
static void check_place(const char *folder, const char *prefix)
{
    struct trove__place place;
    char path[512], root[512];

    snprintf(path, sizeof(path), folder[0] == ':' ? "%s%s" : "%s/%s", folder[0] == ':' ? "" : top,
             folder + (folder[0] == ':'));
    snprintf(root, sizeof(root), "%s/w", top);
    assert_int_equal(trove__place_find(path, NULL, &place, NULL), 0);
    if (prefix == NULL) {
        assert_null(place.root);
    } else {
        assert_string_equal(place.root, root);
        assert_string_equal(place.prefix, prefix);
    }
    trove__place_clear(&place);
}

static void place__is_found_from_any_folder(void **state)
{
    char url[512];

    (void)state;
    check_place("w", "");
    check_place("w/", "");
    check_place("w/a", "a/");
    check_place("w/a/b c/", "a/b c/");
    check_place("w/a/../a", "a/");
    check_place("w/new\nline/x", "new\nline/x/");
    check_place("link", "a/");
    check_place("w/.git", NULL);
    check_place("w/.git/refs", NULL);
    check_place("b.git", NULL);
    check_place("b.git/objects", NULL);
    check_place("plain", NULL);
    check_place("plain/file", NULL);
    check_place("nowhere", NULL);
    check_place(":host:path", NULL);
    check_place(":https://example.com/w/a", NULL);
    snprintf(url, sizeof(url), ":file://%s/w/a", top);
    check_place(url, NULL);
}

static void check_revision(const char *revision, const char *expected)
{
    const struct trove__place place = {.root = (char *)"/w", .prefix = (char *)"a/b/"};
    char *written;

    assert_int_equal(trove__place_revision(&place, revision, &written, NULL), 0);
    if (expected == NULL)
        assert_null(written);
    else
        assert_string_equal(written, expected);
    trove__free(written);
}

static void place__revisions_are_written_from_the_root(void **state)
{
    const struct trove__place nowhere = {.root = NULL}, below = {(char *)"/w", (char *)"a/"};
    struct trove_error err;
    char *written;

    (void)state;
    check_revision("HEAD:./x", "HEAD:a/b/x");
    check_revision("HEAD:./", "HEAD:a/b/");
    check_revision("HEAD:../x/./y", "HEAD:a/x/y");
    check_revision("HEAD:../../", "HEAD:");
    check_revision("v1^{/a:b}~2:./x", "v1^{/a:b}~2:a/b/x");
    check_revision("HEAD:x", NULL);
    check_revision("HEAD:.x", NULL);
    check_revision("HEAD:x/./y", NULL);
    check_revision("HEAD", NULL);
    assert_int_equal(trove__place_revision(&below, "HEAD:../../x", &written, &err), -EINVAL);
    assert_string_equal(err.message, "'../../x' is outside repository at '/w'");
    assert_int_equal(trove__place_revision(&nowhere, "HEAD:./x", &written, NULL), 0);
    assert_null(written);
}

static void check_relative(const char *path, const char *folder, const char *expected)
{
    struct trove__text text = {0};

    trove__relative_path(path, strlen(path), folder, &text);
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.bytes, expected, text.size);
    trove__text_deinit(&text);
}

/* Goal: what git ls-tree and git grep print from a folder. */
static void place__paths_are_relative_to_the_folder(void **state)
{
    (void)state;
    check_relative("a/b/x", "", "a/b/x");
    check_relative("a/b/x", "a/b/", "x");
    check_relative("a/b/c/x", "a/b/", "c/x");
    check_relative("a/bc/x", "a/b/", "../bc/x");
    check_relative("a/x", "a/b/", "../x");
    check_relative("x", "a/b/", "../../x");
    check_relative("a", "a/b/", "../");
    check_relative("a/b", "a/b/", "./");
    check_relative("a/b", "a/b/c/", "../");
    check_relative("HEAD:x", "a/", "../HEAD:x");
    check_relative("/x", "a/", "/x");
}

static void check_absolute(const char *spec, const char *root, const char *expected)
{
    struct trove__pathspec_options options = {
        .prefix = "a/", .root = root, .allowed = TROVE__MAGIC_GREP, .max_depth = -1};
    struct trove__pathspec *pathspec = NULL;
    size_t length;
    int r = trove__pathspec_parse(&spec, 1, &options, &pathspec, NULL);

    assert_int_equal(r, expected != NULL ? 0 : -EINVAL);
    if (expected != NULL)
        assert_string_equal(trove__pathspec_path(pathspec, 0, &length), expected);
    trove__pathspec_destroy(pathspec);
}

static void place__absolute_paths_lead_into_the_work_tree(void **state)
{
    (void)state;
    check_absolute("/w/a/x", "/w", "a/x");
    check_absolute("/w//b/../x/", "/w", "x/");
    check_absolute("/w", "/w", "");
    check_absolute("/w/", "/w", "");
    check_absolute("/wx/a", "/w", NULL);
    check_absolute("/w/../x", "/w", NULL);
    check_absolute("/x", "/w", NULL);
    check_absolute("/w/x", NULL, NULL);
    check_absolute("x", "/w", "a/x");
    check_absolute("../x", "/w", "x");
    check_absolute("../../x", "/w", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(place__is_found_from_any_folder),
        cmocka_unit_test(place__revisions_are_written_from_the_root),
        cmocka_unit_test(place__paths_are_relative_to_the_folder),
        cmocka_unit_test(place__absolute_paths_lead_into_the_work_tree),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
