// SPDX-License-Identifier: MIT
/*
 * transfer.h - one fetch command from beginning to end: a session, its pack, the sink.
 */
#ifndef TROVE_FETCH_TRANSFER_H
#define TROVE_FETCH_TRANSFER_H

#include "git_internal.h"
#include "rounds.h"

struct trove__transfer {
    /* Set by the caller; borrowed for the call. */
    struct trove_git *git;
    struct trove_sink *sink;
    const struct trove_until *until;
    struct trove__rounds *rounds; /* told of every object that arrives; may be NULL */

    /* After a failure. */
    bool is_refused; /* the server does not have REFUSED; -ENOENT */
    struct trove_oid refused;
    bool
        broke_off; /* the connection ended in the middle of the answer; what came before was given */
    bool pack_is_wrong;                   /* it broke off, and what had come was no good either */
    char said[TROVE_ERROR_MESSAGE_BYTES]; /* the server's own words; "": none */
    bool got_pack; /* at least a byte of it came: it was no refusal of the request */
};

/* Sends ARGS and feeds the pack to the sink until it was verified. Returns 0 or a negative errno. */
int trove__transfer_run(struct trove__transfer *transfer, const struct trove__fetch_args *args,
                        struct trove_error *err);

#endif
