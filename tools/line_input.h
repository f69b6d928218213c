// SPDX-License-Identifier: MIT
/*
 * line_input.h - lines from a descriptor, as many as are waiting, without waiting for more than are wanted.
 */
#ifndef TROVE_TOOLS_LINE_INPUT_H
#define TROVE_TOOLS_LINE_INPUT_H

#include <trove/until.h>

struct trove__line_input {
    int fd;
    char end; /* what ends a line */
    char *buffer;
    size_t start, filled, capacity;
    bool at_eof;
};

void trove__line_input_init(struct trove__line_input *input, int fd, char end);
void trove__line_input_deinit(struct trove__line_input *input);

/*
 * The next line without its end (nor, before a newline, a carriage return), NUL-terminated, valid until the next call. UNTIL bounds the waiting: a deadline that has
 * passed means "only what is there already". Returns 1; 0 at the end of the input; -ETIMEDOUT when no line came in time;
 * -ECANCELED; -ENOMEM; -EFBIG (a line without end); or what read() failed with.
 */
int trove__line_input_next(struct trove__line_input *input, const struct trove_until *until,
                           char **ret_line, size_t *ret_length);

#endif
