// SPDX-License-Identifier: MIT
/*
 * transport.h - bytes to and from a server. A transport carries requests out and answers back and knows nothing of what
 * is in them. All calls come from one thread at a time; each ends at the deadline, the token or the low-speed limit of
 * IO. To add one: its open call here, one row in connect_to() of session.c, one in the conformance tests.
 */
#ifndef TROVE_FETCH_TRANSPORT_H
#define TROVE_FETCH_TRANSPORT_H

#include "core/order.h"
#include "git_config.h"
#include "io.h"
#include "protocol.h"
#include "url.h"
#include <sys/types.h>

/* RELAXED everywhere: figures for people, read at any time by any thread; nothing is handed over by them. */
struct trove__wire_counters {
    _Atomic uint64_t round_trips, connections, sent_bytes, received_bytes, connect_ns;
};

struct trove__transport;
struct trove__transport_ops {
    /* Sends BODY as one request. A peer that no longer listens is no failure here: what it has to say is read next. */
    int (*send)(struct trove__transport *transport, const void *body, size_t size,
                struct trove__io *io, struct trove_error *err);
    /* Up to SIZE bytes of the answer. Returns their count, 0 at the end of answer or connection, a negative errno. */
    ssize_t (*read)(struct trove__transport *transport, void *buffer, size_t size,
                    struct trove__io *io, struct trove_error *err);
    /* After an unexpected end: what the peer said elsewhere (standard error, exit status, a page), made visible. */
    void (*complaint)(struct trove__transport *transport, struct trove__io *io, char *ret_text,
                      size_t capacity);
    /* Frees. POLITE: the conversation is at rest, so the peer may be told that it ends. */
    void (*close)(struct trove__transport *transport, bool polite);
};

struct trove__transport {
    const struct trove__transport_ops *ops;
    struct trove__wire_counters *counters;
    const char *secret; /* a password in use, which no message may hold; NULL if none */
    bool local;         /* a process that we started, on a repository of this machine */
    bool
        stateless; /* each request stands alone: end of file ends its answer, failures harm no other */
};

struct trove__connect {
    struct trove__url *url; /* http: follows a redirect */
    const struct trove__git_config *config;
    struct trove__logins *logins; /* may be NULL */
    struct trove__wire_counters *counters;
};

/* Each connects and asks for the advertisement, which is read next. *RET is own: ops->close(). */
int trove__process_open(const struct trove__connect *connect, struct trove__io *io,
                        struct trove__transport **ret, struct trove_error *err);
int trove__tcp_open(const struct trove__connect *connect, struct trove__io *io,
                    struct trove__transport **ret, struct trove_error *err);
int trove__http_open(const struct trove__connect *connect, struct trove__io *io,
                     struct trove__transport **ret, struct trove_error *err);

/* A session over TRANSPORT, whose advertisement is read next: what trove__session_open() does once it has found and
 * connected one. LIMITS NULL: the defaults. TRANSPORT is given on success. */
int trove__session_over(struct trove__transport *transport,
                        const struct trove__session_options *options,
                        const struct trove__wire_limits *limits, const struct trove_until *until,
                        struct trove__session **ret, struct trove_error *err);

#endif
