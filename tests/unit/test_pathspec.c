// SPDX-License-Identifier: MIT
/*
 * test_pathspec.c - pathspecs beside git: trees of awkward names, seeded random specs, and what is refused.
 */
#include "git_peer.h"
#include "grep/pathspec.h"
#include "grep/text.h"
#include "grep/walk.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TREES = 3,
    SPECS_EACH = 120,
    SEED = 20250611, /* TROVE_SEED and TROVE_ROUNDS in the environment: others, and more */
};

static uint64_t seed, seed_used;
static unsigned compared, refused, selected_some;

static unsigned below(unsigned limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % limit;
}

/* --- a tree of awkward names ------------------------------------------------------------------------------------- */

static const char *const words[] = {
    "a",     "b",           "ab",     "a-b",       "a.c",  "a0",       "A",   "src",  "Src",
    "x.c",   "x.h",         "main.c", "[x]",       "a*b",  "*",        "?",   "a\\b", "b c",
    "tab\t", "caf\303\251", "..a",    "...",       "a.",   ".git-",    "'q'", "\"",   "#x",
    "{y}",   "-dash",       ":top",   ":(icase)a", "!not", "z\n",      "lib", "doc",  "d.c",
    "e",     "foo",         "foo.d",  "foobar",    "FOO",  "\377\376", "a]",  "~t",
};

static const char *word(void)
{
    return words[below(sizeof(words) / sizeof(words[0]))];
}

/* Names in one folder: a prefix of its number keeps files and folders apart only sometimes. */
static void add_path(struct trove__text *list, const char *path, const char *mode,
                     const char *object)
{
    char line[512];
    int size = snprintf(line, sizeof(line), "%s %s\t%s", mode, object, path);

    trove__text_add(list, line, (size_t)size + 1); /* with its NUL: -z */
}

static char *make_repository(void)
{
    char *path = peer_repository_create();
    char index[300], blob[41], path_text[200];
    struct trove__text list = {0};
    struct output said = run_command(
        (const char *[]){"git", "-C", path, "hash-object", "-w", "--stdin", NULL}, "x\n", 2);

    memcpy(blob, said.out, 40);
    blob[40] = '\0';
    output_free(&said);
    for (int i = 0; i < 250; i++) {
        unsigned depth = below(5);
        size_t used = 0;
        for (unsigned k = 0; k < depth; k++)
            used += (size_t)snprintf(path_text + used, sizeof(path_text) - used, "%s/", word());
        snprintf(path_text + used, sizeof(path_text) - used, "%s", word());
        if (below(20) == 0)
            add_path(&list, path_text, "160000", "0123456789012345678901234567890123456789");
        else
            add_path(&list, path_text, below(15) == 0 ? "120000" : "100644", blob);
    }
    /* Later lines win over earlier ones where a file and a folder collide. */
    snprintf(index, sizeof(index), "GIT_INDEX_FILE=%s/test-index", path);
    said = run_command((const char *[]){"env", index, "git", "-C", path, "update-index", "-z",
                                        "--add", "--replace", "--index-info", NULL},
                       list.bytes, list.size);
    assert_int_equal(said.status, 0);
    output_free(&said);
    said =
        run_command((const char *[]){"env", index, "git", "-C", path, "write-tree", NULL}, NULL, 0);
    assert_int_equal(said.status, 0);
    said.out[40] = '\0';
    {
        struct output done = run_command(
            (const char *[]){"git", "-C", path, "update-ref", "refs/tree", said.out, NULL}, NULL,
            0);
        /* A ref need not be a commit. */
        assert_int_equal(done.status, 0);
        output_free(&done);
    }
    output_free(&said);
    trove__text_deinit(&list);
    return path;
}

/* --- what trove selects ------------------------------------------------------------------------------------------ */

static int note_file(void *context, const struct trove__walk_entry *entry, struct trove_error *err)
{
    struct trove__text *list = context;

    (void)err;
    if (entry->mode != TROVE__MODE_FILE)
        return 0;
    trove__text_add(list, "refs/tree:", 10);
    trove__text_add(list, entry->path, entry->length + 1);
    return 0;
}

static int no_more_trees(void *context, const struct trove_oid *ids, size_t count,
                         struct trove_object **ret, struct trove_error *err)
{
    (void)context, (void)ids, (void)count, (void)ret;
    return trove_error_set(err, -ENOENT, "every tree is cached");
}

/* The tree, if it is cached; as a walk asks for it. */
static struct trove_object *cached(void *cache, const struct trove_oid *id)
{
    const struct trove_object *object;
    struct trove_object *pinned = NULL;

    trove_read_lock();
    if (trove_get(cache, id, &object) == 0)
        pinned = trove_pin(object);
    trove_read_unlock();
    return pinned;
}

