// SPDX-License-Identifier: MIT
/*
 * Goal: option parser, matcher and printer together answer every random command line with git grep's bytes and status,
 * and sparing the engines changes nothing.
 * Method: random files; each random command line goes to `git grep ... HEAD` and through the library over the same files.
 * Many more go through the library twice, as it is and with every line given to the engines. TROVE_TEST_SEED and
 * TROVE_TEST_ROUNDS set what is otherwise 1 and small; TROVE_LONG=1 means more rounds.
 */
#include "grep/match.h"
#include "grep_peer.h"
#include "grep_random.h"
#include "support.h"
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES 60
#define CANARY_ROUNDS 60

static struct {
    char *repository;
    struct grep_peer_file files[FILES];
    uint64_t seed;
    int rounds;
} world;

static int make_world(void **state)
{
    const char *seed = getenv("TROVE_TEST_SEED");
    const char *rounds = getenv("TROVE_TEST_ROUNDS");
    struct grep_random random;

    (void)state;
    setenv("TERM", "xterm", 1);
    world.seed = seed != NULL ? strtoull(seed, NULL, 0) : 1;
    world.rounds = rounds != NULL ? atoi(rounds) : test_long() ? 2000 : 150;
    printf("seed %llu, rounds %d\n", (unsigned long long)world.seed, world.rounds);
    random.state = world.seed;
    for (int i = 0; i < FILES; i++) {
        struct grep_peer_file *file = &world.files[i];
        snprintf(file->name, sizeof(file->name), "f%02d", i);
        file->data = grep_random_file(&random, &file->size);
    }
    world.repository = grep_peer_repository(world.files, FILES);
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    peer_repository_remove(world.repository);
    for (int i = 0; i < FILES; i++)
        free(world.files[i].data);
    return 0;
}

static void set_locale(const char *locale)
{
    setenv("LC_ALL", locale, 1);
    if (setlocale(LC_CTYPE, locale) == NULL)
        fail_msg("no locale %s", locale);
}

static void compare_with_git(const char *locale)
{
    struct grep_random random = {.state = world.seed + strlen(locale)};
    int differences = 0;

    set_locale(locale);
    for (int i = 0; i < world.rounds; i++) {
        struct grep_random_line line;
        struct output git, mine;

        grep_random_line(&random, &line);
        git = grep_peer_git(world.repository, line.words, line.count);
        mine = grep_peer_library(world.files, FILES, line.words, line.count, NULL);
        differences += !grep_peer_same(&git, &mine, line.words, line.count);
        output_free(&git);
        output_free(&mine);
    }
    assert_int_equal(differences, 0);
}

static void grep__equals_git_in_the_c_locale(void **state)
{
    (void)state;
    compare_with_git("C");
}

static void grep__equals_git_in_utf8(void **state)
{
    (void)state;
    compare_with_git("C.UTF-8");
}

static void compare_with_plain(const char *locale)
{
    struct grep_random random = {.state = world.seed + 77 + strlen(locale)};
    int differences = 0;

    set_locale(locale);
    for (int i = 0; i < world.rounds * 5; i++) {
        struct grep_random_line line;
        struct output plain, mine;
        size_t first = grep_random_below(&random, FILES - 8);

        grep_random_line(&random, &line);
        plain =
            grep_peer_library(world.files + first, 8, line.words, line.count, grep_peer_make_plain);
        mine = grep_peer_library(world.files + first, 8, line.words, line.count, NULL);
        differences += !grep_peer_same(&plain, &mine, line.words, line.count);
        output_free(&plain);
        output_free(&mine);
    }
    assert_int_equal(differences, 0);
}

static void grep__spared_engines_change_nothing_in_c(void **state)
{
    (void)state;
    compare_with_plain("C");
}

static void grep__spared_engines_change_nothing_in_utf8(void **state)
{
    (void)state;
    compare_with_plain("C.UTF-8");
}

/* Compiled again, by the wrong engine. */
static void use_perl(struct trove__grep *grep)
{
    struct trove__grep_settings settings = grep->settings;

    for (size_t i = 0; i < grep->pattern_count; i++) {
        struct trove__pattern *pattern = &grep->patterns[i];
        struct trove__grep_pattern source = {pattern->bytes, pattern->size, "test", 0};
        struct trove__pattern other;

        settings.type = TROVE__GREP_PERL;
        if (pattern->engine != TROVE__ENGINE_POSIX ||
            trove__pattern_compile(&settings, &source, &other, NULL) < 0)
            continue;
        trove__pattern_deinit(pattern);
        *pattern = other;
    }
}

/* The alarm works. */
static void grep__posix_patterns_run_as_perl_are_caught(void **state)
{
    struct grep_random random = {.state = world.seed};
    FILE *loud = stderr;
    int differences = 0;

    (void)state;
    set_locale("C");
    stderr = fopen("/dev/null", "w");
    for (int i = 0; i < CANARY_ROUNDS; i++) {
        struct grep_random_line line;
        struct output right, wrong;

        grep_random_line(&random, &line);
        right = grep_peer_git(world.repository, line.words, line.count);
        wrong = grep_peer_library(world.files, FILES, line.words, line.count, use_perl);
        differences += !grep_peer_same(&right, &wrong, line.words, line.count);
        output_free(&right);
        output_free(&wrong);
    }
    fclose(stderr);
    stderr = loud;
    printf("%d of %d caught\n", differences, CANARY_ROUNDS);
    assert_true(differences > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grep__equals_git_in_the_c_locale),
        cmocka_unit_test(grep__equals_git_in_utf8),
        cmocka_unit_test(grep__spared_engines_change_nothing_in_c),
        cmocka_unit_test(grep__spared_engines_change_nothing_in_utf8),
        cmocka_unit_test(grep__posix_patterns_run_as_perl_are_caught),
    };

    return cmocka_run_group_tests(tests, make_world, end_world);
}
