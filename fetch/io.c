// SPDX-License-Identifier: MIT
/*
 * io.c - waiting for a peer within a deadline, a cancel token and a low-speed limit.
 */
#include "io.h"
#include "core/until.h"
#include <errno.h>
#include <string.h>

#define NS_PER_MS 1000000
#define NS_PER_S 1000000000

void trove__io_begin(struct trove__io *io, const struct trove_until *until,
                     uint32_t low_speed_bytes, uint32_t low_speed_seconds)
{
    *io = (struct trove__io){
        .until = {.deadline_ns = TROVE_NO_DEADLINE},
        .low_speed_bytes = low_speed_bytes,
        .low_speed_seconds = low_speed_seconds,
        .slot_ns = (int64_t)low_speed_seconds * 1000 * NS_PER_MS / TROVE__IO_SLOTS,
    };
    if (until != NULL)
        io->until = *until;
    if (low_speed_bytes == 0)
        io->slot_ns = 0;
}

/* Whether fewer bytes came than the limit asks for, in the time that the slots cover. */
static bool is_slow(const struct trove__io *io)
{
    int64_t covered = io->slot_ns * (TROVE__IO_SLOTS - 1) + io->waited_ns % io->slot_ns;

    return io->waited_ns >= io->slot_ns * TROVE__IO_SLOTS &&
           (double)io->sum < (double)covered / NS_PER_S * io->low_speed_bytes;
}

int trove__io_check(const struct trove__io *io, struct trove_error *err)
{
    if (trove_is_canceled(io->until.cancel))
        return trove_error_set(err, -ECANCELED, "cancelled");
    if (io->until.deadline_ns != TROVE_NO_DEADLINE && trove_now_ns() >= io->until.deadline_ns)
        return trove_error_set(err, -ETIMEDOUT, "the deadline passed while waiting for the server");
    if (io->slot_ns > 0 && is_slow(io))
        return trove_error_set(err, -ETIMEDOUT,
                               "too slow: fewer than %u bytes a second for %u seconds (the "
                               "low-speed limit)",
                               io->low_speed_bytes, io->low_speed_seconds);
    return 0;
}

int trove__io_timeout_ms(const struct trove__io *io)
{
    int64_t left = INT64_MAX;

    if (io->until.deadline_ns != TROVE_NO_DEADLINE)
        left = io->until.deadline_ns - trove_now_ns();
    /* The verdict can change only where a slot ends. */
    if (io->slot_ns > 0 && io->slot_ns - io->waited_ns % io->slot_ns < left)
        left = io->slot_ns - io->waited_ns % io->slot_ns;
    if (left == INT64_MAX)
        return -1;
    left = left / NS_PER_MS + 1;
    return left < 1 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

int trove__io_cancel_fd(const struct trove__io *io)
{
    return io->until.cancel != NULL ? trove__cancel_fd(io->until.cancel) : -1;
}

void trove__io_waited(struct trove__io *io, int64_t ns)
{
    int64_t slot, passed;

    if (io->slot_ns == 0 || ns <= 0)
        return;
    slot = io->waited_ns / io->slot_ns;
    io->waited_ns += ns;
    passed = io->waited_ns / io->slot_ns - slot;
    for (int64_t i = 1; i <= passed && i <= TROVE__IO_SLOTS; i++) {
        int64_t *oldest = &io->slots[(slot + i) % TROVE__IO_SLOTS];
        io->sum -= *oldest;
        *oldest = 0;
    }
}

void trove__io_count(struct trove__io *io, int64_t bytes)
{
    if (io->slot_ns == 0)
        return;
    io->slots[io->waited_ns / io->slot_ns % TROVE__IO_SLOTS] += bytes;
    io->sum += bytes;
}

int trove__io_poll(struct trove__io *io, struct pollfd *fds, unsigned count,
                   struct trove_error *err)
{
    struct pollfd all[TROVE__IO_POLL_MAX + 1];
    int cancel = trove__io_cancel_fd(io), result;
    unsigned total = count;

    memcpy(all, fds, count * sizeof(*fds));
    if (cancel >= 0)
        all[total++] = (struct pollfd){.fd = cancel, .events = POLLIN};
    for (;;) {
        int64_t start;
        int ready;

        result = trove__io_check(io, err);
        if (result < 0)
            return result;
        start = trove_now_ns();
        ready = poll(all, total, trove__io_timeout_ms(io));
        if (ready < 0 && errno != EINTR)
            return trove_error_set(err, -EIO, "poll: %s", strerror(errno));
        trove__io_waited(io, trove_now_ns() - start);
        if (ready > 0 && (total == count || all[count].revents == 0))
            break;
    }
    memcpy(fds, all, count * sizeof(*fds));
    result = 0;
    for (unsigned i = 0; i < count; i++)
        result += fds[i].revents != 0;
    return result;
}

int trove__io_sleep(const struct trove__io *io, int64_t ms, struct trove_error *err)
{
    int64_t end = trove_now_ns() + ms * NS_PER_MS;
    struct trove__io sleep = {.until = io->until};
    struct pollfd none = {.fd = -1};
    int result;

    if (sleep.until.deadline_ns <= end)
        return trove__io_poll(&sleep, &none, 0, err);
    sleep.until.deadline_ns = end;
    result = trove__io_poll(&sleep, &none, 0, NULL); /* nothing to wait for but its end */
    return result == -ETIMEDOUT ? 0 : trove_error_set(err, result, "cancelled");
}
