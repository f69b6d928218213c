// SPDX-License-Identifier: MIT
/*
 * superset.h - a POSIX pattern rewritten for PCRE2, whose JIT then finds the few lines worth asking regexec() about.
 *
 * The rewriting may match too much, never too little: wherever regexec() finds a match within a line, the superset has a
 * match that begins at the same byte. What cannot be rewritten with that promise is refused.
 */
#ifndef TROVE_GREP_SUPERSET_H
#define TROVE_GREP_SUPERSET_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>

/* How the process's LC_CTYPE reads bytes. */
enum trove__charset {
    TROVE__CHARSET_C, /* every byte is a character */
    TROVE__CHARSET_UTF8,
    TROVE__CHARSET_OTHER, /* nothing is rewritten for it */
};

enum trove__charset trove__charset_now(void);

struct trove__superset {
    pcre2_code *code; /* own */
    bool
        exact; /* matches within a line are matches of regexec() too, and begin where its leftmost one does */
};

struct trove__superset_source {
    const char *pattern; /* regcomp() took it */
    size_t size;
    bool extended;
    bool ignore_case;
    enum trove__charset charset;
    bool
        ascii_only; /* the text searched holds ASCII only: no allowance for other characters is needed */
};

/* 0, -ENOTSUP (no rewriting) or -ENOMEM. */
int trove__superset_compile(const struct trove__superset_source *source,
                            struct trove__superset *ret_superset);
void trove__superset_deinit(struct trove__superset *superset);

#endif
