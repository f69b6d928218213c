// SPDX-License-Identifier: MIT
/*
 * test_grep_config.c - what the user configured decides where the command line says nothing, and is read as git reads it.
 */
#include "support.h"
#include "tools/common.h"
#include "tools/grep_config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char home[] = "/tmp/trove-test-XXXXXX";

static void write_config(const char *folder, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The command line WORDS (parted by blanks) with TEXT as the user's configuration; OPTIONS is to be deinitialised. */
static int read_with(const char *text, const char *words, const char *repository,
                     struct trove__grep_options *options, struct trove_error *err)
{
    static char line[256];
    char *argv[16] = {(char *)"grep"};
    struct trove__git_config config = {0};
    enum trove__options_end end;
    int argc = 1, status;

    write_config(home, ".gitconfig", text);
    snprintf(line, sizeof(line), "%s x", words);
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    trove__grep_options_init(options);
    assert_int_equal(trove__grep_options_read(options, argc, argv, NULL, NULL, &end, err), -1);
    status = trove__grep_config_read(options, repository, NULL, &config, err);
    trove__git_config_clear(&config);
    return status;
}

static void check_type(const char *text, const char *words, enum trove__grep_type expected)
{
    struct trove__grep_options options;
    struct trove_error err = {.code = 0};

    assert_int_equal(read_with(text, words, "https://example.com/x", &options, &err), 0);
    assert_int_equal(options.settings.type, expected);
    trove__grep_options_deinit(&options);
}

static void test_nothing_configured(void **state)
{
    struct trove__grep_options options;
    struct trove_error err = {.code = 0};

    (void)state;
    assert_int_equal(read_with("", "-n", "nowhere", &options, &err), 0);
    assert_true(options.settings.line_number);
    assert_false(options.settings.column);
    assert_false(options.settings.color);
    assert_true(options.defaults.quote_path);
    assert_int_equal(options.settings.type, TROVE__GREP_BASIC);
    trove__grep_options_deinit(&options);
}

static void test_flags(void **state)
{
    static const char text[] =
        "[grep]\nlineNumber\ncolumn = on\nfullName = 1k\n[core]\nquotePath=no\n";
    struct trove__grep_options options;
    struct trove_error err = {.code = 0};

    (void)state;
    assert_int_equal(read_with(text, "-i", "nowhere", &options, &err), 0);
    assert_true(options.settings.line_number);
    assert_true(options.settings.column);
    assert_true(options.full_name);
    assert_false(options.defaults.quote_path);
    trove__grep_options_deinit(&options);
    assert_int_equal(read_with(text, "--no-column --no-line-number", "nowhere", &options, &err), 0);
    assert_false(options.settings.line_number);
    assert_false(options.settings.column);
    trove__grep_options_deinit(&options);
}

static void test_types(void **state)
{
    (void)state;
    check_type("[grep]\nextendedRegexp\n", "-i", TROVE__GREP_EXTENDED);
    check_type("[grep]\nextendedRegexp\n", "-G", TROVE__GREP_BASIC);
    check_type("[grep]\nextendedRegexp\npatternType=perl\n", "-i", TROVE__GREP_PERL);
    check_type("[grep]\nextendedRegexp\npatternType=default\n", "-i", TROVE__GREP_EXTENDED);
    check_type("[grep]\npatternType=fixed\n", "-E", TROVE__GREP_EXTENDED);
    check_type("[grep]\npatternType=fixed\n", "--no-perl-regexp", TROVE__GREP_BASIC);
}

static void test_colors(void **state)
{
    struct trove__grep_options options;
    struct trove_error err = {.code = 0};

    (void)state;
    assert_int_equal(read_with("[color]\ngrep = always\n[color \"grep\"]\nmatch = blue bold\n"
                               "lineNumber = \"#ff8000\"\n",
                               "-i", "nowhere", &options, &err),
                     0);
    assert_true(options.settings.color);
    assert_string_equal(options.settings.colors[TROVE__COLOR_MATCH_CONTEXT], "\033[1;34m");
    assert_string_equal(options.settings.colors[TROVE__COLOR_MATCH_SELECTED], "\033[1;34m");
    assert_string_equal(options.settings.colors[TROVE__COLOR_LINE_NUMBER], "\033[38;2;255;128;0m");
    assert_null(options.settings.colors[TROVE__COLOR_FILENAME]);
    trove__grep_options_deinit(&options);
    assert_int_equal(
        read_with("[color]\nui = always\ngrep = false\n", "-i", "nowhere", &options, &err), 0);
    assert_false(options.settings.color);
    trove__grep_options_deinit(&options);
    assert_int_equal(read_with("[color]\nui = always\n", "-i", "nowhere", &options, &err), 0);
    assert_true(options.settings.color);
    trove__grep_options_deinit(&options);
    assert_int_equal(read_with("[color]\nui = always\n", "--no-color", "nowhere", &options, &err),
                     0);
    assert_false(options.settings.color);
    trove__grep_options_deinit(&options);
}

static void check_threads(const char *text, const char *words, int expected)
{
    struct trove__grep_options options;
    struct trove_error err = {.code = 0};

    assert_int_equal(read_with(text, words, "nowhere", &options, &err), 0);
    assert_int_equal(options.threads, expected);
    trove__grep_options_deinit(&options);
}

static void test_threads(void **state)
{
    (void)state;
    check_threads("[grep]\nthreads = 3\n", "-i", 3);
    check_threads("[grep]\nthreads = 0x1k\n", "-i", 1024);
    check_threads("[grep]\nthreads = 3\n", "--threads=2", 2);
    check_threads("", "-i", 0);
}

/* Whether colours are shown or not, as git does. */
static void check_refused(const char *text, const char *message)
{
    static const char *const words[] = {"--color", "-i"};

    for (size_t i = 0; i < 2; i++) {
        struct trove__grep_options options;
        struct trove_error err = {.code = 0};

        assert_int_equal(read_with(text, words[i], "nowhere", &options, &err), TROVE__EXIT_FATAL);
        assert_non_null(strstr(err.message, message));
        trove__grep_options_deinit(&options);
    }
}

static void test_refused(void **state)
{
    (void)state;
    check_refused("[grep]\nlineNumber = perhaps\n", "bad boolean config value 'perhaps'");
    check_refused("[grep]\npatternType = posix\n", "bad grep.patterntype argument: posix");
    check_refused("[color \"grep\"]\nmatch = brownish\n", "cannot read its configuration");
    check_refused("[color \"grep\"]\nnothing = red\n", "unable to parse 'color.grep.nothing'");
    check_refused("[grep]\nthreads = -1\n", "invalid number of threads specified (-1)");
    check_refused("[grep]\nthreads = many\n", "bad numeric config value 'many'");
    check_refused("[grep]\nthreads = 4g\n", "bad numeric config value '4g'");
    check_refused("[grep\n", "cannot read its configuration");
}

/* The configuration of a repository that is a folder counts; that of the folder where we stand does not. */
static void test_repository(void **state)
{
    struct trove__grep_options options;
    struct trove_error err = {.code = 0};
    char folder[64], command[256];

    (void)state;
    write_config(home, ".gitconfig", "");
    snprintf(folder, sizeof(folder), "%s/here", home);
    snprintf(command, sizeof(command),
             "git init -q --bare %s && git -C %s config grep.lineNumber true", folder, folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(read_with("[grep]\ncolumn\n", "-i", folder, &options, &err), 0);
    assert_true(options.settings.line_number);
    assert_true(options.settings.column);
    trove__grep_options_deinit(&options);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(read_with("", "-i", "https://example.com/x", &options, &err), 0);
    assert_false(options.settings.line_number);
    trove__grep_options_deinit(&options);
    assert_int_equal(chdir("/"), 0);
}

static int make_home(void **state)
{
    (void)state;
    if (mkdtemp(home) == NULL)
        return -1;
    unsetenv("GIT_CONFIG_GLOBAL");
    unsetenv("GIT_DIR");
    unsetenv("XDG_CONFIG_HOME");
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    return setenv("HOME", home, 1);
}

static int remove_home(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", home);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_configured),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_colors),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_repository),
    };

    return cmocka_run_group_tests(tests, make_home, remove_home);
}
