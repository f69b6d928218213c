// SPDX-License-Identifier: MIT
/*
 * Goal: option parser, matcher and printer together answer every random command line with git grep's bytes and status.
 * Method: a repository of random files; each command line goes to `git grep ... HEAD` and through the library over the
 * same blobs. TROVE_TEST_SEED and TROVE_TEST_ROUNDS set what is otherwise printed or small.
 */
#include "capture.h"
#include "grep_random.h"
#include "support.h"
#include "tools/grep_options.h"
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES 60

struct file {
    char shown[32]; /* HEAD:name */
    char *data;
    size_t size;
};

static struct {
    char folder[64];
    struct file files[FILES]; /* in git's order */
    uint64_t seed;
    int rounds;
} world;

static void run_git(const char *a, const char *b, const char *c)
{
    const char *argv[] = {"git", "-C", world.folder, a, b, c, NULL};
    struct capture capture = capture_run(argv, 1);

    assert_int_equal(capture.status, 0);
    capture_free(&capture);
}

static void write_file(const struct file *file)
{
    char path[128];
    FILE *out;

    snprintf(path, sizeof(path), "%s/%s", world.folder, file->shown + 5);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(file->data, 1, file->size, out), file->size);
    assert_int_equal(fclose(out), 0);
}

static void isolate_git(void)
{
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("GIT_AUTHOR_NAME", "t", 1);
    setenv("GIT_AUTHOR_EMAIL", "t@example.org", 1);
    setenv("GIT_COMMITTER_NAME", "t", 1);
    setenv("GIT_COMMITTER_EMAIL", "t@example.org", 1);
    setenv("TERM", "xterm", 1);
}

static int make_world(void **state)
{
    const char *seed = getenv("TROVE_TEST_SEED");
    const char *rounds = getenv("TROVE_TEST_ROUNDS");
    struct grep_random random;

    (void)state;
    isolate_git();
    world.seed = seed != NULL ? strtoull(seed, NULL, 0) : 1;
    world.rounds = rounds != NULL ? atoi(rounds) : 800;
    printf("seed %llu, rounds %d\n", (unsigned long long)world.seed, world.rounds);
    strcpy(world.folder, "/tmp/trove-grep-XXXXXX");
    assert_non_null(mkdtemp(world.folder));
    run_git("init", "-q", ".");
    random.state = world.seed;
    for (int i = 0; i < FILES; i++) {
        struct file *file = &world.files[i];
        snprintf(file->shown, sizeof(file->shown), "HEAD:f%02d", i);
        file->data = grep_random_file(&random, &file->size);
        write_file(file);
    }
    run_git("add", ".", NULL);
    run_git("commit", "-q", "-mx");
    return 0;
}

static int end_world(void **state)
{
    const char *argv[] = {"rm", "-rf", world.folder, NULL};
    struct capture capture = capture_run(argv, 1);

    (void)state;
    capture_free(&capture);
    for (int i = 0; i < FILES; i++)
        free(world.files[i].data);
    return 0;
}

static struct capture ask_git(const struct grep_random_line *line)
{
    const char *argv[GREP_RANDOM_WORDS + 8] = {"git", "-C", world.folder, "grep", "--threads=1"};
    size_t count = 5;

    for (size_t i = 0; i < line->count; i++)
        argv[count++] = line->words[i];
    argv[count++] = "HEAD";
    return capture_run(argv, 0);
}

struct sink {
    char *bytes;
    size_t size;
};

static int sink_write(void *context, const void *bytes, size_t size)
{
    struct sink *sink = context;

    sink->bytes = realloc(sink->bytes, sink->size + size + 1);
    memcpy(sink->bytes + sink->size, bytes, size);
    sink->size += size;
    return 0;
}

/* All files in order. Returns the exit status. */
static int search_files(const struct trove__grep *grep, struct sink *sink)
{
    struct trove__grep_scratch *scratch;
    struct trove__text text = {0};
    struct trove_error err;
    bool earlier = false;
    int status = 1;
    size_t mark_size;
    const char *mark = trove__grep_mark(grep, &mark_size);

    assert_int_equal(trove__grep_scratch_create(grep, &scratch), 0);
    for (int i = 0; i < FILES; i++) {
        const struct file *file = &world.files[i];
        int r;

        trove__text_reset(&text);
        r = trove__grep_buffer(grep, scratch, file->shown, TROVE__CONTENT_LOOK, file->data,
                               file->size, &text, &err);
        trove__text_write(&text, earlier, mark, mark_size, sink_write, sink);
        earlier = earlier || text.shown;
        if (r < 0)
            status = 128;
        if (r < 0)
            break;
        if (r > 0)
            status = 0;
        if (r > 0 && trove__grep_first_hit_ends(grep))
            break;
    }
    trove__text_deinit(&text);
    trove__grep_scratch_destroy(scratch);
    return status;
}

