// SPDX-License-Identifier: MIT
/*
 * io.h - waiting for a peer: the deadline, the cancel token and the low-speed limit of one command, whatever carries it.
 *
 * The low-speed limit counts useful bytes (not keepalives, not progress) over a sliding window of the time spent
 * waiting for the peer, so that neither dripping bytes nor our own slowness move it.
 */
#ifndef TROVE_FETCH_IO_H
#define TROVE_FETCH_IO_H

#include <poll.h>
#include <trove/error.h>
#include <trove/until.h>

#define TROVE__IO_SLOTS 16
#define TROVE__IO_POLL_MAX 4 /* descriptors of one wait */

struct trove__io {
    struct trove_until until;
    int64_t slot_ns;                     /* a window is TROVE__IO_SLOTS of these; 0: no limit */
    int64_t waited_ns;                   /* the clock of the window */
    int64_t slots[TROVE__IO_SLOTS], sum; /* signed: what turned out useless is taken back */
    uint32_t low_speed_bytes, low_speed_seconds;
};

/* UNTIL may be NULL; its token is borrowed as long as IO is used. */
void trove__io_begin(struct trove__io *io, const struct trove_until *until,
                     uint32_t low_speed_bytes, uint32_t low_speed_seconds);

/* 0, or why not to wait any longer: -ECANCELED, -ETIMEDOUT. */
int trove__io_check(const struct trove__io *io, struct trove_error *err);
/* For how long a wait may sleep until it must check again. */
int trove__io_timeout_ms(const struct trove__io *io);
int trove__io_cancel_fd(
    const struct trove__io *io); /* readable once cancelled; -1 without a token */
void trove__io_waited(struct trove__io *io, int64_t ns);
/* BYTES came or went; negative: as many counted before were keepalives or progress. */
void trove__io_count(struct trove__io *io, int64_t bytes);

/* Sleeps for MS; not counted as slowness of the peer. 0, -ECANCELED, -ETIMEDOUT. */
int trove__io_sleep(const struct trove__io *io, int64_t ms, struct trove_error *err);

/* Waits until one of FDS is ready. Returns how many are, -ECANCELED, -ETIMEDOUT or -EIO. */
int trove__io_poll(struct trove__io *io, struct pollfd *fds, unsigned count,
                   struct trove_error *err);

#endif
