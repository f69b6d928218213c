// SPDX-License-Identifier: MIT
/*
 * common.h - what the subcommands of `trove` share: trove's own options, the opened repository with its cache, and how
 * errors end the program (`fatal:` and 128, usage and 129, as git does).
 *
 * A command is one function in one file, with a row in the table of main.c:
 *
 *     int trove__cmd_name(struct trove__tool *tool, int argc, char **argv)   argv[0] is the command's name
 *     {
 *         parse; for each word that begins with a dash ask trove__tool_own_option() first
 *         status = trove__tool_open(tool);          connects, opens the cache
 *         if (status != 0)
 *             return status;
 *         ... tool->git, tool->cache, &tool->until
 *         return trove__tool_flush(tool, 0);        what was written to stdout has left
 *     }
 *
 * main() closes everything afterwards and prints --stats.
 */
#ifndef TROVE_TOOLS_COMMON_H
#define TROVE_TOOLS_COMMON_H

#include <pthread.h>
#include <stdio.h>
#include <trove/trove.h>

#include "fetch/bytes.h"
#include "place.h"

enum {
    TROVE__EXIT_FATAL = 128,
    TROVE__EXIT_USAGE = 129,
};

enum trove__stats_form { TROVE__STATS_NONE, TROVE__STATS_TEXT, TROVE__STATS_JSON };

#define TROVE__PHASES_MAX 8

struct trove__phase {
    const char *name; /* static storage */
    uint64_t ns;
};

struct trove__progress;

struct trove__tool {
    /* trove's own options */
    const char *repository; /* -C; a command's short form may set it before open. NULL: none */
    enum trove__stats_form stats;
    int progress;        /* 1 and 0: asked for, forbidden; -1: when standard error is a terminal */
    int64_t timeout_ms;  /* --timeout; -1: none */
    bool inflight_given; /* --max-inflight */

    /* What open() will use; a command may adjust it before. */
    struct trove_git_options git_options;
    struct trove_options cache_options;
    bool whole_batches; /* ids leave together however many they are, from the first request on */

    /* Opened. */
    struct trove__place place;            /* where it stands in a work tree */
    struct trove__bytes shown_repository; /* as messages may name it: no name, no password */
    struct trove_git *git;
    struct trove *cache;
    struct trove_cancel *cancel; /* cancelled when nobody reads standard output any more */
    struct trove_until until;    /* --timeout and the token: for every call that may block */

    /* Measuring. */
    int64_t start_ns;
    struct trove__phase phases[TROVE__PHASES_MAX];
    size_t phase_count;

    /* Threads of the tool's own. */
    struct trove__progress *progress_bar;
    pthread_t watcher;
    int watcher_wake; /* an eventfd; -1: no watcher runs */
    bool output_lost; /* the watcher's until it was joined */
};

typedef int (*trove__command_fn)(struct trove__tool *tool, int argc, char **argv);

/* 0, or -errno. Ends with deinit, which also closes what open() opened. */
int trove__tool_init(struct trove__tool *tool);
void trove__tool_deinit(struct trove__tool *tool);

/*
 * If argv[*INDEX] is one of trove's own options (--max-bytes, --timeout, --low-speed, --stats, --progress and so on), takes it,
 * leaves *INDEX at its last word and returns 1; 0 if it is not; TROVE__EXIT_USAGE if its value is wrong (printed).
 */
int trove__tool_own_option(struct trove__tool *tool, int argc, char **argv, int *index);

/* Connects to tool->repository and opens the cache over it. Returns 0 or the exit status, its message printed. */
int trove__tool_open(struct trove__tool *tool);

/* The repository as messages may name it: without name and password. Borrowed; once open() was called. */
const char *trove__tool_shown_repository(const struct trove__tool *tool);

/* Starts the time of --timeout anew, for a command that lives from one piece of work to the next. */
void trove__tool_renew(struct trove__tool *tool);

/* trove_git_revision() with the tool's repository, cache and deadline; prints nothing. */
int trove__tool_revision(struct trove__tool *tool, const char *revision,
                         struct trove_git_revision *ret, struct trove_error *err);

/* Flushes standard output. Returns STATUS, or 128 with a message when it could not be written. When the reader of a
 * pipe has gone the program ends by SIGPIPE in deinit, as git does. */
int trove__tool_flush(struct trove__tool *tool, int status);

/* To be called before results are written: on a terminal the progress bar makes room for them, for good. */
void trove__tool_output_begins(struct trove__tool *tool);

/* Adds NS to the phase NAME of --stats. */
void trove__tool_phase(struct trove__tool *tool, const char *name, uint64_t ns);

/* Prints "fatal: ..." and returns 128. */
int trove__fatal(const char *format, ...) TROVE_PRINTF(1, 2);
/* The same for a failed call: ERR's message, or what CODE means when it has none. Silent for -ECANCELED: then nobody reads
 * the results any more. */
int trove__fatal_error(int code, const struct trove_error *err);
/* Prints "error: ..." (unless FORMAT is NULL), then USAGE, and returns 129. */
int trove__usage_error(const char *usage, const char *format, ...) TROVE_PRINTF(2, 3);

#endif
