// SPDX-License-Identifier: MIT
/*
 * holdup.c - who holds reclamation up. See holdup.h.
 *
 * WHAT       Any section that a waiting grace period waits for, it has waited for since it began: sections that begin later it
 *            does not wait for. So of all that are in the way each has been for the same time, and that is the time since the
 *            reclaimer began to wait, or since the grace period before it ended: liburcu lets one run at a time, and while
 *            another cache's goes on its readers are in the way here too.
 * INVARIANTS I1 `since_ns` is written by the reclaimer alone. I2 `ended_ns` is some grace period's end, not long ago.
 * EDGES      none: RELAXED throughout, times that guide nobody but who reads them.
 * PROGRESS   begin, end: wait-free. look: lock-free but for the kernel.
 * LIMITS     Grace periods of the host's own count as no end: beside them an age can be too high by what they took.
 * TESTS      tests/unit/test_holdup.c
 */
#include "core/holdup.h"
#include "core/rcu.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <trove/until.h>
#include <unistd.h>

/* liburcu looks at the readers again after so long. While it has not, a grace period that nobody is in the way of looks
 * like one that an unknown section is. */
#define POLL_NS (10 * 1000000)
/* Two of these looks found a section open that was so at the begin. */
#define LONG_NS (2 * POLL_NS + POLL_NS / 2)

static atomic_long ended_ns; /* of any cache's, for they take turns */

void trove__holdup_init(struct trove__holdup *holdup)
{
    atomic_init(&holdup->since_ns, 0);
}

void trove__holdup_begin(struct trove__holdup *holdup, int64_t now_ns)
{
    trove__store_relaxed(&holdup->since_ns, now_ns);
}

void trove__holdup_end(struct trove__holdup *holdup, int64_t now_ns)
{
    trove__store_relaxed(&holdup->since_ns, 0);
    trove__store_relaxed(&ended_ns, now_ns);
}

bool trove__holdup_is_long(const struct trove__holdup *holdup)
{
    int64_t since = trove__load_relaxed(&holdup->since_ns);

    return since != 0 && trove_now_ns() - since > LONG_NS;
}

/* Leaves NAME empty when the thread is gone. */
static void name_of(int tid, char *name, size_t size)
{
    char path[64];
    ssize_t got;
    int file;

    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", tid);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    got = read(file, name, size - 1);
    close(file);
    name[got > 0 ? got : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
}

void trove__holdup_look(const struct trove__holdup *holdup, struct trove_holdup *ret)
{
    int64_t since = trove__load_relaxed(&holdup->since_ns);
    int64_t ended = trove__load_relaxed(&ended_ns);
    struct trove__holder holder;
    int64_t age;

    *ret = (struct trove_holdup){.who = TROVE_HOLDUP_NONE};
    if (since == 0)
        return;
    age = trove_now_ns() - (ended > since ? ended : since);
    if (trove__grace_holder(&holder)) {
        ret->who = holder.is_trove ? TROVE_HOLDUP_READER : TROVE_HOLDUP_OUTSIDE;
        ret->thread_id = holder.tid;
        name_of(holder.tid, ret->thread_name, sizeof(ret->thread_name));
    } else if (age > POLL_NS) {
        ret->who = TROVE_HOLDUP_OUTSIDE;
    } else {
        return;
    }
    ret->age_ns = age > 0 ? (uint64_t)age : 0;
}
