// SPDX-License-Identifier: MIT
/*
 * grep.h - which lines of a buffer match, and how they are printed: git grep's meaning, byte for byte.
 *
 * A `struct trove__grep` is compiled once and then immutable: any number of threads search with it, each with a scratch
 * of its own. The meaning of letters and classes is that of the process's LC_CTYPE when it was compiled; it must not
 * change afterwards. (git sets LC_CTYPE alone from the environment: collation stays "C".)
 */
#ifndef TROVE_GREP_GREP_H
#define TROVE_GREP_GREP_H

#include "grep/text.h"
#include <stdint.h>
#include <trove/error.h>

enum trove__grep_type {
    TROVE__GREP_BASIC,    /* -G */
    TROVE__GREP_EXTENDED, /* -E */
    TROVE__GREP_FIXED,    /* -F */
    TROVE__GREP_PERL,     /* -P */
};

/* What to do with files that are not text. */
enum trove__grep_binary {
    TROVE__GREP_BINARY_NAME, /* say that the file matches */
    TROVE__GREP_BINARY_SKIP, /* -I */
    TROVE__GREP_BINARY_TEXT, /* -a */
};

/* Whether a file is text: a NUL in its first 8,000 bytes decides, unless attributes do. */
enum trove__content {
    TROVE__CONTENT_LOOK,
    TROVE__CONTENT_TEXT,
    TROVE__CONTENT_BINARY,
};

enum trove__grep_color {
    TROVE__COLOR_CONTEXT,
    TROVE__COLOR_FILENAME,
    TROVE__COLOR_FUNCTION,
    TROVE__COLOR_LINE_NUMBER,
    TROVE__COLOR_COLUMN,
    TROVE__COLOR_MATCH_CONTEXT,
    TROVE__COLOR_MATCH_SELECTED,
    TROVE__COLOR_SELECTED,
    TROVE__COLOR_SEPARATOR,
    TROVE__COLORS,
};

/* One -e, one line of -f, or the pattern among the arguments. A newline in it parts two patterns. */
struct trove__grep_pattern {
    const char *bytes;
    size_t size;
    const char *origin; /* for messages: "command line", "-e option" or the name of the -f file */
    int line;           /* of that file, from 1; 0 elsewhere */
};

/* Everything that decides matches and output. All zero but max_count = -1 and show_name is `git grep` by default. */
struct trove__grep_settings {
    const struct trove__grep_pattern *patterns;
    size_t pattern_count;
    enum trove__grep_type type;
    enum trove__grep_binary binary;
    bool ignore_case;       /* -i */
    bool word;              /* -w */
    bool invert;            /* -v */
    bool line_number;       /* -n */
    bool column;            /* --column */
    bool only_matching;     /* -o; without effect beside invert */
    bool name_only;         /* -l */
    bool unmatch_name_only; /* -L */
    bool count;             /* -c */
    bool quiet;             /* -q */
    bool show_name;         /* -H; false is -h */
    bool null_after_name;   /* -z; the caller leaves names unquoted then */
    bool heading;           /* --heading */
    bool file_break;        /* --break */
    bool color;             /* decided: always, or auto and a terminal */
    int max_count;   /* -m; below 0 for no limit; 0 never gets here: git exits 1 without a search */
    uint32_t before; /* -B */
    uint32_t after;  /* -A */
    const char *colors[TROVE__COLORS]; /* escape sequences; NULL for git's default, "" for none */
};

struct trove__grep;
struct trove__grep_scratch;

/* Compiles SETTINGS (borrow: everything is copied). The result is own: released by trove__grep_destroy().
 * 0; -EINVAL (a pattern that git refuses with status 128; ERR has git's words), -ENOMEM. */
int trove__grep_compile(const struct trove__grep_settings *settings, struct trove__grep **ret_grep,
                        struct trove_error *err);
void trove__grep_destroy(struct trove__grep *grep); /* NULL is fine */

/* What one thread needs to search with GREP (borrow, outlives it). Own: released by trove__grep_scratch_destroy(). */
int trove__grep_scratch_create(const struct trove__grep *grep, struct trove__grep_scratch **ret);
void trove__grep_scratch_destroy(struct trove__grep_scratch *scratch); /* NULL is fine */

/* Searches SIZE bytes at DATA, shown as NAME (NUL-terminated, quoted where that is due, e.g. `HEAD:path`), and appends
 * what git grep prints to OUT, which is empty or reset before. Returns 1 when the file counts as a hit for the exit
 * status (for -L: listed), else 0; -EINVAL (a pattern exceeded its match limit; ERR says so; git ends with 128),
 * -EFBIG (above 2 GiB, or OUT is full), -ENOMEM. One thread per scratch. Never blocks. */
int trove__grep_buffer(const struct trove__grep *grep, struct trove__grep_scratch *scratch,
                       const char *name, enum trove__content content, const void *data, size_t size,
                       struct trove__text *out, struct trove_error *err);

/* The separator that trove__text_write() puts at the marks of a text. Borrow, lives as long as GREP. */
const char *trove__grep_mark(const struct trove__grep *grep, size_t *ret_size);

/* With these settings one hit answers the whole command (-q): the search of everything else may stop. */
bool trove__grep_first_hit_ends(const struct trove__grep *grep);

#endif
