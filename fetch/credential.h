// SPDX-License-Identifier: MIT
/*
 * credential.h - a name and password from git's credential helpers, and what became of them.
 */
#ifndef TROVE_FETCH_CREDENTIAL_H
#define TROVE_FETCH_CREDENTIAL_H

#include "bytes.h"
#include "io.h"
#include "url.h"

struct trove__credential {
    char *user, *password;
    struct trove__bytes answer; /* of `git credential fill`: what approve and reject are told */
    uint64_t number;            /* among those that several connections share; 0: none */
    bool is_shared;             /* another connection had asked for it */
};

/* Asks the user's helpers (git credential fill; it may ask on the terminal) for what URL needs. *RET is own:
 * trove__credential_clear(). Returns 0, -EACCES (nobody knows), -ENOMEM, or as IO ends it. */
int trove__credential_fill(const struct trove__url *url, struct trove__io *io,
                           struct trove__credential *ret, struct trove_error *err);
/* What they are asked, made of URL alone. *RET is own. 0 or -ENOMEM. */
int trove__credential_question(const struct trove__url *url, struct trove__bytes *ret);
int trove__credential_copy(const struct trove__credential *credential,
                           struct trove__credential *ret); /* 0 or -ENOMEM */
int trove__credential_unknown(struct trove_error *err);    /* sets -EACCES: nobody knows */
int trove__credential_no_memory(struct trove_error *err);  /* sets -ENOMEM */
/* Tells the helpers that it worked, or that it did not. Failures are theirs. */
void trove__credential_report(const struct trove__credential *credential, bool worked,
                              struct trove__io *io);
void trove__credential_clear(struct trove__credential *credential); /* wipes; all zero is fine */

#endif
