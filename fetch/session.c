// SPDX-License-Identifier: MIT
/*
 * session.c - a conversation in protocol v2 with one repository: frames read off a transport, fed to the parsers.
 */
#include "session.h"
#include "core/memory.h"
#include "protocol.h"
#include "transport.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUFFER_BYTES (256 << 10) /* some frames, so that one read brings several */

struct trove__session {
    struct trove__url url;
    struct trove__git_config config;
    struct trove__session_options options;
    struct trove__wire_limits limits;
    struct trove__transport *transport;
    struct trove__caps caps;
    struct trove__wire_counters counters;
    struct trove__bytes request;
    uint8_t *buffer; /* BUFFER_BYTES; start..end is read and not yet parsed */
    size_t start, end;
    bool usable;
    bool answered;           /* a byte came since the last command was sent */
    bool ended;              /* the connection has ended by itself */
    struct trove_error said; /* the server's own words on the last command; code 0: none */
};

/* --- errors ------------------------------------------------------------------------------------------------------ */

/* Makes *ERR of WHY (code 0: nobody said why): the repository in front of the message, the password out of it. */
static int explain(const struct trove__session *session, int code, struct trove_error *why,
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
                                                BUFFER_BYTES - left, io, err);
    if (got > 0) {
        session->end += (size_t)got;
        session->answered = true;
    }
    session->ended = got == 0 || got == -EIO || is_end(got);
    return got;
}

