// SPDX-License-Identifier: MIT
/*
 * Goal: gitattributes say of every path what `git check-attr` says.
 * Method: random files of attributes, in a work tree's folders and beside it; a set of paths goes to git and to the library.
 */
#include "git_peer.h"
#include "grep/attributes.h"
#include "grep_random.h"
#include "support.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 120, PLACES = 4, TEXT_MAX = 2048 };

static const char *const places[PLACES] = {".gitattributes", "d/.gitattributes",
                                           "d/e/.gitattributes", ".git/info/attributes"};
static const char *const folders[PLACES] = {"", "d/", "d/e/", NULL};

static const char *const paths[] = {
    "a.c",      "a.h",       "b.txt",   "c",     "d/a.c",      "d/b",      "d/e/a.c",
    "d/e/f/a",  "d/e/b.txt", "d/x.c",   "e/a.c", "e/d/a.c",    "sp ace.c", "quo\"te.c",
    "d/sp ace", "x/y/z/a.c", "x/y/b.h", "d/e.c", "\xc3\xa9.c", "[a].c",    "a*b",
};
#define PATHS (sizeof(paths) / sizeof(paths[0]))

static char top[] = "/tmp/trove-test-XXXXXX";

struct texts {
    char text[PLACES][TEXT_MAX];
};

static const char *pick(struct grep_random *random, const char *const *words, uint32_t count)
{
    return words[grep_random_below(random, count)];
}
#define PICK(random, words) pick((random), (words), sizeof(words) / sizeof((words)[0]))

static void random_line(struct grep_random *random, char *line, size_t size)
{
    static const char *const patterns[] = {
        "*.c",
        "*.h",
        "*",
        "a.c",
        "d/*",
        "/a.c",
        "d/**",
        "**/a.c",
        "e/a.c",
        "d/e/*.c",
        "d/",
        "!a.c",
        "\"sp ace.c\"",
        "\"quo\\\"te.c\"",
        "[ab].*",
        "\\[a].c",
        "x/**/a.c",
        "\"\\303\\251.c\"",
        "# x",
        "[attr]m",
        "[attr]n",
        "[attr]-",
        "\"open",
        "?",
        "a\\*b",
        "[attr]binary",
        "  *.txt",
        "[attr]diff",
    };
    static const char *const states[] = {
        "diff",    "-diff", "!diff", "diff=drv",   "diff=cpp",    "binary", "-binary",
        "!binary", "m",     "-m",    "n",          "text",        "m=x",    "-m=y",
        "b@d",     "--x",   "diff=", "-diff diff", "diff binary",
    };
    int used = snprintf(line, size, "%s", PICK(random, patterns));

    for (uint32_t i = grep_random_below(random, 3); i > 0 && (size_t)used < size; i--)
        used += snprintf(line + used, size - (size_t)used, "%s%s",
                         grep_random_below(random, 6) == 0 ? "\t " : " ", PICK(random, states));
    if ((size_t)used < size)
        snprintf(line + used, size - (size_t)used, "%s",
                 grep_random_below(random, 8) == 0 ? "\r\n" : "\n");
}

static void random_text(struct grep_random *random, char *text)
{
    uint32_t lines = grep_random_below(random, 5);

    strcpy(text, grep_random_below(random, 10) == 0 ? "\xef\xbb\xbf" : "");
    while (lines-- > 0)
        random_line(random, text + strlen(text), TEXT_MAX - strlen(text));
}

static void write_texts(const struct texts *texts)
{
    for (int i = 0; i < PLACES; i++) {
        char path[128];
        FILE *file;
        snprintf(path, sizeof(path), "%s/%s", top, places[i]);
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(texts->text[i], file);
        assert_int_equal(fclose(file), 0);
    }
}

static int load(void *context, const char *folder, struct trove__text *out)
{
    const struct texts *texts = context;

    for (int i = 0; i < PLACES; i++) {
        if (folders[i] != NULL && strcmp(folders[i], folder) == 0)
            trove__text_add(out, texts->text[i], strlen(texts->text[i]));
    }
    return 0;
}

static struct trove__attributes *make(struct texts *texts)
{
    struct trove__attributes *attributes;

    assert_int_equal(trove__attributes_create(load, texts, &attributes), 0);
    assert_int_equal(trove__attributes_add(attributes, TROVE__ATTRIBUTES_LAST, texts->text[3],
                                           strlen(texts->text[3])),
                     0);
    assert_int_equal(trove__attributes_set_driver(attributes, "drv", 3, TROVE__CONTENT_BINARY), 0);
    return attributes;
}

static enum trove__content meaning(const char *value)
{
    if (strcmp(value, "set") == 0)
        return TROVE__CONTENT_TEXT;
    if (strcmp(value, "unset") == 0 || strcmp(value, "drv") == 0)
        return TROVE__CONTENT_BINARY;
    return TROVE__CONTENT_LOOK;
}

