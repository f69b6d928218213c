// SPDX-License-Identifier: MIT
/*
 * session.c - a conversation in protocol v2 with one repository: its commands, each sent and heard to the end.
 */
#include "core/memory.h"
#include "session_internal.h"
#include <errno.h>

const struct trove__caps *trove__session_caps(const struct trove__session *session)
{
    return &session->caps;
}

bool trove__session_usable(const struct trove__session *session)
{
    return session->usable;
}

bool trove__session_is_gone(const struct trove__session *session)
{
    return session->ended && !session->answered && !session->transport->stateless;
}

bool trove__session_broke_off(const struct trove__session *session)
{
    return session->ended && (session->answered || session->said.code == 0);
}

const char *trove__session_said(const struct trove__session *session)
{
    return session->said.code != 0 ? session->said.message : "";
}

bool trove__session_is_stateless(const struct trove__session *session)
{
    return session->transport->stateless;
}

bool trove__session_is_local(const struct trove__session *session)
{
    return session->transport->local;
}

void trove__session_stats(const struct trove__session *session, struct trove__session_stats *ret)
{
    const struct trove__wire_counters *counters = &session->counters;

    ret->round_trips = trove__load_relaxed(&counters->round_trips);
    ret->connections = trove__load_relaxed(&counters->connections);
    ret->sent_bytes = trove__load_relaxed(&counters->sent_bytes);
    ret->received_bytes = trove__load_relaxed(&counters->received_bytes);
    ret->connect_ns = trove__load_relaxed(&counters->connect_ns);
}

/* --- commands ---------------------------------------------------------------------------------------------------- */

static int check_usable(const struct trove__session *session, struct trove_error *err)
{
    struct trove_error why;

    if (session->usable)
        return 0;
    return trove__session_explain(session, trove_error_set(&why, -EIO, "the connection is broken"),
                                  &why, err);
}

struct refs_call {
    trove_git_ref_fn fn;
    void *context;
    int stopped; /* what FN returned */
};

static int read_refs(struct trove__session *session, struct refs_call *call, struct trove__io *io,
                     struct trove_error *err)
{
    struct trove__refs_reader *reader = trove__malloc(sizeof(*reader));
    struct trove__pkt pkt;
    struct trove_git_ref ref;
    int result;

    if (reader == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for refs");
    reader->limits = &session->limits;
    reader->algo = session->caps.algo;
    reader->count = reader->bytes = 0;
    do {
        result = trove__session_next_frame(session, io, NULL, &pkt, err);
        if (result == 0)
            result = trove__refs_reader_feed(reader, &pkt, &ref, err);
        if (result == 0 && call->stopped == 0) /* the rest is read past, to keep the connection */
            call->stopped = call->fn(call->context, &ref);
    } while (result == 0);
    trove__free(reader);
    return result < 0 ? result : trove__session_end_answer(session, io, err);
}

int trove__session_ls_refs(struct trove__session *session, const char *const *prefixes,
                           trove_git_ref_fn fn, void *context, const struct trove_until *until,
                           struct trove_error *err)
{
    struct refs_call call = {.fn = fn, .context = context};
    struct trove_error why = {0};
    struct trove__io io;
    int result = check_usable(session, err);

