// SPDX-License-Identifier: MIT
/*
 * memory_transport.c - a transport that says what a test wrote down.
 */
#include "memory_transport.h"
#include <stdio.h>
#include <string.h>

static int memory_send(struct trove__transport *transport, const void *body, size_t size,
                       struct trove__io *io, struct trove_error *err)
{
    struct memory_transport *memory = (struct memory_transport *)transport;

    trove__bytes_add(&memory->sent, body, size);
    return trove__io_check(io, err);
}

static ssize_t memory_read(struct trove__transport *transport, void *buffer, size_t size,
                           struct trove__io *io, struct trove_error *err)
{
    struct memory_transport *memory = (struct memory_transport *)transport;
    size_t left = memory->size - memory->offset;
    int result = trove__io_check(io, err);

    if (result < 0)
        return result;
    if (size > left)
        size = left;
    if (memory->piece != 0 && size > memory->piece)
        size = memory->piece;
    if (size > 0)
        memcpy(buffer, (const uint8_t *)memory->bytes + memory->offset, size);
    memory->offset += size;
    return (ssize_t)size;
}

static void memory_complaint(struct trove__transport *transport, struct trove__io *io,
                             char *ret_text, size_t capacity)
{
    struct memory_transport *memory = (struct memory_transport *)transport;

    (void)io;
    snprintf(ret_text, capacity, "%s", memory->last_words);
}

static void memory_close(struct trove__transport *transport, bool polite)
{
    (void)polite;
    ((struct memory_transport *)transport)->closed++;
}

static const struct trove__transport_ops memory_ops = {
    .send = memory_send,
    .read = memory_read,
    .complaint = memory_complaint,
    .close = memory_close,
};

void memory_transport_init(struct memory_transport *memory, const void *bytes, size_t size,
                           size_t piece)
{
    *memory = (struct memory_transport){.base = {.ops = &memory_ops},
                                        .bytes = bytes,
                                        .size = size,
                                        .piece = piece,
                                        .last_words = ""};
}

void memory_transport_clear(struct memory_transport *memory)
{
    trove__bytes_free(&memory->sent);
}