/* The next frame; it lives until the next call. READER: of a fetch, else NULL. */
static int next_frame(struct trove__session *session, struct trove__io *io,
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

/* After the last frame of an answer: a stateless one must end there, and no other may hold more. */
static int end_answer(struct trove__session *session, struct trove__io *io, struct trove_error *err)
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

/* Begins a command: sends what REQUEST holds, within UNTIL. The buffer is empty between commands. */
static int send_command(struct trove__session *session, const struct trove_until *until,
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

/* Ends a command: after a failure only a stateless connection may be used again. */
static int finish(struct trove__session *session, int result, struct trove_error *why,
                  struct trove_error *err)
{
    if (result >= 0)
        return result;
    session->usable = session->transport->stateless;
    return explain(session, result, why, err);
}

/* --- opening ----------------------------------------------------------------------------------------------------- */

static int connect_to(struct trove__session *session, struct trove__io *io, struct trove_error *err)
{
    const struct trove__connect connect = {.url = &session->url,
                                           .config = &session->config,
                                           .logins = session->options.logins,
                                           .counters = &session->counters};

    switch (session->url.scheme) {
    case TROVE__GIT:
        return trove__tcp_open(&connect, io, &session->transport, err);
    case TROVE__HTTP:
    case TROVE__HTTPS:
        return trove__http_open(&connect, io, &session->transport, err);
    default:
        return trove__process_open(&connect, io, &session->transport, err);
    }
}

static int read_caps(struct trove__session *session, struct trove__io *io, struct trove_error *err)
{
    struct trove__caps_reader reader = {.limits = &session->limits,
                                        .allow_service = session->transport->stateless};
    struct trove__pkt pkt;
    int result;

    do {
        result = next_frame(session, io, NULL, &pkt, err);
        if (result == 0)
            result = trove__caps_reader_feed(&reader, &pkt, err);
    } while (result == 0);
    if (result < 0)
        return result;
    session->caps = reader.caps;
    return end_answer(session, io, err);
}

/* A path that is there is itself: no configuration can mean another, and asking git for it would cost a process. */
static int find_url(struct trove__session *session, const char *text, struct trove__io *io,
                    struct trove_error *err)
{
    struct stat found;
    char *rewritten = NULL;
    int result;

    if (stat(text, &found) == 0)
        return trove__url_parse(text, &session->url, err);
    result = trove__git_config_load(io, &session->config, err);
    if (result < 0)
        return result;
    if (trove__git_config_rewrite(&session->config, text, &rewritten) < 0)
        return trove_error_set(err, -ENOMEM, "no memory for the repository's address");
    result = trove__url_parse(rewritten, &session->url, err);
    trove__free(rewritten);
    return result;
}

static uint32_t speed_setting(const struct trove__session *session, const char *variable,
                              const char *name)
{
    const char *value = getenv(variable);
    char *end;
    unsigned long number;

    if (value == NULL)
        value = trove__git_config_http(&session->config, &session->url, name, false);
    if (value == NULL || *value < '0' || *value > '9')
        return 0;
    number = strtoul(value, &end, 10);
    return *end == '\0' && number <= UINT32_MAX / 1000 ? (uint32_t)number : 0;
}

/* What the user configured for git's http(s) counts instead of our own limit, if it is one. */
static void learn_low_speed(struct trove__session *session)
{
    uint32_t bytes = speed_setting(session, "GIT_HTTP_LOW_SPEED_LIMIT", "lowspeedlimit");
    uint32_t seconds = speed_setting(session, "GIT_HTTP_LOW_SPEED_TIME", "lowspeedtime");

    if (bytes == 0 || seconds == 0)
        return;
    session->options.low_speed_bytes = bytes;
    session->options.low_speed_seconds = seconds;
}

static int open_session(struct trove__session *session, const char *url, struct trove__io *io,
                        struct trove_error *err)
{
    int64_t start = trove_now_ns();
    struct trove_error why = {0};
    int result = find_url(session, url, io, err);

    if (result < 0)
        return result;
    if (session->url.scheme == TROVE__HTTP || session->url.scheme == TROVE__HTTPS) {
        const struct trove_until until = io->until;
        learn_low_speed(session);
        trove__io_begin(io, &until, session->options.low_speed_bytes,
                        session->options.low_speed_seconds);
    }
    trove__add_relaxed(&session->counters.round_trips, 1);
    result = connect_to(session, io, &why);
    if (result == 0)
        result = read_caps(session, io, &why);
    trove__add_relaxed(&session->counters.connect_ns, (uint64_t)(trove_now_ns() - start));
    return result < 0 ? explain(session, result, &why, err) : 0;
}

/* A session that is not connected yet, or NULL. */
static struct trove__session *new_session(const struct trove__session_options *options)
{
    struct trove__session *session = trove__calloc(1, sizeof(*session));

    if (session == NULL)
        return NULL;
    session->options = *options;
    trove__wire_limits_init(&session->limits);
    session->buffer = trove__malloc(BUFFER_BYTES);
    if (session->buffer != NULL)
        return session;
    trove__free(session);
    return NULL;
}

int trove__session_open(const char *url, const struct trove__session_options *options,
                        const struct trove_until *until, struct trove__session **ret,
                        struct trove_error *err)
{
    struct trove__session *session = new_session(options);
    struct trove__io io;
    int result;

    if (session == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a connection");
    trove__io_begin(&io, until, options->low_speed_bytes, options->low_speed_seconds);
    result = open_session(session, url, &io, err);
    if (result < 0) {
        trove__session_close(session);
        return result;
    }
    session->usable = true;
    *ret = session;
    return 0;
}

int trove__session_over(struct trove__transport *transport,
                        const struct trove__session_options *options,
                        const struct trove__wire_limits *limits, const struct trove_until *until,
                        struct trove__session **ret, struct trove_error *err)
{
    struct trove__session *session = new_session(options);
    struct trove_error why = {0};
    struct trove__io io;
    int result;

    if (session == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a connection");
    if (limits != NULL)
        session->limits = *limits;
    transport->counters = &session->counters;
    session->transport = transport;
    trove__io_begin(&io, until, options->low_speed_bytes, options->low_speed_seconds);
    result = read_caps(session, &io, &why);
    if (result < 0) {
        explain(session, result, &why, err);
        session->transport = NULL; /* still the caller's */
        trove__session_close(session);
        return result;
    }
    session->usable = true;
    *ret = session;
    return 0;
}

void trove__session_close(struct trove__session *session)
{
    if (session == NULL)
        return;
    if (session->transport != NULL)
        session->transport->ops->close(session->transport, session->usable);
    trove__bytes_free(&session->request);
    trove__git_config_clear(&session->config);
    trove__url_clear(&session->url);
    trove__free(session->buffer);
    trove__free(session);
}

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
    return explain(session, trove_error_set(&why, -EIO, "the connection is broken"), &why, err);
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
        result = next_frame(session, io, NULL, &pkt, err);
        if (result == 0)
            result = trove__refs_reader_feed(reader, &pkt, &ref, err);
        if (result == 0 && call->stopped == 0) /* the rest is read past, to keep the connection */
            call->stopped = call->fn(call->context, &ref);
    } while (result == 0);
    trove__free(reader);
    return result < 0 ? result : end_answer(session, io, err);
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
    result = send_command(session, until, &io, &why);
    if (result == 0)
        result = read_refs(session, &call, &io, &why);
    if (result == 0 && call.stopped != 0)
        return call.stopped;
    return finish(session, result, &why, err);
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
        result = next_frame(session, io, reader, &pkt, err);
        if (result == 0)
            result = hear(session, trove__fetch_reader_feed(reader, &pkt, &item, err), err);
        if (result == 0)
            result = hand_over(events, &item, io, err);
    }
    return result != 0 ? result : end_answer(session, io, err);
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
    result = send_command(session, until, &io, &why);
    if (result == 0)
        result = read_fetch(session, &reader, events, &io, &why);
    if (result == 0)
        session->ended = false; /* after a whole answer that is no harm */
    if (result < 0 && reader.is_refused && ret_refused != NULL)
        *ret_refused = reader.refused;
    if (ret_is_refused != NULL)
        *ret_is_refused = result < 0 && reader.is_refused;
    return finish(session, result > 0 ? -EIO : result, &why, err);
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
    result = send_command(session, until, &io, &why);
    while (result == 0) {
        result = next_frame(session, &io, NULL, &pkt, &why);
        if (result == 0)
            result = trove__acks_reader_feed(&reader, &pkt, &id, &why);
        if (result == TROVE__ACK_ID) {
            has(context, &id);
            result = 0;
        }
    }
    if (result == TROVE__ACK_END)
        result = end_answer(session, &io, &why);
    return finish(session, result, &why, err);
}
