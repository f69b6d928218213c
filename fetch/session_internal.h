// SPDX-License-Identifier: MIT
/*
 * session_internal.h - what the files of a session share: itself, and the frames of one command.
 */
#ifndef TROVE_FETCH_SESSION_INTERNAL_H
#define TROVE_FETCH_SESSION_INTERNAL_H

#include "protocol.h"
#include "session.h"
#include "transport.h"

#define TROVE__SESSION_BUFFER_BYTES (256 << 10) /* some frames, so that one read brings several */

struct trove__session {
    struct trove__url url;
    struct trove__git_config config;
    struct trove__session_options options;
    struct trove__wire_limits limits;
    struct trove__transport *transport;
    struct trove__caps caps;
    struct trove__wire_counters counters;
    struct trove__bytes request;
    uint8_t *buffer; /* TROVE__SESSION_BUFFER_BYTES; start..end is read and not yet parsed */
    size_t start, end;
    bool usable;
    bool answered;           /* a byte came since the last command was sent */
    bool ended;              /* the connection has ended by itself */
    struct trove_error said; /* the server's own words on the last command; code 0: none */
};

/* Makes *ERR of WHY (code 0: nobody said why): the repository in front of the message, the password out of it. */
int trove__session_explain(const struct trove__session *session, int code, struct trove_error *why,
                           struct trove_error *err);

/* Begins a command: sends what REQUEST holds, within UNTIL. The buffer is empty between commands. */
int trove__session_send(struct trove__session *session, const struct trove_until *until,
                        struct trove__io *io, struct trove_error *err);
/* The next frame; it lives until the next call. READER: of a fetch, else NULL. */
int trove__session_next_frame(struct trove__session *session, struct trove__io *io,
                              struct trove__fetch_reader *reader, struct trove__pkt *ret,
                              struct trove_error *err);
/* After the last frame of an answer: a stateless one must end there, and no other may hold more. */
int trove__session_end_answer(struct trove__session *session, struct trove__io *io,
                              struct trove_error *err);
/* Ends a command: after a failure only a stateless connection may be used again. */
int trove__session_finish(struct trove__session *session, int result, struct trove_error *why,
                          struct trove_error *err);

#endif
