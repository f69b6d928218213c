// SPDX-License-Identifier: MIT
/*
 * memory_transport.h - a transport that says what a test wrote down, in pieces of any size, and remembers what was sent.
 */
#ifndef TROVE_TESTS_MEMORY_TRANSPORT_H
#define TROVE_TESTS_MEMORY_TRANSPORT_H

#include "fetch/transport.h"

struct memory_transport {
    struct trove__transport base;
    const void *bytes;          /* all answers, one behind the other */
    size_t size, offset, piece; /* PIECE: the most that one read brings; 0 for no limit */
    const char *last_words;     /* what its "standard error" says after the end */
    struct trove__bytes sent;
    unsigned closed;
};

void memory_transport_init(struct memory_transport *memory, const void *bytes, size_t size,
                           size_t piece);
void memory_transport_clear(struct memory_transport *memory);

#endif
