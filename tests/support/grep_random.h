// SPDX-License-Identifier: MIT
/*
 * grep_random.h - random files, patterns and options for comparing searches with git's. Everything follows from a seed.
 */
#ifndef TROVE_TESTS_GREP_RANDOM_H
#define TROVE_TESTS_GREP_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct grep_random {
    uint64_t state;
};

uint32_t grep_random_below(struct grep_random *random, uint32_t bound);

/* A file's contents: malloc'ed, *RET_SIZE bytes; awkward ones among them. */
char *grep_random_file(struct grep_random *random, size_t *ret_size);

#define GREP_RANDOM_WORDS 24

/* A command line behind `grep`, without the revision. Ends with NULL. */
struct grep_random_line {
    char *words[GREP_RANDOM_WORDS + 1];
    size_t count;
    char text[8192];
    size_t used;
};

void grep_random_line(struct grep_random *random, struct grep_random_line *line);

#endif
