// SPDX-License-Identifier: MIT
/*
 * Goal: whichever allocation of trove's fails while a revision is searched, the search ends with -ENOMEM and a message, what
 * it printed until then being the beginning of what it should; or it prints all. Nothing is leaked, and the same cache
 * answers the same search afterwards.
 * Method: a revision of eight files in a source of the test's own; the n-th allocation fails, for every n until none is
 * reached: of compiling the patterns, reading pathspecs and attributes, the plan, the walk, the engine, the ordered output.
 * (Under ThreadSanitizer every seventh, unless TROVE_LONG is set.)
 */
#include "failing_allocator.h"
#include "grep/revision_grep.h"
#include "support.h"
#include <errno.h>
#include <locale.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <trove/trove.h>

/* --- the revision ------------------------------------------------------------------------------------------------ */

struct stored {
    enum trove_type type;
    struct trove_oid id;
    char bytes[6000];
    size_t size;
};
static struct stored objects[16];
static size_t object_count;

static const struct trove_oid *store(enum trove_type type, const char *bytes, size_t size)
{
    const struct trove_hash *hash = trove_hash_sha1();
    struct stored *object = &objects[object_count++];

    assert_true(object_count <= sizeof(objects) / sizeof(objects[0]));
    assert_true(size <= sizeof(object->bytes));
    object->type = type;
    object->size = size;
    memcpy(object->bytes, bytes, size);
    assert_int_equal(hash->object_id(hash->context, type, bytes, size, &object->id), 0);
    return &object->id;
}

/* A tree while it is written; entries come in git's order. */
struct tree {
    char bytes[1000];
    size_t size;
};

static void add_entry(struct tree *tree, const char *mode, const char *name,
                      const struct trove_oid *id)
{
    tree->size += (size_t)snprintf(tree->bytes + tree->size, 200, "%s %s", mode, name) + 1;
    memcpy(tree->bytes + tree->size, id, 20);
    tree->size += 20;
}

static void add_blob(struct tree *tree, const char *name, const char *bytes, size_t size)
{
    add_entry(tree, "100644", name, store(TROVE_BLOB, bytes, size));
}

static void add_text(struct tree *tree, const char *name, const char *text)
{
    add_blob(tree, name, text, strlen(text));
}

static const struct trove_oid *store_tree(const struct tree *tree)
{
    return store(TROVE_TREE, tree->bytes, tree->size);
}

/* Most lines of it match, more than may be held back. */
static void add_long(struct tree *tree, const char *name)
{
    char text[6000];
    size_t size = 0;

    for (int i = 0; i < 200; i++)
        size += (size_t)snprintf(text + size, 40, "needle and thread %d\n%s", i,
                                 i % 7 == 0 ? "\n" : "");
    add_blob(tree, name, text, size);
}

static struct trove_oid commit;

static void make_revision(void)
{
    struct tree root = {.size = 0}, sub = {.size = 0}, deep = {.size = 0};
    char text[200], hex[TROVE_OID_HEX_MAX + 1];

    add_blob(&deep, "x.bin", "needle\0needle\n", 14);
    add_text(&deep, "y.c", "int x; // a needle(1)\n");
    add_entry(&sub, "40000", "deep", store_tree(&deep));
    add_text(&sub, "one.c", "first\nNeedle two\nthird\nfourth\nfifth needle\n");
    add_text(&sub, "two.txt", "nothing\nhere\n");
    add_text(&root, "a.txt", "a needle in hay\nhay\nhay\nhay\nhay\nanother needle.\n");
    add_long(&root, "long");
    add_text(&root, "na\xc3\xafve\t.txt", "na\xc3\xafve needle\n");
    add_entry(&root, "40000", "sub", store_tree(&sub));
    add_text(&root, "z.c", "needle\n");
    trove_oid_to_hex(TROVE_SHA1, store_tree(&root), hex);
    commit = *store(
        TROVE_COMMIT, text,
        (size_t)snprintf(text, sizeof(text),
                         "tree %s\nauthor A <a> 0 +0000\ncommitter A <a> 0 +0000\n\nx\n", hex));
}

