// SPDX-License-Identifier: MIT
/*
 * capture.h - runs a program and keeps what it wrote to standard output.
 */
#ifndef TROVE_TESTS_CAPTURE_H
#define TROVE_TESTS_CAPTURE_H

#include <stddef.h>

struct capture {
    char *bytes; /* malloc'ed, followed by a NUL */
    size_t size;
    int status; /* exit status; 128 + signal when it was killed; -1 when it could not run */
};

/* ARGV ends with NULL; argv[0] is looked up in PATH. Standard error is thrown away unless LOUD. */
struct capture capture_run(const char *const *argv, int loud);
void capture_free(struct capture *capture);

#endif