/* git's answer: path NUL `diff` NUL value NUL, for each path. */
static void compare(struct texts *texts)
{
    const char *argv[PATHS + 8] = {"git", "-C", top, "check-attr", "-z", "diff", "--"};
    struct trove__attributes *attributes = make(texts);
    struct output git;
    const char *at;

    for (size_t i = 0; i < PATHS; i++)
        argv[7 + i] = paths[i];
    write_texts(texts);
    git = run_command(argv, NULL, 0);
    assert_int_equal(git.status, 0);
    at = git.out;
    for (size_t i = 0; i < PATHS; i++) {
        enum trove__content mine;
        const char *value = at + strlen(at) + 1 + strlen("diff") + 1;
        assert_int_equal(trove__attributes_content(attributes, paths[i], &mine), 0);
        if (mine != meaning(value))
            fail_msg("%s: git says '%s', we %d, of:\n%s--\n%s--\n%s--\n%s", paths[i], value,
                     (int)mine, texts->text[0], texts->text[1], texts->text[2], texts->text[3]);
        at = value + strlen(value) + 1;
    }
    output_free(&git);
    trove__attributes_destroy(attributes);
}

static void attributes__equal_gits(void **state)
{
    struct grep_random random = {.state = 1};
    struct texts texts;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        for (int place = 0; place < PLACES; place++)
            random_text(&random, texts.text[place]);
        compare(&texts);
    }
}

/* Longer lines than git reads are left out; the one behind counts. */
static void attributes__long_lines_are_ignored(void **state)
{
    struct trove__attributes *attributes;
    enum trove__content content;
    char text[5000];

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, "a.c -diff ", 10);
    memcpy(text + sizeof(text) - 12, "\nb.c -diff \n", 12);
    assert_int_equal(trove__attributes_create(NULL, NULL, &attributes), 0);
    assert_int_equal(trove__attributes_add(attributes, TROVE__ATTRIBUTES_FIRST, text, sizeof(text)),
                     0);
    assert_int_equal(trove__attributes_content(attributes, "a.c", &content), 0);
    assert_int_equal(content, TROVE__CONTENT_LOOK);
    assert_int_equal(trove__attributes_content(attributes, "d/b.c", &content), 0);
    assert_int_equal(content, TROVE__CONTENT_BINARY);
    trove__attributes_destroy(attributes);
}

enum { MACROS = 20000, STACK = 128 << 10 };

static void *ask_on_a_small_stack(void *context)
{
    enum trove__content content;

    assert_int_equal(trove__attributes_content(context, "x.c", &content), 0);
    assert_int_equal(content, TROVE__CONTENT_BINARY);
    return NULL;
}

/* Goal: macros of macros, as many as a file likes, take no C stack. */
static void attributes__macros_nest_without_the_stack(void **state)
{
    struct trove__attributes *attributes;
    struct trove__text text = {0};
    char line[64];
    pthread_attr_t attr;
    pthread_t thread;

    (void)state;
    for (int i = 0; i < MACROS; i++) {
        int length = snprintf(line, sizeof(line), "[attr]m%d m%d\n", i, i + 1);
        trove__text_add(&text, line, (size_t)length);
    }
    snprintf(line, sizeof(line), "[attr]m%d -diff\n* m0\n", MACROS);
    trove__text_add(&text, line, strlen(line));
    assert_int_equal(trove__attributes_create(NULL, NULL, &attributes), 0);
    assert_int_equal(
        trove__attributes_add(attributes, TROVE__ATTRIBUTES_LAST, text.bytes, text.size), 0);
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, ask_on_a_small_stack, attributes), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
    trove__attributes_destroy(attributes);
    trove__text_deinit(&text);
}

/* Goal: what has no path is what files of no driver are. */
static void attributes__without_a_path_the_default_driver_decides(void **state)
{
    struct trove__attributes *attributes;
    enum trove__content content;

    (void)state;
    assert_int_equal(trove__attributes_create(NULL, NULL, &attributes), 0);
    assert_int_equal(trove__attributes_add(attributes, TROVE__ATTRIBUTES_LAST, "* diff\n", 7), 0);
    assert_int_equal(trove__attributes_content(attributes, NULL, &content), 0);
    assert_int_equal(content, TROVE__CONTENT_LOOK);
    assert_int_equal(trove__attributes_set_driver(attributes, "default", 7, TROVE__CONTENT_BINARY),
                     0);
    assert_int_equal(trove__attributes_content(attributes, NULL, &content), 0);
    assert_int_equal(content, TROVE__CONTENT_BINARY);
    assert_int_equal(trove__attributes_content(attributes, "x", &content), 0);
    assert_int_equal(content, TROVE__CONTENT_TEXT);
    trove__attributes_destroy(attributes);
}

static int make_top(void **state)
{
    char command[128];

    (void)state;
    if (mkdtemp(top) == NULL)
        return -1;
    snprintf(command, sizeof(command), "git init -q %s && mkdir -p %s/d/e %s/.git/info", top, top,
             top);
    return system(command);
}

static int remove_top(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", top);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes__equal_gits),
        cmocka_unit_test(attributes__long_lines_are_ignored),
        cmocka_unit_test(attributes__macros_nest_without_the_stack),
        cmocka_unit_test(attributes__without_a_path_the_default_driver_decides),
    };

    return cmocka_run_group_tests(tests, make_top, remove_top);
}
