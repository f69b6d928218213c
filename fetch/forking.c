// SPDX-License-Identifier: MIT
/*
 * forking.c - what fork() does to repositories: the child forgets what belongs to the parent's threads.
 *
 * A conversation that two processes have with one server is none. So the child closes its copies of all descriptors of
 * connections, and of temporary files, whose room on the disk would be the child's as long as it lives, and forgets the sessions: nothing is written, no TLS connection is shut down, no child of the parent's is waited
 * for, and the server notices nothing. What it needs it opens anew.
 *
 * INVARIANTS I1 fork() happens with the locks of all repositories held, so that the child finds what they protect whole.
 *            I2 nothing here allocates or frees: the parent's other threads may have been in the allocator.
 * ROLES      any thread: own, close, add, remove. The thread that forks: before_fork() and the two after it.
 * LIMITS     What the parent's sessions held in memory stays in the child (some 300 KB each), and so do long indexes of packs, which are
 *            mappings of files. A descriptor that was being opened during the fork, and one above 65,535, stays open there until
 *            the child ends or calls exec(). Children made by a bare clone(2) run no handlers.
 * TESTS      tests/unit/test_git_fork.c
 */
#include "forking.h"

#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

#include "git_internal.h"

#define FDS 65536
#define WORD_BITS 64

/* Static, because fork() is about the process. The lock protects both; of ours the locks of repositories are taken inside it,
 * and these only around fork(). */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct trove_git *repositories;
static uint64_t owned[FDS / WORD_BITS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* --- descriptors -------------------------------------------------------------------------------------------------- */

static void mark(int fd, bool is_owned)
{
    uint64_t bit = (uint64_t)1 << fd % WORD_BITS;

    if (fd < 0 || fd >= FDS)
        return;
    pthread_mutex_lock(&lock);
    if (is_owned)
        owned[fd / WORD_BITS] |= bit;
    else
        owned[fd / WORD_BITS] &= ~bit;
    pthread_mutex_unlock(&lock);
}

int trove__fd_own(int fd)
{
    mark(fd, true);
    return fd;
}

void trove__fd_close(int *fd)
{
    if (*fd < 0)
        return;
    mark(*fd, false); /* first: its number may be another's right afterwards */
    close(*fd);
    *fd = -1;
}

static void close_owned(void)
{
    for (unsigned word = 0; word < FDS / WORD_BITS; word++) {
        for (; owned[word] != 0; owned[word] &= owned[word] - 1)
            close((int)(word * WORD_BITS) + __builtin_ctzll(owned[word]));
    }
}

/* --- fork --------------------------------------------------------------------------------------------------------- */

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
    for (struct trove_git *git = repositories; git != NULL; git = git->next) {
        pthread_mutex_lock(&git->lock);
        trove__pool_hold(git->pool);
        pthread_mutex_lock(&git->inflight.lock);
    }
}

static void let_go(void)
{
    for (struct trove_git *git = repositories; git != NULL; git = git->next) {
        pthread_mutex_unlock(&git->inflight.lock);
        trove__pool_let_go(git->pool);
        pthread_mutex_unlock(&git->lock);
    }
    pthread_mutex_unlock(&lock);
}

static void after_fork_child(void)
{
    close_owned();
    for (struct trove_git *git = repositories; git != NULL; git = git->next) {
        trove__pool_forget(git->pool);
        trove__inflight_forget(&git->inflight);
    }
    let_go();
}

static void register_handlers(void)
{
    /* Without memory for the handlers a child must not use the repository; the parent is unharmed. */
    (void)pthread_atfork(before_fork, let_go, after_fork_child);
}

void trove__forking_add(struct trove_git *git)
{
    pthread_once(&once, register_handlers);
    pthread_mutex_lock(&lock);
    git->next = repositories;
    repositories = git;
    pthread_mutex_unlock(&lock);
}

void trove__forking_remove(struct trove_git *git)
{
    struct trove_git **at = &repositories;

    pthread_mutex_lock(&lock);
    while (*at != NULL && *at != git)
        at = &(*at)->next;
    if (*at == git)
        *at = git->next;
    pthread_mutex_unlock(&lock);
}