static int select_files(struct trove *cache, struct trove_object *root, const char *const *specs,
                        size_t count, int max_depth, struct trove__text *list,
                        struct trove_error *err)
{
    struct trove__pathspec_options options = {
        .allowed = TROVE__MAGIC_GREP, .recursive = true, .max_depth = max_depth};
    struct trove__walk_trees trees = {.context = cache, .ready = cached, .bring = no_more_trees};
    struct trove__walk_visitor visitor = {.context = list, .file = note_file};
    struct trove__walk_limits limits;
    struct trove__pathspec *pathspec;
    int r = trove__pathspec_parse(specs, count, &options, &pathspec, err);

    if (r < 0)
        return r;
    trove__walk_limits_init(&limits);
    r = trove__walk(root, TROVE_SHA1, pathspec, &trees, &visitor, &limits, err);
    assert_int_equal(r, 0);
    trove__pathspec_destroy(pathspec);
    return 0;
}

/* --- beside git -------------------------------------------------------------------------------------------------- */

static void compare(const char *path, struct trove *cache, struct trove_object *root,
                    const char *const *specs, size_t count, int max_depth)
{
    const char *argv[32] = {"git", "-C", path, "grep", "-l", "-z", "--threads=1", "-e", "x"};
    size_t used = 9;
    char depth[32];
    struct trove__text list = {0};
    struct trove_error err = {.code = 0};
    struct output git;
    int r;

    if (max_depth >= -1) {
        snprintf(depth, sizeof(depth), "--max-depth=%d", max_depth);
        argv[used++] = depth;
    }
    argv[used++] = "refs/tree";
    argv[used++] = "--";
    for (size_t i = 0; i < count; i++)
        argv[used++] = specs[i];
    git = run_command(argv, NULL, 0);
    r = select_files(cache, root, specs, count, max_depth, &list, &err);
    compared++;
    refused += git.status == 128;
    selected_some += git.status == 0;
    if (git.status == 128) {
        if (r >= 0)
            print_error("git refused and trove did not: %s", git.err);
        assert_true(r < 0);
    } else if (r < 0 || list.size != git.out_size ||
               memcmp(list.size > 0 ? list.bytes : "", git.out, list.size) != 0) {
        for (size_t i = 0; i < count; i++)
            print_error("spec '%s'\n", specs[i]);
        print_error("max-depth %d, seed %llu, result %d %s\n", max_depth,
                    (unsigned long long)seed_used, r, err.message);
        for (size_t i = 0; i < git.out_size; i += strlen(git.out + i) + 1)
            print_error("  git:   %s\n", git.out + i);
        for (size_t i = 0; i < list.size; i += strlen(list.bytes + i) + 1)
            print_error("  trove: %s\n", list.bytes + i);
        fail();
    }
    output_free(&git);
    trove__text_deinit(&list);
}

static size_t random_piece(char *out, size_t room)
{
    static const char *const pieces[] = {
        "*",          "**",  "?",   "[a-z]",        "[!a]",           "[^s]*", "*.c",  "*.[ch]",
        "\\*",        "\\a", "a*",  "*b",           "[[:alpha:]]*",   "[]x]*", "[",    "[a",
        "[[:nope:]]", "**/", "*/*", "a**b",         "[A-C]",          "[\\]]", "foo*", "[a-",
        "\\",         "s?c", "S*",  "[[:upper:]]*", "[[:digit:]a-]*", "\\?",
    };
    const char *piece = below(2) == 0 ? word() : pieces[below(sizeof(pieces) / sizeof(pieces[0]))];

    return (size_t)snprintf(out, room, "%s", piece);
}

static void random_spec(char *spec, size_t room)
{
    static const char *const magics[] = {
        "",
        "",
        "",
        "",
        "",
        "",
        ":(exclude)",
        ":!",
        ":^",
        ":(icase)",
        ":(glob)",
        ":/",
        ":(top)",
        ":(literal)",
        ":(icase,glob)",
        ":(exclude,icase)",
        ":(exclude,glob)",
        ":!/",
        ":/!",
        ":(top,literal)",
        ":()",
        ":",
        "::",
        ":(glob,literal)",
        ":(bad)",
        ":(",
        ":%x",
        ":(icase,exclude,top)",
        ":(,glob,,)",
        ":(literal,icase)",
    };
    size_t used =
        (size_t)snprintf(spec, room, "%s", magics[below(sizeof(magics) / sizeof(magics[0]))]);
    unsigned parts = 1 + below(4);

    for (unsigned i = 0; i < parts; i++) {
        static const char *const odd[] = {"./", "../", "/", ".", ".."};
        if (below(12) == 0)
            used += (size_t)snprintf(spec + used, room - used, "%s", odd[below(5)]);
        used += random_piece(spec + used, room - used);
        if (below(6) == 0)
            used += random_piece(spec + used, room - used);
        if (i + 1 < parts || below(5) == 0)
            used += (size_t)snprintf(spec + used, room - used, below(10) == 0 ? "//" : "/");
    }
}

