// SPDX-License-Identifier: MIT
/*
 * progress.c - one line on the terminal that says how a long transfer goes. A thread of its own reads the counters ten
 * times a second; nothing is drawn in the first half second, so that quick commands stay quiet.
 */
#include "progress.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PATIENCE_MS = 500, INTERVAL_MS = 100 };

struct trove__progress {
    struct trove_git *git;
    pthread_t thread;
    pthread_mutex_t lock; /* all below, and the terminal while drawing */
    pthread_cond_t changed;
    bool hidden, drawn;
    int64_t start_ns;
};

/* The terminal is the process's, and so is the bar on it: who prints an error knows of no bar. The main thread's. */
static struct trove__progress *running;

static void print_bytes(double bytes, char *buffer, size_t size)
{
    if (bytes < 1024 * 1024)
        snprintf(buffer, size, "%.0f KiB", bytes / 1024);
    else
        snprintf(buffer, size, "%.1f MiB", bytes / (1024 * 1024));
}

static void draw_locked(struct trove__progress *progress)
{
    struct trove_git_stats stats;
    char received[32], rate[32];
    double seconds = (double)(trove_now_ns() - progress->start_ns) / 1e9;

    trove_git_stats(progress->git, &stats);
    print_bytes((double)stats.received_bytes, received, sizeof(received));
    print_bytes((double)stats.received_bytes / seconds, rate, sizeof(rate));
    fprintf(stderr, "\rFetching: %" PRIu64 " objects, %s | %s/s\033[K", stats.pack_objects,
            received, rate);
    fflush(stderr);
    progress->drawn = true;
}

static void *draw_until_hidden(void *argument)
{
    struct trove__progress *progress = argument;
    int64_t next_ns = progress->start_ns + PATIENCE_MS * INT64_C(1000000);

    pthread_mutex_lock(&progress->lock);
    while (!progress->hidden) {
        struct timespec at = {.tv_sec = next_ns / 1000000000, .tv_nsec = next_ns % 1000000000};
        if (pthread_cond_timedwait(&progress->changed, &progress->lock, &at) != ETIMEDOUT)
            continue;
        draw_locked(progress);
        next_ns = trove_now_ns() + INTERVAL_MS * INT64_C(1000000);
    }
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

int trove__progress_start(struct trove_git *git, struct trove__progress **ret_progress)
{
    struct trove__progress *progress = calloc(1, sizeof(*progress));
    pthread_condattr_t attributes;
    int status;

    if (progress == NULL)
        return -ENOMEM;
    progress->git = git;
    progress->start_ns = trove_now_ns();
    pthread_mutex_init(&progress->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    status = pthread_create(&progress->thread, NULL, draw_until_hidden, progress);
    if (status != 0) {
        free(progress);
        return -status;
    }
    running = *ret_progress = progress;
    return 0;
}

void trove__progress_hide(struct trove__progress *progress)
{
    if (progress == NULL)
        return;
    pthread_mutex_lock(&progress->lock);
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
    progress->hidden = true;
    pthread_cond_signal(&progress->changed);
    pthread_mutex_unlock(&progress->lock);
}

void trove__progress_clear(void)
{
    trove__progress_hide(running);
}

void trove__progress_stop(struct trove__progress *progress)
{
    if (progress == NULL)
        return;
    trove__progress_hide(progress);
    running = NULL;
    pthread_join(progress->thread, NULL);
    pthread_cond_destroy(&progress->changed);
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}
