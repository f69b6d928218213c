// SPDX-License-Identifier: MIT
/*
 * common.c - what the subcommands share: trove's own options, opening and closing, errors, and the watch over the reader
 * of standard output.
 */
#include "common.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "fetch/url.h"
#include "progress.h"
#include "stats.h"

/* --- errors ------------------------------------------------------------------------------------------------------ */

int trove__fatal(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    trove__progress_clear();
    va_start(args, format);
    fputs("fatal: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return TROVE__EXIT_FATAL;
}

int trove__fatal_error(int code, const struct trove_error *err)
{
    if (code == -ECANCELED)
        return TROVE__EXIT_FATAL;
    if (err != NULL && err->code != 0 && err->message[0] != '\0')
        return trove__fatal("%s", err->message);
    return trove__fatal("%s", trove_strerror(code));
}

int trove__usage_error(const char *usage, const char *format, ...)
{
    va_list args;

    if (format != NULL) {
        va_start(args, format);
        fputs("error: ", stderr);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        va_end(args);
    }
    fputs(usage, stderr);
    return TROVE__EXIT_USAGE;
}

/* --- trove's own options ----------------------------------------------------------------------------------------- */

/* N, with an optional k, M or G. */
static bool parse_bytes(const char *text, uint64_t *ret_bytes)
{
    unsigned shift = 0;
    uint64_t value;
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (*end == 'k' || *end == 'K')
        shift = 10;
    else if (*end == 'm' || *end == 'M')
        shift = 20;
    else if (*end == 'g' || *end == 'G')
        shift = 30;
    if (errno != 0 || end[shift != 0] != '\0' || value > UINT64_MAX >> shift || value == 0)
        return false;
    *ret_bytes = value << shift;
    return true;
}

static bool parse_timeout(const char *text, int64_t *ret_ms)
{
    double seconds;
    char *end;

    if ((text[0] < '0' || text[0] > '9') && text[0] != '.')
        return false;
    seconds = strtod(text, &end);
    if (*end != '\0' || end == text || !(seconds > 0) || seconds > 1e9)
        return false;
    *ret_ms = (int64_t)(seconds * 1000);
    return true;
}

/* BYTES/SECONDS, either 0 for no limit. */
static bool parse_low_speed(const char *text, struct trove_git_options *options)
{
    unsigned long long bytes, seconds;
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    bytes = strtoull(text, &end, 10);
    if (errno != 0 || *end != '/' || end[1] < '0' || end[1] > '9')
        return false;
    seconds = strtoull(end + 1, &end, 10);
    if (errno != 0 || *end != '\0' || bytes > UINT32_MAX || seconds > UINT32_MAX / 1000)
        return false;
    options->low_speed_bytes = seconds != 0 ? (uint32_t)bytes : 0;
    options->low_speed_seconds = (uint32_t)seconds;
    return true;
}

/* The value of --NAME=VALUE or --NAME VALUE if that is what argv[*INDEX] is; NULL if not; "" if there is none. */
static const char *option_value(const char *name, int argc, char **argv, int *index)
{
    const char *word = argv[*index];
    size_t length = strlen(name);

    if (strncmp(word, name, length) != 0 || (word[length] != '\0' && word[length] != '='))
        return NULL;
    if (word[length] == '=')
        return word + length + 1;
    if (*index + 1 == argc)
        return "";
    return argv[++*index];
}

static int bad_value(const char *option, const char *value)
{
    fprintf(stderr, "error: option `%s' does not take the value '%s'\n", option, value);
    return TROVE__EXIT_USAGE;
}

#define INFLIGHT_LEAST ((uint64_t)64 << 20)

/* Unless --max-inflight says otherwise: half of --max-bytes, three quarters of which one file may have; and not less than the
 * library's own default. */
static void derive_inflight(struct trove__tool *tool)
{
    uint64_t half = tool->cache_options.max_bytes / 2;

    if (!tool->inflight_given)
        tool->cache_options.max_inflight_bytes = half > INFLIGHT_LEAST ? half : INFLIGHT_LEAST;
}

static int max_bytes_option(struct trove__tool *tool, const char *value)
{
    if (!parse_bytes(value, &tool->cache_options.max_bytes))
        return bad_value("max-bytes", value);
    derive_inflight(tool);
    return 1;
}

static int max_inflight_option(struct trove__tool *tool, const char *value)
{
    if (!parse_bytes(value, &tool->cache_options.max_inflight_bytes))
        return bad_value("max-inflight", value);
    tool->inflight_given = true;
    return 1;
}

static int stats_option(struct trove__tool *tool, const char *word)
{
    if (strcmp(word, "--stats") == 0 || strcmp(word, "--stats=text") == 0)
        tool->stats = TROVE__STATS_TEXT;
    else if (strcmp(word, "--stats=json") == 0)
        tool->stats = TROVE__STATS_JSON;
    else
        return strncmp(word, "--stats=", 8) == 0 ? bad_value("stats", word + 8) : 0;
    return 1;
}

int trove__tool_own_option(struct trove__tool *tool, int argc, char **argv, int *index)
{
    const char *word = argv[*index], *value;

    if (strcmp(word, "--progress") == 0 || strcmp(word, "--no-progress") == 0) {
        tool->progress = word[2] == 'p';
        return 1;
    }
    value = option_value("--max-bytes", argc, argv, index);
    if (value != NULL)
        return max_bytes_option(tool, value);
    value = option_value("--max-inflight", argc, argv, index);
    if (value != NULL)
        return max_inflight_option(tool, value);
    value = option_value("--timeout", argc, argv, index);
    if (value != NULL)
        return parse_timeout(value, &tool->timeout_ms) ? 1 : bad_value("timeout", value);
    value = option_value("--low-speed", argc, argv, index);
    if (value != NULL)
        return parse_low_speed(value, &tool->git_options) ? 1 : bad_value("low-speed", value);
    return stats_option(tool, word);
}

/* --- the reader of standard output ------------------------------------------------------------------------------- */

/* Cancels everything as soon as the pipe that is standard output has lost its reader. */
static void *watch_output(void *argument)
{
    struct trove__tool *tool = argument;
    struct pollfd fds[] = {{.fd = STDOUT_FILENO}, {.fd = tool->watcher_wake, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0) {
        if (errno != EINTR)
            return NULL;
    }
    if (fds[0].revents & POLLERR) {
        tool->output_lost = true;
        trove_cancel(tool->cancel);
    }
    return NULL;
}

static void start_watcher(struct trove__tool *tool)
{
    struct stat status;

    if (fstat(STDOUT_FILENO, &status) != 0 ||
        !(S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)))
        return;
    tool->watcher_wake = eventfd(0, EFD_CLOEXEC);
    if (tool->watcher_wake < 0)
        return;
    if (pthread_create(&tool->watcher, NULL, watch_output, tool) != 0) {
        close(tool->watcher_wake);
        tool->watcher_wake = -1;
    }
}

static void stop_watcher(struct trove__tool *tool)
{
    uint64_t one = 1;

    if (tool->watcher_wake < 0)
        return;
    if (write(tool->watcher_wake, &one, sizeof(one)) != (ssize_t)sizeof(one))
        abort(); /* an eventfd at 0 takes a 1 */
    pthread_join(tool->watcher, NULL);
    close(tool->watcher_wake);
    tool->watcher_wake = -1;
}

static bool reader_is_gone(void)
{
    struct pollfd fd = {.fd = STDOUT_FILENO};

    return poll(&fd, 1, 0) > 0 && (fd.revents & POLLERR) != 0;
}

int trove__tool_flush(struct trove__tool *tool, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    stop_watcher(tool);
    if (tool->output_lost || reader_is_gone()) {
        tool->output_lost = true;
        return TROVE__EXIT_FATAL;
    }
    return trove__fatal("write failure on standard output: %s", strerror(errno));
}

void trove__tool_output_begins(struct trove__tool *tool)
{
    if (tool->progress_bar != NULL && isatty(STDOUT_FILENO))
        trove__progress_hide(tool->progress_bar);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

int trove__tool_init(struct trove__tool *tool)
{
    *tool = (struct trove__tool){
        .progress = -1, .timeout_ms = -1, .watcher_wake = -1, .start_ns = trove_now_ns()};
    trove_git_options_init(&tool->git_options);
    trove_options_init(&tool->cache_options);
    derive_inflight(tool);
    return trove_cancel_create(&tool->cancel);
}

static int open_cache(struct trove__tool *tool, struct trove_error *err)
{
    struct trove_options *options = &tool->cache_options;
    int status;

    /* A large batch costs a server on this machine little. */
    options->ids_per_request_max = trove_git_is_local(tool->git) ? 16384 : 4096;
    if (tool->whole_batches)
        options->ids_per_request_min = options->ids_per_request_max;
    options->hash = trove_git_hash(tool->git);
    options->source = trove_git_source(tool->git);
    status = trove_open(options, &tool->cache, err);
    if (status < 0 && options->source.ops->destroy != NULL)
        options->source.ops->destroy(options->source.source);
    return status;
}

/* A folder within a work tree stands for its repository. */
static int find_place(struct trove__tool *tool, struct trove_error *err)
{
    int status = trove__place_find(tool->repository, &tool->until, &tool->place, err);

    if (status == 0 && tool->place.root != NULL && tool->place.prefix[0] != '\0')
        tool->repository = tool->place.root;
    return status;
}

int trove__tool_open(struct trove__tool *tool)
{
    struct trove_error err = {0};
    int status;

    if (tool->repository == NULL)
        return trove__fatal("no repository: say where with -C REPOSITORY");
    trove__tool_renew(tool);
    status = find_place(tool, &err);
    if (status < 0)
        return trove__fatal_error(status, &err);
    trove__url_show(&tool->shown_repository, tool->repository);
    if (trove__bytes_text(&tool->shown_repository) == NULL)
        return trove__fatal("out of memory");
    tool->git_options.max_inflight_bytes = tool->cache_options.max_inflight_bytes;
    start_watcher(tool);
    status = trove_git_open(tool->repository, &tool->git_options, &tool->until, &tool->git, &err);
    if (status == 0) {
        trove_git_set_deadline(tool->git, tool->until.deadline_ns);
        status = open_cache(tool, &err);
    }
    if (status < 0)
        return trove__fatal_error(status, &err);
    if (tool->progress > 0 || (tool->progress < 0 && isatty(STDERR_FILENO))) {
        if (trove__progress_start(tool->git, &tool->progress_bar) < 0)
            tool->progress_bar = NULL; /* the work matters more than the bar */
    }
    return 0;
}

const char *trove__tool_shown_repository(const struct trove__tool *tool)
{
    return (const char *)tool->shown_repository.data;
}

void trove__tool_renew(struct trove__tool *tool)
{
    tool->until = trove_until_ms(tool->timeout_ms, tool->cancel);
    if (tool->git != NULL)
        trove_git_set_deadline(tool->git, tool->until.deadline_ns);
}

int trove__tool_revision(struct trove__tool *tool, const char *revision,
                         struct trove_git_revision *ret, struct trove_error *err)
{
    char *placed;
    int r = trove__place_revision(&tool->place, revision, &placed, err);

    if (r == 0)
        r = trove_git_revision(tool->git, tool->cache, placed != NULL ? placed : revision,
                               &tool->until, ret, err);
    trove__free(placed);
    return r;
}

void trove__tool_phase(struct trove__tool *tool, const char *name, uint64_t ns)
{
    size_t i = 0;

    while (i < tool->phase_count && strcmp(tool->phases[i].name, name) != 0)
        i++;
    if (i == TROVE__PHASES_MAX)
        return;
    tool->phases[i].name = name;
    tool->phases[i].ns += ns;
    if (i == tool->phase_count)
        tool->phase_count++;
}

/* Ends as a program does whose reader went away and that never heard of signals. */
static void die_of_sigpipe(void)
{
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}

void trove__tool_deinit(struct trove__tool *tool)
{
    struct trove_stats cache = {0};

    stop_watcher(tool);
    trove__progress_stop(tool->progress_bar);
    if (tool->cache != NULL) {
        trove_stats(tool->cache, &cache);
        trove_close(tool->cache,
                    NULL); /* a transfer that is not needed to its end counts up to here */
    }
    if (tool->stats != TROVE__STATS_NONE)
        trove__stats_print(tool, &cache, stderr);
    trove_git_close(tool->git);
    trove__bytes_free(&tool->shown_repository);
    trove__place_clear(&tool->place);
    trove_cancel_unref(tool->cancel);
    if (tool->output_lost)
        die_of_sigpipe();
}
