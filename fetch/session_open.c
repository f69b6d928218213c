// SPDX-License-Identifier: MIT
/*
 * session_open.c - how a session begins and ends: what its address means, which transport, what the server can do.
 */
#include "core/memory.h"
#include "session_internal.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

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
        result = trove__session_next_frame(session, io, NULL, &pkt, err);
        if (result == 0)
            result = trove__caps_reader_feed(&reader, &pkt, err);
    } while (result == 0);
    if (result < 0)
        return result;
    session->caps = reader.caps;
    return trove__session_end_answer(session, io, err);
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

/* *RET is 0 where nothing of sense is set. 0 or -ENOMEM. */
static int speed_setting(const struct trove__session *session, const char *variable,
                         const char *name, uint32_t *ret)
{
    const char *value = getenv(variable);
    char *end;
    unsigned long number;

    *ret = 0;
    if (value == NULL &&
        trove__git_config_http(&session->config, &session->url, name, false, &value) < 0)
        return -ENOMEM;
    if (value == NULL || *value < '0' || *value > '9')
        return 0;
    number = strtoul(value, &end, 10);
    if (*end == '\0' && number <= UINT32_MAX / 1000)
        *ret = (uint32_t)number;
    return 0;
}

/* What the user configured for git's http(s) counts instead of our own limit, if it is one. */
static int learn_low_speed(struct trove__session *session)
{
    uint32_t bytes, seconds;

    if (speed_setting(session, "GIT_HTTP_LOW_SPEED_LIMIT", "lowspeedlimit", &bytes) < 0 ||
        speed_setting(session, "GIT_HTTP_LOW_SPEED_TIME", "lowspeedtime", &seconds) < 0)
        return -ENOMEM;
    if (bytes != 0 && seconds != 0) {
        session->options.low_speed_bytes = bytes;
        session->options.low_speed_seconds = seconds;
    }
    return 0;
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
        if (learn_low_speed(session) < 0)
            return trove_error_set(err, -ENOMEM, "no memory for git's configuration");
        trove__io_begin(io, &until, session->options.low_speed_bytes,
                        session->options.low_speed_seconds);
    }
    trove__add_relaxed(&session->counters.round_trips, 1);
    result = connect_to(session, io, &why);
    if (result == 0)
        result = read_caps(session, io, &why);
    trove__add_relaxed(&session->counters.connect_ns, (uint64_t)(trove_now_ns() - start));
    return result < 0 ? trove__session_explain(session, result, &why, err) : 0;
}

/* A session that is not connected yet, or NULL. */
static struct trove__session *new_session(const struct trove__session_options *options)
{
    struct trove__session *session = trove__calloc(1, sizeof(*session));

    if (session == NULL)
        return NULL;
    session->options = *options;
    trove__wire_limits_init(&session->limits);
    session->buffer = trove__malloc(TROVE__SESSION_BUFFER_BYTES);
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
        trove__session_explain(session, result, &why, err);
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