/* Goal: the same files in the same order, and refusals where git refuses. Method: random trees, random specs. */
static void pathspec__selects_what_git_selects(void **state)
{
    const char *given = getenv("TROVE_SEED"), *rounds = getenv("TROVE_ROUNDS");
    int specs_each = rounds != NULL ? atoi(rounds) : SPECS_EACH;

    (void)state;
    seed = seed_used = given != NULL ? strtoull(given, NULL, 10) : SEED;
    for (int tree = 0; tree < TREES; tree++) {
        char *path = make_repository();
        struct trove *cache = peer_cache(path);
        struct trove_oid id = peer_id(path, "refs/tree");
        struct trove_object *root = cached(cache, &id);

        assert_non_null(root);
        compare(path, cache, root, NULL, 0, -2);
        for (int depth = -1; depth < 4; depth++)
            compare(path, cache, root, NULL, 0, depth);
        for (int i = 0; i < specs_each; i++) {
            char specs[4][200];
            const char *list[4];
            size_t count = 1 + below(4);
            for (size_t k = 0; k < count; k++) {
                random_spec(specs[k], sizeof(specs[k]));
                list[k] = specs[k];
            }
            compare(path, cache, root, list, count, below(3) == 0 ? (int)below(4) - 1 : -2);
        }
        trove_unpin(root);
        assert_int_equal(trove_close(cache, NULL), 0);
        peer_repository_remove(path);
    }
    /* A comparison of nothing with nothing would show nothing. */
    print_message("%u compared, %u refused, %u selected something; seed %llu\n", compared, refused,
                  selected_some, (unsigned long long)seed_used);
    assert_true(selected_some > compared / 5 && refused > compared / 20);
}

/* --- what is refused, in git's words ----------------------------------------------------------------------------- */

static void check_refused(const char *spec, const char *message)
{
    struct trove__pathspec_options options = {
        .allowed = TROVE__MAGIC_GREP, .recursive = true, .max_depth = -1, .repository = "/r"};
    struct trove__pathspec *pathspec = NULL;
    struct trove_error err;

    assert_int_equal(trove__pathspec_parse(&spec, 1, &options, &pathspec, &err), -EINVAL);
    assert_string_equal(err.message, message);
    assert_null(pathspec);
}

static void pathspec__refuses_in_gits_words(void **state)
{
    (void)state;
    check_refused("", "empty string is not a valid pathspec. please use . instead if you meant to "
                      "match all paths");
    check_refused("../x", "../x: '../x' is outside repository at '/r'");
    check_refused("a/../../b", "a/../../b: 'a/../../b' is outside repository at '/r'");
    check_refused("/etc", "/etc: '/etc' is outside repository at '/r'");
    check_refused(":(nope)x", "Invalid pathspec magic 'nope' in ':(nope)x'");
    check_refused(":(glob", "Missing ')' at the end of pathspec magic in ':(glob'");
    check_refused(":%x", "Unimplemented pathspec magic '%' in ':%x'");
    check_refused(":(glob,literal)x", ":(glob,literal)x: 'literal' and 'glob' are incompatible");
    check_refused(":(attr:binary)x",
                  ":(attr:binary)x: pathspec magic not supported by this command: 'attr'");
}

/* --- what the plan of requests asks ------------------------------------------------------------------------------ */

static struct trove__pathspec *parse(const char *a, const char *b, int max_depth)
{
    struct trove__pathspec_options options = {
        .allowed = TROVE__MAGIC_GREP, .recursive = true, .max_depth = max_depth};
    struct trove__pathspec *pathspec;
    const char *specs[] = {a, b};

    assert_int_equal(
        trove__pathspec_parse(specs, (a != NULL) + (b != NULL), &options, &pathspec, NULL), 0);
    return pathspec;
}

static void check_plan(const char *a, const char *b, int max_depth, bool everything,
                       uint32_t levels)
{
    struct trove__pathspec *pathspec = parse(a, b, max_depth);

    assert_int_equal(trove__pathspec_everything(pathspec), everything);
    if (!everything)
        assert_int_equal(trove__pathspec_tree_depth(pathspec), levels);
    trove__pathspec_destroy(pathspec);
}

static void pathspec__tells_how_deep_to_look(void **state)
{
    (void)state;
    check_plan(NULL, NULL, -1, true, 0);
    check_plan(".", NULL, -1, true, 0);
    check_plan("src", ".", -1, true, 0);
    check_plan(NULL, NULL, 0, false, 0);
    check_plan("src", NULL, -1, false, 1);
    check_plan("src/", NULL, -1, false, 1);
    check_plan("a/b/c.c", "src", -1, false, 3);
    check_plan("*.c", "src", -1, false, 0);
    check_plan("src", ":!src/x", -1, false, 0);
    check_plan("src", NULL, 2, false, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pathspec__refuses_in_gits_words),
        cmocka_unit_test(pathspec__tells_how_deep_to_look),
        cmocka_unit_test(pathspec__selects_what_git_selects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
