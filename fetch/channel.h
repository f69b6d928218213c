// SPDX-License-Identifier: MIT
/*
 * channel.h - a transport over descriptors: one to write to, one to read from, perhaps one with complaints. What a child
 * process and a TCP connection have in common.
 */
#ifndef TROVE_FETCH_CHANNEL_H
#define TROVE_FETCH_CHANNEL_H

#include "transport.h"

#define TROVE__STDERR_KEPT_BYTES 4096

struct trove__channel {
    struct trove__transport base;
    int in, out, err; /* non-blocking; IN is a socket, may be OUT; ERR may be -1 */
    char said[TROVE__STDERR_KEPT_BYTES]; /* the end of ERR, where the reason stands */
    size_t said_size;
};

/* The send and read of <transport.h>. */
int trove__channel_send(struct trove__transport *transport, const void *body, size_t size,
                        struct trove__io *io, struct trove_error *err);
ssize_t trove__channel_read(struct trove__transport *transport, void *buffer, size_t size,
                            struct trove__io *io, struct trove_error *err);
/* Reads ERR to its end, for at most WAIT_MS. */
void trove__channel_listen(struct trove__channel *channel, const struct trove__io *io, int wait_ms);
void trove__channel_close(struct trove__channel *channel);

#endif
