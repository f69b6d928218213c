// SPDX-License-Identifier: MIT
/*
 * channel.c - a transport over descriptors.
 */
#include "channel.h"
#include "forking.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_MS 1000000

void trove__channel_close(struct trove__channel *channel)
{
    if (channel->in != channel->out)
        trove__fd_close(&channel->in);
    channel->in = -1;
    trove__fd_close(&channel->out);
    trove__fd_close(&channel->err);
}

/* Takes what ERR holds; only its end is kept. */
static void take_complaints(struct trove__channel *channel)
{
    char buffer[TROVE__STDERR_KEPT_BYTES];
    ssize_t got = read(channel->err, buffer, sizeof(buffer));
    size_t size = got > 0 ? (size_t)got : 0, keep = sizeof(channel->said) - size;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size == 0) {
        trove__fd_close(&channel->err);
        return;
    }
    if (channel->said_size > keep) {
        memmove(channel->said, channel->said + channel->said_size - keep, keep);
        channel->said_size = keep;
    }
    memcpy(channel->said + channel->said_size, buffer, size);
    channel->said_size += size;
}

/* Waits until FD is ready for EVENTS, taking complaints meanwhile: a peer that cannot utter them would stop. */
static int wait_for(struct trove__channel *channel, int fd, short events, struct trove__io *io,
                    struct trove_error *err)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = events},
                               {.fd = channel->err, .events = POLLIN}};
        int result = trove__io_poll(io, fds, 2, err);

        if (result < 0)
            return result;
        if (fds[1].revents != 0) {
            int64_t start = trove_now_ns();
            take_complaints(channel);
            trove__io_waited(io, trove_now_ns() - start); /* who only complains keeps us waiting */
        }
        if (fds[0].revents != 0)
            return 0;
    }
}

int trove__channel_send(struct trove__transport *transport, const void *body, size_t size,
                        struct trove__io *io, struct trove_error *err)
{
    struct trove__channel *channel = (struct trove__channel *)transport;
    const uint8_t *from = body;

    while (size > 0) {
        ssize_t wrote = send(channel->in, from, size, MSG_NOSIGNAL);
        if (wrote < 0 && (errno == EAGAIN || errno == EINTR)) {
            int result = wait_for(channel, channel->in, POLLOUT, io, err);
            if (result < 0)
                return result;
            continue;
        }
        if (wrote < 0) /* it is gone: reading tells why */
            return 0;
        trove__add_relaxed(&transport->counters->sent_bytes, (uint64_t)wrote);
        trove__io_count(io, wrote);
        from += wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

ssize_t trove__channel_read(struct trove__transport *transport, void *buffer, size_t size,
                            struct trove__io *io, struct trove_error *err)
{
    struct trove__channel *channel = (struct trove__channel *)transport;
    int result = trove__io_check(io, err); /* also while bytes never cease to come */

    while (result == 0) {
        ssize_t got = read(channel->out, buffer, size);
        if (got >= 0) {
            trove__add_relaxed(&transport->counters->received_bytes, (uint64_t)got);
            trove__io_count(io, got);
            return got;
        }
        if (errno != EAGAIN && errno != EINTR)
            return trove_error_set(err, -errno, "reading from the server: %s", strerror(errno));
        result = wait_for(channel, channel->out, POLLIN, io, err);
    }
    return result;
}

void trove__channel_listen(struct trove__channel *channel, const struct trove__io *io, int wait_ms)
{
    int64_t end = trove_now_ns() + (int64_t)wait_ms * NS_PER_MS;
    struct trove__io wait = *io;

    if (wait.until.deadline_ns > end)
        wait.until.deadline_ns = end;
    while (channel->err >= 0) {
        struct pollfd fd = {.fd = channel->err, .events = POLLIN};
        if (trove__io_poll(&wait, &fd, 1, NULL) < 0)
            break;
        take_complaints(channel);
    }
}
