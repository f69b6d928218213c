// SPDX-License-Identifier: MIT
/*
 * revision_syntax.h - how a revision is written: a name or a full id, then any number of steps. A pure parser.
 *
 *     const char *at;
 *     status = trove__revision_base(algo, "v1.0^{commit}~2:src/a.c", &base, &at, err);
 *     while (status == 0 && *at != '\0')
 *         status = trove__revision_step(&at, &step, err);
 */
#ifndef TROVE_FETCH_REVISION_SYNTAX_H
#define TROVE_FETCH_REVISION_SYNTAX_H

#include <trove/error.h>
#include <trove/oid.h>

#define TROVE__REF_NAME_MAX 1024

struct trove__revision_base {
    bool is_id;
    struct trove_oid id; /* if is_id */
    char name
        [TROVE__REF_NAME_MAX]; /* if not: to be looked up in git's order; "@" has become "HEAD" */
    bool looks_like_id;        /* a NAME that could be an abbreviated id, or end with one */
};

enum trove__step_kind {
    TROVE__STEP_PARENT,   /* ^N: parent N, from 1; 0 is the commit itself */
    TROVE__STEP_ANCESTOR, /* ~N: N times the first parent */
    TROVE__STEP_PEEL,     /* ^{type}; TROVE_ANY for ^{}: whatever a tag stands for */
    TROVE__STEP_OBJECT,   /* ^{object}: anything that exists */
    TROVE__STEP_PATH,     /* :path, always the last */
};

struct trove__revision_step {
    enum trove__step_kind kind;
    uint32_t number;
    enum trove_type type;
    const char *path; /* borrowed from the revision */
};

/* Reads what REVISION begins with; *RET_AT is then at the first step. Returns 0, -ENOENT (no such revision can exist),
 * -ENOTSUP (needs what is not here: reflogs, an index, short ids). */
int trove__revision_base(enum trove_algo algo, const char *revision,
                         struct trove__revision_base *ret_base, const char **ret_at,
                         struct trove_error *err);

/* Reads the step at *AT, which is not at the end, and moves *AT behind it. Results as above. */
int trove__revision_step(const char **at, struct trove__revision_step *ret_step,
                         struct trove_error *err);

/* The path of `REV:path` in REVISION, or NULL if it has none: a colon in braces does not count. Borrowed. */
const char *trove__revision_path(const char *revision);

/* True if NAME (LENGTH bytes) may be asked for as a ref, or as the end of one. */
bool trove__ref_name_ok(const char *name, size_t length);

#endif
