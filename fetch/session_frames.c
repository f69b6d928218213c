// SPDX-License-Identifier: MIT
/*
 * session_frames.c - one command of a session on the wire: sent, answered frame by frame, ended; and why it failed.
 */
#include "session_internal.h"
#include <errno.h>
#include <string.h>

/* --- errors ------------------------------------------------------------------------------------------------------ */

int trove__session_explain(const struct trove__session *session, int code, struct trove_error *why,
                           struct trove_error *err)
{
    const char *message = why->code != 0 ? why->message : trove_strerror(code);

    trove__redact(why->message, session->url.password);
    if (session->transport != NULL)
        trove__redact(why->message, session->transport->secret);
    if (session->url.text == NULL)
        return trove_error_set(err, code, "%s", message);
    return trove_error_set(err, code, "%.1024s: %.1020s", session->url.text, message);
}

/* The server's answer stopped. REFUSED (may be NULL) learns of an id that its last words name. */
static int ended_early(struct trove__session *session, struct trove__io *io,
                       struct trove__fetch_reader *reader, struct trove_error *err)
{
    char said[TROVE_ERROR_MESSAGE_BYTES / 2] = "";

    session->transport->ops->complaint(session->transport, io, said, sizeof(said));
    if (reader != NULL && trove__refused_id(reader->algo, said, strlen(said), &reader->refused)) {
        reader->is_refused = true;
        return trove_error_set(err, -ENOENT, "the server says: %s", said);
    }
    if (said[0] != '\0') {
        trove_error_set(&session->said, -EIO, "%s", said);
        return trove_error_set(err, -EIO, "the connection ended early: %s", said);
    }
    return trove_error_set(err, -EIO, "the connection ended early, in the middle of an answer");
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

static int not_a_frame(const struct trove__session *session, struct trove_error *err)
{
    char shown[128];
    size_t size = session->end - session->start;

    trove__visible(shown, sizeof(shown), session->buffer + session->start, size < 40 ? size : 40,
                   1);
    return trove_error_set(err, -EPROTO, "the server does not speak git's protocol: '%s'", shown);
}

static bool is_end(ssize_t result)
{
    return result == -ECONNRESET || result == -EPIPE;
}

/* More bytes behind those that are there. Returns their count, 0 at the end. */
static ssize_t fill(struct trove__session *session, struct trove__io *io, struct trove_error *err)
{
    size_t left = session->end - session->start;

    if (session->start > 0) {
        memmove(session->buffer, session->buffer + session->start, left);
        session->start = 0;
        session->end = left;
    }
    ssize_t got = session->transport->ops->read(session->transport, session->buffer + left,
                                                TROVE__SESSION_BUFFER_BYTES - left, io, err);
    if (got > 0) {
        session->end += (size_t)got;
        session->answered = true;
    }
    session->ended = got == 0 || got == -EIO || is_end(got);
    return got;
}

int trove__session_next_frame(struct trove__session *session, struct trove__io *io,
                              struct trove__fetch_reader *reader, struct trove__pkt *ret,
                              struct trove_error *err)
{
    for (;;) {
        size_t used = 0;
        int result = trove__pkt_parse(session->buffer + session->start,
                                      session->end - session->start, ret, &used);

        session->start += used;
        if (result == -EPROTO)
            return not_a_frame(session, err);
        if (result == 0)
            return 0;
        ssize_t got = fill(session, io, err);
        if (got < 0)
            return (int)got;
        if (got == 0)
            return ended_early(session, io, reader, err);
    }
}

int trove__session_end_answer(struct trove__session *session, struct trove__io *io,
                              struct trove_error *err)
{
    ssize_t got = 0;

    if (session->start == session->end && session->transport->stateless)
        got = fill(session, io, err);
    if (got < 0)
        return (int)got;
    if (session->start < session->end)
        return trove_error_set(err, -EPROTO, "the server's answer goes on behind its end");
    return 0;
}

int trove__session_send(struct trove__session *session, const struct trove_until *until,
                        struct trove__io *io, struct trove_error *err)
{
    trove__io_begin(io, until, session->options.low_speed_bytes,
                    session->options.low_speed_seconds);
    session->start = session->end = 0;
    session->answered = session->ended = false;
    session->said.code = 0;
    trove__add_relaxed(&session->counters.round_trips, 1);
    int result = session->transport->ops->send(session->transport, session->request.data,
                                               session->request.size, io, err);
    session->ended = is_end(result);
    return result;
}

int trove__session_finish(struct trove__session *session, int result, struct trove_error *why,
                          struct trove_error *err)
{
    if (result >= 0)
        return result;
    session->usable = session->transport->stateless;
    return trove__session_explain(session, result, why, err);
}