/* --- the source -------------------------------------------------------------------------------------------------- */

static bool is_asked_for(const struct trove_request *request, const struct stored *object)
{
    for (size_t i = 0; request->by_id && i < request->want_count; i++)
        if (trove_oid_equal(&request->wants[i].id, &object->id))
            return true;
    return !request->by_id && (request->filter == NULL || object->type != TROVE_BLOB);
}

/* What is wanted by id, everything, or without blobs if anything is left out. The last first: trees before files. */
static int answer(void *source, const struct trove_request *request, struct trove_sink *sink,
                  struct trove_error *err)
{
    (void)source;
    for (size_t i = object_count; i-- > 0;) {
        const struct stored *object = &objects[i];
        int r = is_asked_for(request, object)
                    ? trove_sink_put(sink, object->type, object->bytes, object->size, 0)
                    : 0;

        if (r < 0)
            return trove_error_set(err, r, "the source: %s", trove_strerror(r));
    }
    trove_sink_done(sink);
    return 0;
}

static struct trove *open_cache(void)
{
    static const struct trove_source_ops ops = {.fetch = answer};
    struct trove_options options;
    struct trove *cache;

    trove_options_init(&options);
    options.max_bytes = 8 << 20;
    options.hash = trove_hash_sha1();
    options.source.ops = &ops;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    return cache;
}

/* --- searches ---------------------------------------------------------------------------------------------------- */

/* What is searched for, and how. */
struct row {
    const char *name;
    struct trove__grep_settings settings; /* but for the pattern */
    const char *pattern;
    const char *const *specs; /* NULL-terminated, or NULL */
    const char *folder;       /* where the command stands; NULL: at the top */
    const char *attributes;   /* of every folder; NULL: none */
    size_t held_bytes;        /* 0: enough */
    uint64_t aside_bytes;
    bool warm, trees_first;
    size_t prints_at_least; /* bytes */
};

struct output {
    char bytes[20000];
    size_t size;
};

/* What one search holds. */
struct search {
    const struct row *row;
    struct trove__grep *grep;
    struct trove__pathspec *pathspec;
    struct trove__attributes *attributes;
    struct trove__engine *engine;
    struct trove_until until;
    struct output *output;
};

static int keep(void *context, const void *bytes, size_t size)
{
    struct output *output = context;

    assert_true(size <= sizeof(output->bytes) - output->size);
    memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
    return 0;
}

static int load_attributes(void *row, const char *folder, struct trove__text *out)
{
    const char *text = ((const struct row *)row)->attributes;

    (void)folder;
    trove__text_add(out, text, strlen(text));
    return out->failure;
}

static int prepare_attributes(struct search *search)
{
    static const char rules[] = "[attr]plain diff=plain\n*.bin plain\n\"a b\" -diff\n";
    int r;

    if (search->row->attributes == NULL)
        return 0;
    r = trove__attributes_create(load_attributes, (void *)(uintptr_t)search->row,
                                 &search->attributes);
    if (r == 0)
        r = trove__attributes_set_driver(search->attributes, "plain", 5, TROVE__CONTENT_TEXT);
    if (r == 0)
        r = trove__attributes_add(search->attributes, TROVE__ATTRIBUTES_FIRST, rules,
                                  sizeof(rules) - 1);
    return r;
}

