// SPDX-License-Identifier: MIT
/*
 * verdict.c - a pass of the others, and the proof that it will never end.
 *
 * There is no time limit. When a pass has not ended after a second, the threads that have not finished are looked at:
 *   a thread SPINS when, step by step, it comes back to an instruction with the same registers again and again. What it
 *   reads can only be changed by others;
 *   a thread SLEEPS when it is in a futex wait without a deadline, or polls for nothing, as a grace period does.
 * If each thread of the subject but the halted one spins, sleeps or has finished, and none of the sleepers has run between
 * two looks, nobody is left who could change anything: the pass never ends. Otherwise, also while somebody outside has stopped
 * the process, it is waited for again.
 */
#include "support.h"
#include "tracer.h"
#include <dirent.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPIN_STEPS 4000
#define SPIN_ROUNDS 50

static bool read_task_file(pid_t pid, pid_t tid, const char *name, char *text, size_t size)
{
    char path[96];
    size_t length;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
    return length > 0;
}

enum doing { RUNS, SLEEPS, POLLS };

/* How often a thread was given a processor: unchanged means that it did not run. */
static unsigned long times_run(pid_t pid, pid_t tid)
{
    unsigned long run, waited, times = 0;
    char text[128];

    if (!read_task_file(pid, tid, "schedstat", text, sizeof(text)) ||
        sscanf(text, "%lu %lu %lu", &run, &waited, &times) != 3)
        return 0;
    return times;
}

static enum doing doing_what(pid_t pid, pid_t tid)
{
    unsigned long call, arguments[4];
    char text[256];

    if (!read_task_file(pid, tid, "syscall", text, sizeof(text)) ||
        sscanf(text, "%lu %lx %lx %lx %lx", &call, &arguments[0], &arguments[1], &arguments[2],
               &arguments[3]) != 5)
        return RUNS;
    if ((call == SYS_futex || call == SYS_futex_waitv) && arguments[3] == 0) /* no deadline */
        return SLEEPS;
    return call == SYS_poll && arguments[1] == 0 ? POLLS : RUNS;
}

/* By somebody outside, with all threads of the process: what it sleeps in may be over. */
static bool is_stopped(pid_t pid, pid_t tid)
{
    char text[512], *state;

    if (!read_task_file(pid, tid, "stat", text, sizeof(text)))
        return false;
    state = strrchr(text, ')');
    return state != NULL && strncmp(state, ") T", 3) == 0;
}

/* Goes on with TID for some steps, and then lets it go as it was. */
static bool spins(pid_t tid)
{
    struct user_regs_struct first, now;
    unsigned rounds = 0;
    struct victim victim;

    victim_hold(&victim, tid);
    ptrace(PTRACE_GETREGS, tid, NULL, &first);
    for (unsigned i = 0; i < SPIN_STEPS && rounds < SPIN_ROUNDS; i++) {
        if (victim_step(&victim) != STOP_STEP)
            break;
        if (victim.at != first.rip)
            continue;
        ptrace(PTRACE_GETREGS, tid, NULL, &now);
        rounds += memcmp(&first, &now, sizeof(now)) == 0;
    }
    victim_let_go(&victim);
    return rounds == SPIN_ROUNDS;
}

static bool is_finished(const struct room *room, pid_t tid)
{
    for (unsigned i = 0; i < ROOM_OTHERS; i++)
        if (room->others[i] == tid)
            return atomic_load(&room->is_done[i]) == atomic_load(&room->order);
    return false;
}

/* True when each of the threads but HALTED sleeps, spins or has finished; *RET_RUNS: how often the sleepers have run. */
static bool all_are_stuck(const struct subject *subject, pid_t halted, unsigned long *ret_runs)
{
    char path[64];
    struct dirent *entry;
    bool stuck = true;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", subject->pid);
    tasks = opendir(path);
    assert_non_null(tasks);
    *ret_runs = 0;
    while (stuck && (entry = readdir(tasks)) != NULL) {
        pid_t tid = (pid_t)atoi(entry->d_name);

        if (tid == 0 || tid == halted || tid == subject->room->actor)
            continue;
        if (is_stopped(subject->pid, tid)) {
            stuck = false;
            break;
        }
        switch (doing_what(subject->pid, tid)) {
        case SLEEPS:
            *ret_runs += times_run(subject->pid, tid);
            break;
        case POLLS:
            break;
        default:
            stuck = is_finished(subject->room, tid) || spins(tid);
        }
    }
    closedir(tasks);
    return stuck;
}

static bool never_comes(const struct subject *subject, pid_t halted, atomic_uint *word,
                        unsigned seen)
{
    unsigned long before, after;

    return all_are_stuck(subject, halted, &before) && all_are_stuck(subject, halted, &after) &&
           before == after && atomic_load(word) == seen;
}

bool subject_wait(struct subject *subject, atomic_uint *word, unsigned value, pid_t halted)
{
    struct timespec second = {.tv_sec = 1};
    unsigned seen;
    int status;

    while ((seen = atomic_load(word)) != value) {
        if (syscall(SYS_futex, word, FUTEX_WAIT, seen, &second, NULL, 0) == 0 || errno != ETIMEDOUT)
            continue;
        if (waitpid(subject->pid, &status, WNOHANG) != 0)
            fail_msg("the subject has ended: status %#x; %s", status, subject->room->wrong);
        if (never_comes(subject, halted, word, seen))
            return false;
    }
    if (atomic_load(&subject->room->is_wrong))
        fail_msg("%s", subject->room->wrong);
    return true;
}

bool subject_pass(struct subject *subject, enum pass pass, pid_t halted)
{
    struct room *room = subject->room;

    room->pass = pass;
    atomic_store(&room->finished, 0);
    atomic_fetch_add(&room->order, 1);
    syscall(SYS_futex, &room->order, FUTEX_WAKE, ROOM_OTHERS, NULL, NULL, 0);
    return subject_wait(subject, &room->finished, ROOM_OTHERS, halted);
}
