// SPDX-License-Identifier: MIT
/*
 * cmd_grep.c - trove grep: git grep of a revision that is somewhere else.
 *
 *     trove -C REPOSITORY grep <git grep's arguments>
 *     trove grep [options] PATTERN REPOSITORY [REV...] [-- PATHSPEC...]
 */
#include "commands.h"
#include "grep/revision_grep.h"
#include "grep_arguments.h"
#include "grep_attributes.h"
#include "grep_config.h"
#include "grep_options.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXIT_HIT = 0,
    EXIT_NO_HIT = 1,
};

enum {
    WINDOW_MAX_BYTES = 16 << 20,
    TREES_FIRST_BELOW = 128 << 20, /* what a revision may well need */
    HELD_MAX_BYTES = 32 << 20,
    ASIDE_MAX_BYTES = 1 << 30, /* past it files are fetched again rather than a disk filled */
    THREADS_MAX = 256,
};

/* What one run holds. */
struct run {
    struct trove__tool *tool;
    struct trove__grep_options options;
    struct trove__grep *grep;
    struct trove__grep_arguments arguments;
    struct trove__pathspec *pathspec;
    struct trove__git_config config;
    struct trove__grep_attributes *attributes;
    struct trove__engine *engine;
    size_t window_bytes, held_bytes; /* see split_memory() */
    bool trees_first;
    bool output_began;
};

static int take_own(void *context, int argc, char **argv, int *index, struct trove_error *err)
{
    (void)err;
    return trove__tool_own_option(context, argc, argv, index);
}

static int write_output(void *context, const void *bytes, size_t size)
{
    struct run *run = context;

    if (!run->output_began)
        trove__tool_output_begins(run->tool);
    run->output_began = true;
    if (fwrite(bytes, 1, size, stdout) != size || fflush(stdout) != 0)
        return errno != 0 ? -errno : -EIO;
    return 0;
}

static bool env_is_true(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' && strcmp(value, "0") != 0 &&
           strcmp(value, "false") != 0 && strcmp(value, "no") != 0 && strcmp(value, "off") != 0;
}

static int read_pathspec(struct run *run)
{
    struct trove__pathspec_options options = {
        .prefix = run->tool->place.prefix,
        .root = run->tool->place.root,
        .repository = trove__tool_shown_repository(run->tool),
        .allowed = TROVE__MAGIC_GREP,
        .recursive = true,
        .max_depth = run->options.max_depth,
        .all_literal = env_is_true("GIT_LITERAL_PATHSPECS"),
        .all_glob = env_is_true("GIT_GLOB_PATHSPECS"),
        .all_noglob = env_is_true("GIT_NOGLOB_PATHSPECS"),
        .all_icase = env_is_true("GIT_ICASE_PATHSPECS"),
    };
    struct trove_error err;
    int r = trove__pathspec_parse((const char *const *)run->arguments.pathspecs,
                                  run->arguments.pathspec_count, &options, &run->pathspec, &err);

    return r < 0 ? trove__fatal_error(r, &err) : 0;
}

/* Of --max-bytes the search gets an eighth for what it waits for, and one for output whose turn has not come (what is more waits in
 * a temporary file); the cache keeps the rest. */
static void split_memory(struct run *run)
{
    uint64_t *cache = &run->tool->cache_options.max_bytes, eighth = *cache / 8;

    run->trees_first = *cache < TREES_FIRST_BELOW;
    run->window_bytes = eighth < WINDOW_MAX_BYTES ? (size_t)eighth : WINDOW_MAX_BYTES;
    run->held_bytes = eighth < HELD_MAX_BYTES ? (size_t)eighth : HELD_MAX_BYTES;
    *cache -= run->window_bytes + run->held_bytes;
}

static int create_engine(struct run *run)
{
    int threads = run->options.threads < THREADS_MAX ? run->options.threads : THREADS_MAX;
    struct trove__engine_options options = {
        .cache = run->tool->cache,
        .grep = run->grep,
        .threads = (unsigned)threads,
        .window_bytes = run->window_bytes + 1, /* 0 would be the default */
        .held_bytes = run->held_bytes + 1,
        .aside_bytes = ASIDE_MAX_BYTES,
        .until = run->tool->until,
        .write = write_output,
        .write_context = run,
    };
    struct trove_error err;
    int r = trove__engine_create(&options, &run->engine, &err);

    return r < 0 ? trove__fatal_error(r, &err) : 0;
}

