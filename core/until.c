// SPDX-License-Identifier: MIT
/*
 * until.c - deadlines and cancel tokens.
 *
 * A token is a futex word, for those who sleep on words, and an eventfd, for those who wait for descriptors. A linked
 * token has parents and counts as cancelled when one of them is: its waits include the parents' words, and its descriptor
 * is an epoll of its own eventfd and the parents' descriptors. So cancelling touches one token only, whatever hangs on
 * it, and stays async-signal-safe.
 *
 * INVARIANTS I1 `word` goes from 0 to 1 once. I2 the eventfd is written once, after `word` is 1, and never read. I3 links
 *            are set at creation and only lead to older tokens: no cycles.
 * ROLES      any thread, signal handlers: trove_cancel, trove_is_canceled. Any holder of a reference: everything.
 * EDGES      E1 cancel   trove_cancel() release -> trove_is_canceled() acquire   what the canceller did before
 *            E2 free     trove_cancel_unref() release -> the last trove_cancel_unref() acquire   all uses before the free
 * PROGRESS   cancel and is_canceled wait-free (the links of a token are few and never change). trove__wait sleeps.
 * LIMITS     A wait on more than 16 words, or on a kernel without futex_waitv, looks at all but the first word every
 *            20 ms instead. A child of fork() shares the descriptors of the tokens it inherits with its parent: see until.h.
 * TESTS      tests/unit/test_flight.c (deadlines, tokens)
 */
#include "core/until.h"
#include "core/futex.h"
#include "core/memory.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define SLICE_NS (20 * 1000000)
#define WORDS_MAX 16
#define LINKS 2

struct trove_cancel {
    atomic_uint word;
    atomic_uint references;
    int event_fd;
    int poll_fd; /* event_fd, or an epoll that holds it and those of the links */
    struct trove_cancel *links[LINKS];
};

/* --- deadlines ---------------------------------------------------------------------------------------------------- */

int64_t trove_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct trove_until trove_until_ms(int64_t ms, struct trove_cancel *cancel)
{
    struct trove_until until = {.deadline_ns = TROVE_NO_DEADLINE, .cancel = cancel};
    int64_t now;

    if (ms < 0)
        return until;
    now = trove_now_ns();
    if (ms < (TROVE_NO_DEADLINE - now) / 1000000)
        until.deadline_ns = now + ms * 1000000;
    return until;
}

struct trove_until trove__until_of(const struct trove_until *until)
{
    return until != NULL ? *until : (struct trove_until){.deadline_ns = TROVE_NO_DEADLINE};
}

int trove__until_check(const struct trove_until *until)
{
    if (until == NULL)
        return 0;
    if (trove_is_canceled(until->cancel))
        return -ECANCELED;
    if (until->deadline_ns != TROVE_NO_DEADLINE && trove_now_ns() >= until->deadline_ns)
        return -ETIMEDOUT;
    return 0;
}

/* --- tokens ------------------------------------------------------------------------------------------------------- */