    if (result == 0)
        result = trove__build_ls_refs(&session->request, &session->caps, prefixes, err);
    if (result < 0)
        return result;
    result = trove__session_send(session, until, &io, &why);
    if (result == 0)
        result = read_refs(session, &call, &io, &why);
    if (result == 0 && call.stopped != 0)
        return call.stopped;
    return trove__session_finish(session, result, &why, err);
}

/* Hands one item over. Chatter does not count as speed. */
static int hand_over(const struct trove__fetch_events *events, const struct trove__fetch_item *item,
                     struct trove__io *io, struct trove_error *err)
{
    switch (item->kind) {
    case TROVE__FETCH_PACK:
        if (item->size > 0)
            return events->pack(events->context, item->data, item->size, err);
        trove__io_count(io, -(TROVE__PKT_HEADER_BYTES + 1));
        return 0;
    case TROVE__FETCH_PROGRESS:
        trove__io_count(io, -(int64_t)(TROVE__PKT_HEADER_BYTES + 1 + item->size));
        if (events->progress != NULL)
            events->progress(events->context, (const char *)item->data, item->size);
        return 0;
    case TROVE__FETCH_SHALLOW:
    case TROVE__FETCH_UNSHALLOW:
        if (events->shallow == NULL)
            return 0;
        return events->shallow(events->context, &item->id, item->kind == TROVE__FETCH_UNSHALLOW);
    default:
        return 0;
    }
}

/* Remembers what the server says, if that is what RESULT of a frame means. */
static int hear(struct trove__session *session, int result, const struct trove_error *err)
{
    if (result == -EIO || result == -ENOENT)
        session->said = *err;
    return result;
}

static int read_fetch(struct trove__session *session, struct trove__fetch_reader *reader,
                      const struct trove__fetch_events *events, struct trove__io *io,
                      struct trove_error *err)
{
    struct trove__fetch_item item = {.kind = TROVE__FETCH_NOTHING};
    struct trove__pkt pkt;
    int result = 0;

    while (result == 0 && item.kind != TROVE__FETCH_END) {
        result = trove__session_next_frame(session, io, reader, &pkt, err);
        if (result == 0)
            result = hear(session, trove__fetch_reader_feed(reader, &pkt, &item, err), err);
        if (result == 0)
            result = hand_over(events, &item, io, err);
    }
    return result != 0 ? result : trove__session_end_answer(session, io, err);
}

int trove__session_fetch(struct trove__session *session, const struct trove__fetch_args *args,
                         const struct trove__fetch_events *events, const struct trove_until *until,
                         struct trove_oid *ret_refused, bool *ret_is_refused,
                         struct trove_error *err)
{
    struct trove__fetch_reader reader = {.limits = &session->limits, .algo = session->caps.algo};
    struct trove_error why = {0};
    struct trove__io io;
    int result = check_usable(session, err);

    if (ret_is_refused != NULL)
        *ret_is_refused = false;
    if (result == 0)
        result = trove__build_fetch(&session->request, &session->caps, args, err);
    if (result < 0)
        return result;
    result = trove__session_send(session, until, &io, &why);
    if (result == 0)
        result = read_fetch(session, &reader, events, &io, &why);
    if (result == 0)
        session->ended = false; /* after a whole answer that is no harm */
    if (result < 0 && reader.is_refused && ret_refused != NULL)
        *ret_refused = reader.refused;
    if (ret_is_refused != NULL)
        *ret_is_refused = result < 0 && reader.is_refused;
    return trove__session_finish(session, result > 0 ? -EIO : result, &why, err);
}

int trove__session_ask(struct trove__session *session, const struct trove_oid *ids, size_t count,
                       void (*has)(void *context, const struct trove_oid *id), void *context,
                       const struct trove_until *until, struct trove_error *err)
{
    struct trove__acks_reader reader = {.algo = session->caps.algo, .most = count};
    struct trove_error why = {0};
    struct trove__pkt pkt;
    struct trove_oid id;
    struct trove__io io;
    int result = check_usable(session, err);

    if (result == 0)
        result = trove__build_question(&session->request, &session->caps, ids, count, err);
    if (result < 0)
        return result;
    result = trove__session_send(session, until, &io, &why);
    while (result == 0) {
        result = trove__session_next_frame(session, &io, NULL, &pkt, &why);
        if (result == 0)
            result = trove__acks_reader_feed(&reader, &pkt, &id, &why);
        if (result == TROVE__ACK_ID) {
            has(context, &id);
            result = 0;
        }
    }
    if (result == TROVE__ACK_END)
        result = trove__session_end_answer(session, &io, &why);
    return trove__session_finish(session, result, &why, err);
}