static int prepare(struct search *search, struct trove *cache, struct trove_error *err)
{
    const struct row *row = search->row;
    struct trove__grep_pattern pattern = {row->pattern, strlen(row->pattern), "-e option", 0};
    struct trove__grep_settings settings = row->settings;
    struct trove__pathspec_options specs = {
        .prefix = row->folder, .allowed = TROVE__MAGIC_GREP, .recursive = true, .max_depth = -1};
    struct trove__engine_options engine = {.cache = cache,
                                           .threads = 2,
                                           .held_bytes = row->held_bytes,
                                           .aside_bytes = row->aside_bytes,
                                           .write = keep,
                                           .write_context = search->output};
    size_t count = 0;
    int r;

    settings.patterns = &pattern;
    settings.pattern_count = 1;
    settings.max_count = -1;
    settings.show_name = true;
    while (row->specs != NULL && row->specs[count] != NULL)
        count++;
    r = trove__grep_compile(&settings, &search->grep, err);
    if (r == 0)
        r = trove__pathspec_parse(row->specs, count, &specs, &search->pathspec, err);
    if (r == 0 && (r = prepare_attributes(search)) < 0)
        trove_error_set(err, r, "attributes");
    if (r == 0 && (r = trove_cancel_create(&search->until.cancel)) < 0)
        trove_error_set(err, r, "a token");
    engine.grep = search->grep;
    engine.until = search->until;
    return r == 0 ? trove__engine_create(&engine, &search->engine, err) : r;
}

static int run(struct search *search, struct trove *cache, struct trove_error *err)
{
    const struct row *row = search->row;
    struct trove__revision_grep grep = {.cache = cache,
                                        .engine = search->engine,
                                        .pathspec = search->pathspec,
                                        .attributes = search->attributes,
                                        .until = &search->until,
                                        .folder = row->folder != NULL ? row->folder : "",
                                        .quote_fully = true,
                                        .trees_first = row->trees_first,
                                        .raw_names = row->settings.null_after_name};
    const struct trove_git_revision revision = {.id = commit, .type = TROVE_COMMIT};
    int r;

    trove__walk_limits_init(&grep.limits);
    r = trove__revision_grep(&grep, "r", NULL, &revision, err);
    return r == -ECANCELED && trove__engine_is_answered(search->engine) ? 0 : r;
}

static int search_once(const struct row *row, struct trove *cache, struct output *output,
                       struct trove_error *err)
{
    struct search search = {
        .row = row, .output = output, .until = {.deadline_ns = TROVE_NO_DEADLINE}};
    int r;

    output->size = 0;
    r = prepare(&search, cache, err);
    if (r == 0)
        r = run(&search, cache, err);
    trove__engine_destroy(search.engine);
    trove__attributes_destroy(search.attributes);
    trove__pathspec_destroy(search.pathspec);
    trove__grep_destroy(search.grep);
    trove_cancel_unref(search.until.cancel);
    return r;
}

/* Threads let go of the cache a moment after it was closed. A leak makes this wait for ever. */
static void wait_until_all_is_free(long before)
{
#ifndef __SANITIZE_THREAD__ /* its read sections keep a record for each thread */
    while (failing_allocator_live() != before)
        sched_yield();
#else
    (void)before;
#endif
}

/* --- each allocation --------------------------------------------------------------------------------------------- */

static struct output expected, output;

static void expect_all(const struct row *row, struct trove *cache)
{
    struct trove_error err = {0};

    if (search_once(row, cache, &output, &err) != 0)
        fail_msg("%s: %s", row->name, err.message);
    if (output.size != expected.size || memcmp(output.bytes, expected.bytes, expected.size) != 0)
        fail_msg("%s: other output", row->name);
}

/* True when there were N allocations. */
static bool fail_one(const struct row *row, unsigned n, unsigned *failed)
{
    long before = failing_allocator_live();
    struct trove *cache = open_cache();
    struct trove_error err = {0};
    bool reached;
    int r;

    if (row->warm)
        expect_all(row, cache);
    failing_allocator_fail_at(n);
    r = search_once(row, cache, &output, &err);
    reached = failing_allocator_stop();
    if (r != 0 && (!reached || r != -ENOMEM || err.code != r || err.message[0] == '\0'))
        fail_msg("%s: allocation %u: %d (%d): %s", row->name, n, r, err.code, err.message);
    if (output.size > expected.size || (r == 0 && output.size < expected.size) ||
        memcmp(output.bytes, expected.bytes, output.size) != 0)
        fail_msg("%s: allocation %u: %d: other output: %.*s", row->name, n, r, (int)output.size,
                 output.bytes);
    *failed += r < 0;
    expect_all(row, cache);
    assert_int_equal(trove_close(cache, NULL), 0);
    wait_until_all_is_free(before);
    return reached;
}

