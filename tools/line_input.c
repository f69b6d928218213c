// SPDX-License-Identifier: MIT
/*
 * line_input.c - lines from a descriptor, as many as are waiting.
 */
#include "line_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fetch/io.h"

enum { LINE_MAX_BYTES = 1 << 20, FIRST_CAPACITY = 64 << 10 };

void trove__line_input_init(struct trove__line_input *input, int fd, char end)
{
    *input = (struct trove__line_input){.fd = fd, .end = end};
}

void trove__line_input_deinit(struct trove__line_input *input)
{
    free(input->buffer);
}

/* Takes the first whole line out of the buffer; at the end of the input, also what no newline follows. */
static bool take_line(struct trove__line_input *input, char **ret_line, size_t *ret_length)
{
    size_t left = input->filled - input->start;
    char *line = input->buffer + input->start, *end;

    if (left == 0)
        return false;
    end = memchr(line, input->end, left);
    if (end == NULL && !input->at_eof)
        return false;
    *ret_length = end != NULL ? (size_t)(end - line) : left;
    input->start += *ret_length + (end != NULL);
    if (end != NULL && input->end == '\n' && end > line && end[-1] == '\r')
        --*ret_length;
    line[*ret_length] = '\0'; /* there is always room for one more: make_room() */
    *ret_line = line;
    return true;
}

static int make_room(struct trove__line_input *input)
{
    size_t capacity = input->capacity != 0 ? input->capacity * 2 : FIRST_CAPACITY;
    char *bigger;

    if (input->start > 0) {
        memmove(input->buffer, input->buffer + input->start, input->filled - input->start);
        input->filled -= input->start;
        input->start = 0;
    }
    if (input->filled + 1 < input->capacity)
        return 0;
    if (input->filled > LINE_MAX_BYTES)
        return -EFBIG;
    bigger = realloc(input->buffer, capacity);
    if (bigger == NULL)
        return -ENOMEM;
    input->buffer = bigger;
    input->capacity = capacity;
    return 0;
}

/* Waits until there is something to read, and reads it. */
static int read_more(struct trove__line_input *input, const struct trove_until *until)
{
    struct pollfd fd = {.fd = input->fd, .events = POLLIN};
    struct trove__io io;
    ssize_t n;
    int status = make_room(input);

    if (status < 0)
        return status;
    /* What is there is read however late it is. */
    if (poll(&fd, 1, 0) <= 0) {
        trove__io_begin(&io, until, 0, 0);
        status = trove__io_poll(&io, &fd, 1, NULL);
        if (status < 0)
            return status;
    }
    do {
        n = read(input->fd, input->buffer + input->filled, input->capacity - input->filled - 1);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    input->at_eof = n == 0;
    input->filled += (size_t)n;
    return 0;
}

int trove__line_input_next(struct trove__line_input *input, const struct trove_until *until,
                           char **ret_line, size_t *ret_length)
{
    while (!take_line(input, ret_line, ret_length)) {
        int status;

        if (input->at_eof)
            return 0;
        status = read_more(input, until);
        if (status < 0)
            return status;
    }
    return 1;
}