/* Every revision, until a hit answers all. */
static int search(struct run *run)
{
    const char *prefix = run->tool->place.prefix;
    struct trove__revision_grep one = {
        .cache = run->tool->cache,
        .engine = run->engine,
        .pathspec = run->pathspec,
        .attributes = trove__grep_attributes_of(run->attributes),
        .until = &run->tool->until,
        .folder = prefix == NULL || run->options.full_name ? "" : prefix,
        .quote_fully = run->options.defaults.quote_path,
        .trees_first = run->trees_first,
        .no_filters = !trove_git_can_filter(run->tool->git),
        .raw_names = run->options.settings.null_after_name,
    };
    struct trove_error err = {.code = 0};
    int r = 0;

    trove__walk_limits_init(&one.limits);
    for (size_t i = 0; i < run->arguments.revision_count && r == 0; i++) {
        const struct trove__grep_revision *at = &run->arguments.revisions[i];
        r = trove__revision_grep(&one, at->name, at->path, &at->revision, &err);
    }
    trove__tool_phase(run->tool, "plan", (uint64_t)one.plan_ns);
    trove__tool_phase(run->tool, "search", (uint64_t)one.search_ns);
    if (r == -EPIPE) /* nobody reads on; the program ends by that signal */
        return EXIT_HIT;
    if (r < 0 && !trove__engine_is_answered(run->engine))
        return trove__fatal_error(r, &err);
    return trove__engine_hit(run->engine) ? EXIT_HIT : EXIT_NO_HIT;
}

/* The short form names the repository behind the pattern. */
static int find_repository(struct run *run)
{
    if (run->tool->repository != NULL)
        return 0;
    if (run->options.rest_count == 0 || strcmp(run->options.rest[0], "--") == 0)
        return trove__usage_error("usage: trove -C REPOSITORY grep [options] PATTERN [REV...] "
                                  "[-- PATHSPEC...]\n"
                                  "   or: trove grep [options] PATTERN REPOSITORY [REV...] "
                                  "[-- PATHSPEC...]\n",
                                  "no repository given");
    run->tool->repository = run->options.rest[0];
    run->options.rest++;
    run->options.rest_count--;
    return 0;
}

static int read_config(struct run *run)
{
    struct trove_error err = {.code = 0};
    int status;

    trove__tool_renew(run->tool);
    status = trove__grep_config_read(&run->options, run->tool->repository, &run->tool->until,
                                     &run->config, &err);
    return status != 0 ? trove__fatal("%s", err.message) : 0;
}

static int read_attributes(struct run *run)
{
    struct trove_error err = {.code = 0};
    int status;

    if (run->options.settings.binary == TROVE__GREP_BINARY_TEXT)
        return 0;
    status =
        trove__grep_attributes_open(run->tool->repository, &run->config, &run->attributes, &err);
    return status != 0 ? trove__fatal("%s", err.message) : 0;
}

static int compile(struct run *run)
{
    struct trove_error err;
    int r = trove__grep_compile(&run->options.settings, &run->grep, &err);

    return r < 0 ? trove__fatal_error(r, &err) : 0;
}

/* With -m 0 git looks at everything but the pattern. */
static bool finds_nothing(const struct run *run)
{
    return run->options.settings.max_count == 0;
}

static int run_all(struct run *run)
{
    int status = find_repository(run);

    if (status != 0)
        return status;
    status = read_config(run);
    if (status != 0)
        return status;
    if (!finds_nothing(run))
        status = compile(run);
    split_memory(run);
    if (status == 0)
        status = trove__tool_open(run->tool);
    if (status == 0)
        status = trove__grep_arguments_read(&run->arguments, run->tool, run->options.rest,
                                            (size_t)run->options.rest_count);
    if (status == 0)
        status = read_pathspec(run);
    if (status == 0 && finds_nothing(run))
        return EXIT_NO_HIT;
    if (status == 0)
        status = read_attributes(run);
    if (status == 0)
        status = create_engine(run);
    return status == 0 ? search(run) : status;
}

int trove__cmd_grep(struct trove__tool *tool, int argc, char **argv)
{
    struct run run = {.tool = tool};
    int status;

    trove__grep_options_init(&run.options);
    status = trove__grep_options_parse(&run.options, argc, argv, take_own, tool);
    if (status < 0)
        status = run_all(&run);
    trove__engine_destroy(run.engine);
    trove__grep_attributes_close(run.attributes);
    trove__git_config_clear(&run.config);
    trove__pathspec_destroy(run.pathspec);
    trove__grep_arguments_deinit(&run.arguments);
    trove__grep_destroy(run.grep);
    trove__grep_options_deinit(&run.options);
    return trove__tool_flush(tool, status);
}