static void fail_each(const struct row *row)
{
    long before = failing_allocator_live();
    struct trove *cache = open_cache();
    struct trove_error err = {0};
    unsigned n = 1, failed = 0;

    if (search_once(row, cache, &expected, &err) != 0)
        fail_msg("%s: %s", row->name, err.message);
    assert_true(expected.size >= row->prints_at_least);
    assert_int_equal(trove_close(cache, NULL), 0);
    wait_until_all_is_free(before);
    while (fail_one(row, n, &failed))
        n += test_all_turns() ? 1 : 7;
    print_message("%s: %u allocations, %u failed the search\n", row->name, n - 1, failed);
    assert_true(failed > 5);
}

static const char *const scattered[] = {":(glob)**/*.c", "*.txt", ":(icase)LONG",
                                        ":(exclude)sub/d*", NULL};
static const char *const folders[] = {"deep", ":(top)z.c", "../sub/one.c", NULL};

static void nomem__patterns(void **state)
{
    static const struct row rows[] = {
        {.name = "fixed", .pattern = "needle", .prints_at_least = 5000},
        {.name = "fixed, two, any case",
         .settings = {.type = TROVE__GREP_FIXED, .ignore_case = true, .line_number = true},
         .pattern = "needle.\nNEEDLE(",
         .prints_at_least = 40},
        {.name = "basic", .pattern = "n[e]*dle", .warm = true, .prints_at_least = 5000},
        {.name = "extended, context, colours",
         .settings = {.type = TROVE__GREP_EXTENDED,
                      .ignore_case = true,
                      .word = true,
                      .color = true,
                      .heading = true,
                      .line_number = true,
                      .before = 1,
                      .after = 1},
         .pattern = "(ne+dle|fif(th|st)|\xc3\xafve)",
         .warm = true,
         .prints_at_least = 5000},
        {.name = "perl, columns",
         .settings = {.type = TROVE__GREP_PERL,
                      .ignore_case = true,
                      .column = true,
                      .only_matching = true,
                      .null_after_name = true,
                      .file_break = true},
         .pattern = "n(e{2})d.",
         .prints_at_least = 2000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        fail_each(&rows[i]);
}

static void nomem__paths(void **state)
{
    static const struct row rows[] = {
        {.name = "scattered files",
         .pattern = "needle",
         .specs = scattered,
         .prints_at_least = 100},
        {.name = "folders, from a folder",
         .pattern = "needle",
         .specs = folders,
         .folder = "sub/",
         .prints_at_least = 40},
        {.name = "attributes",
         .pattern = "needle",
         .specs = folders,
         .folder = "sub/",
         .attributes = "[attr]mine -diff\n*.c text=auto eol=lf\ny.c mine\n*.c !diff whitespace\n",
         .warm = true,
         .prints_at_least = 40},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        fail_each(&rows[i]);
}

static void nomem__output(void **state)
{
    static const struct row rows[] = {
        {.name = "trees first", .pattern = "needle", .trees_first = true, .prints_at_least = 5000},
        {.name = "names",
         .settings = {.name_only = true},
         .pattern = "needle",
         .warm = true,
         .prints_at_least = 20},
        {.name = "the first hit", .settings = {.quiet = true}, .pattern = "needle"},
        {.name = "little memory",
         .settings = {.after = 1},
         .pattern = "needle",
         .held_bytes = 600,
         .aside_bytes = 1 << 20,
         .prints_at_least = 5000},
        {.name = "little memory, no file",
         .settings = {.after = 1},
         .pattern = "needle",
         .held_bytes = 600,
         .warm = true,
         .prints_at_least = 5000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        fail_each(&rows[i]);
}

static int set_up(void **state)
{
    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    make_revision();
    return failing_allocator_install();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nomem__patterns),
        cmocka_unit_test(nomem__paths),
        cmocka_unit_test(nomem__output),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