static int ask_library(const struct grep_random_line *line, bool posix_as_perl, struct sink *sink)
{
    char *argv[GREP_RANDOM_WORDS + 4] = {(char *)"grep"};
    struct trove__grep_options options;
    struct trove__grep *grep;
    struct trove_error err;
    enum trove__options_end end;
    int argc = 1;
    int status;

    for (size_t i = 0; i < line->count; i++)
        argv[argc++] = line->words[i];
    argv[argc++] = (char *)"HEAD";
    trove__grep_options_init(&options);
    status = trove__grep_options_read(&options, argc, argv, NULL, NULL, &end, &err);
    if (status < 0) {
        assert_int_equal(options.rest_count, 1);
        if (posix_as_perl && options.settings.type != TROVE__GREP_FIXED)
            options.settings.type = TROVE__GREP_PERL;
        if (options.settings.max_count == 0)
            status = 1;
        else if (trove__grep_compile(&options.settings, &grep, &err) < 0)
            status = 128;
    }
    if (status < 0) {
        status = search_files(grep, sink);
        trove__grep_destroy(grep);
    }
    trove__grep_options_deinit(&options);
    return status;
}

static void show_bytes(const char *what, const char *bytes, size_t size, size_t around)
{
    size_t from = around > 120 ? around - 120 : 0;

    fprintf(stderr, "  %s: ", what);
    for (size_t i = from; i < size && i < around + 120; i++) {
        unsigned char c = (unsigned char)bytes[i];
        fprintf(stderr, c < 32 || c > 126 ? "\\x%02x" : "%c", c);
    }
    fprintf(stderr, "\n");
}

static void show_difference(const struct grep_random_line *line, const struct capture *git,
                            const struct sink *mine, int status)
{
    size_t same = 0;

    while (same < git->size && same < mine->size && git->bytes[same] == mine->bytes[same])
        same++;
    fprintf(stderr, "seed %llu: git %d, library %d, differ at %zu of %zu and %zu:",
            (unsigned long long)world.seed, git->status, status, same, git->size, mine->size);
    for (size_t i = 0; i < line->count; i++) {
        fprintf(stderr, " $'");
        for (const char *c = line->words[i]; *c != '\0'; c++)
            fprintf(stderr, *c < 32 || *c == '\'' || *c == '\\' ? "\\x%02x" : "%c",
                    (unsigned char)*c);
        fprintf(stderr, "'");
    }
    fprintf(stderr, "\n");
    show_bytes("git", git->bytes, git->size, same);
    show_bytes("library", mine->bytes, mine->size, same);
}

static bool agree(const struct grep_random_line *line, bool posix_as_perl, bool quiet)
{
    struct capture git = ask_git(line);
    struct sink mine = {0};
    int status = ask_library(line, posix_as_perl, &mine);
    bool same = git.status == status && git.size == mine.size &&
                (git.size == 0 || memcmp(git.bytes, mine.bytes, git.size) == 0);

    if (!same && !quiet)
        show_difference(line, &git, &mine, status);
    capture_free(&git);
    free(mine.bytes);
    return same;
}

static void compare_in(const char *locale)
{
    struct grep_random random = {.state = world.seed + (uint64_t)locale[strlen(locale) - 1]};
    int differences = 0;

    setenv("LC_ALL", locale, 1);
    if (setlocale(LC_CTYPE, locale) == NULL)
        skip();
    for (int i = 0; i < world.rounds; i++) {
        struct grep_random_line line;
        grep_random_line(&random, &line);
        differences += !agree(&line, false, false);
    }
    assert_int_equal(differences, 0);
}

static void grep__equals_git_in_the_c_locale(void **state)
{
    (void)state;
    compare_in("C");
}

static void grep__equals_git_in_utf8(void **state)
{
    (void)state;
    compare_in("C.UTF-8");
}

/* The alarm works: patterns of the wrong engine are noticed. */
static void grep__posix_as_perl_is_caught(void **state)
{
    struct grep_random random = {.state = world.seed};
    int differences = 0;

    (void)state;
    setenv("LC_ALL", "C", 1);
    setlocale(LC_CTYPE, "C");
    for (int i = 0; i < 100; i++) {
        struct grep_random_line line;
        grep_random_line(&random, &line);
        differences += !agree(&line, true, true);
    }
    assert_true(differences > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grep__equals_git_in_the_c_locale),
        cmocka_unit_test(grep__equals_git_in_utf8),
        cmocka_unit_test(grep__posix_as_perl_is_caught),
    };

    return cmocka_run_group_tests(tests, make_world, end_world);
}