/* Adds FD to the set that polls for CANCEL. */
static int watch(const struct trove_cancel *cancel, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return epoll_ctl(cancel->poll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_poll(struct trove_cancel *cancel)
{
    int r = 0;

    cancel->poll_fd = cancel->event_fd;
    if (cancel->links[0] == NULL && cancel->links[1] == NULL)
        return 0;
    cancel->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (cancel->poll_fd < 0)
        return -errno;
    r = watch(cancel, cancel->event_fd);
    for (unsigned i = 0; r == 0 && i < LINKS; i++)
        if (cancel->links[i] != NULL)
            r = watch(cancel, cancel->links[i]->poll_fd);
    return r;
}

int trove__cancel_create_linked(struct trove_cancel *a, struct trove_cancel *b,
                                struct trove_cancel **ret_cancel)
{
    struct trove_cancel *cancel = trove__calloc(1, sizeof(*cancel));
    int r;

    if (cancel == NULL)
        return -ENOMEM;
    atomic_init(&cancel->references, 1);
    cancel->poll_fd = -1;
    cancel->links[0] = trove_cancel_ref(a);
    cancel->links[1] = a == b ? NULL : trove_cancel_ref(b);
    cancel->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = cancel->event_fd < 0 ? -errno : open_poll(cancel);
    if (r < 0) {
        trove_cancel_unref(cancel);
        return r;
    }
    *ret_cancel = cancel;
    return 0;
}

int trove_cancel_create(struct trove_cancel **ret_cancel)
{
    return trove__cancel_create_linked(NULL, NULL, ret_cancel);
}

struct trove_cancel *trove_cancel_ref(struct trove_cancel *cancel)
{
    /* RELAXED: the caller has a reference already, nothing is handed over. */
    if (cancel != NULL)
        trove__add_relaxed(&cancel->references, 1);
    return cancel;
}

void trove_cancel_unref(struct trove_cancel *cancel)
{
    /* ACQ_REL [E2 free]: pairs with itself, in the threads that let go earlier. */
    if (cancel == NULL || trove__sub_acq_rel(&cancel->references, 1) != 1)
        return;
    if (cancel->poll_fd >= 0 && cancel->poll_fd != cancel->event_fd)
        close(cancel->poll_fd);
    if (cancel->event_fd >= 0)
        close(cancel->event_fd);
    for (unsigned i = 0; i < LINKS; i++)
        trove_cancel_unref(cancel->links[i]);
    trove__free(cancel);
}

void trove_cancel(struct trove_cancel *cancel)
{
    int saved = errno;
    uint64_t one = 1;

    /* ACQ_REL [E1 cancel]: hands over what the canceller did. Pairs with trove_is_canceled(). */
    if (trove__exchange_acq_rel(&cancel->word, 1) == 0) {
        trove__futex_wake(&cancel->word, INT_MAX);
        while (write(cancel->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
            ;
    }
    errno = saved;
}

bool trove_is_canceled(const struct trove_cancel *cancel)
{
    if (cancel == NULL)
        return false;
    /* ACQUIRE [E1 cancel]: pairs with trove_cancel(). */
    if (trove__load_acquire(&((struct trove_cancel *)cancel)->word) != 0)
        return true;
    return trove_is_canceled(cancel->links[0]) || trove_is_canceled(cancel->links[1]);
}

int trove__cancel_fd(const struct trove_cancel *cancel)
{
    return cancel == NULL ? -1 : cancel->poll_fd;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

/* Collects the words of CANCEL and its links behind COUNT others; returns the new count, or more than WORDS_MAX when
 * they do not fit. */
static unsigned collect(struct trove_cancel *cancel, atomic_uint **words, unsigned count)
{
    if (cancel == NULL)
        return count;
    if (count >= WORDS_MAX)
        return WORDS_MAX + 1;
    words[count++] = &cancel->word;
    for (unsigned i = 0; i < LINKS && count <= WORDS_MAX; i++)
        count = collect(cancel->links[i], words, count);
    return count;
}

/* Where the kernel cannot wait for several words: a bounded nap on one. */
static int nap(atomic_uint *word, uint32_t expected, int64_t deadline_ns)
{
    int64_t slice_ns = trove_now_ns() + SLICE_NS;
    bool last = deadline_ns <= slice_ns;
    int r = trove__futex_wait(word, expected, last ? deadline_ns : slice_ns);

    return last ? r : 0;
}

int trove__wait_any(const struct trove__watch *watches, unsigned count,
                    const struct trove_until *until)
{
    struct trove_until u = trove__until_of(until);
    atomic_uint *words[WORDS_MAX];
    uint32_t values[WORDS_MAX] = {0};
    int r = -ENOSYS;

    if (count == 1 && u.cancel == NULL)
        return trove__futex_wait(watches[0].word, watches[0].expected, u.deadline_ns);
    if (trove_is_canceled(u.cancel))
        return -ECANCELED;
    for (unsigned i = 0; i < count; i++) {
        words[i] = watches[i].word;
        values[i] = watches[i].expected;
    }
    count = collect(u.cancel, words, count);
    if (count <= WORDS_MAX)
        r = trove__futex_wait_any(words, values, count, u.deadline_ns);
    if (r == -ENOSYS)
        r = nap(watches[0].word, watches[0].expected, u.deadline_ns);
    return trove_is_canceled(u.cancel) ? -ECANCELED : r;
}

int trove__wait(atomic_uint *word, uint32_t expected, const struct trove_until *until)
{
    const struct trove__watch watch = {word, expected};

    return trove__wait_any(&watch, 1, until);
}
