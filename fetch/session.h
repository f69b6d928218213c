// SPDX-License-Identifier: MIT
/*
 * session.h - a conversation in protocol v2 with one repository, over any transport: capabilities, ls-refs, fetch.
 * One thread at a time. Knows nothing of packs beyond carrying their bytes.
 */
#ifndef TROVE_FETCH_SESSION_H
#define TROVE_FETCH_SESSION_H

#include <trove/git.h>

struct trove__session;
struct trove__logins;

struct trove__session_options {
    uint32_t low_speed_bytes, low_speed_seconds;
    struct trove__logins *logins; /* what other connections know; borrowed; may be NULL */
};

/* What the server advertised. */
struct trove__caps {
    enum trove_algo algo;
    bool ls_refs, fetch, filter, shallow, object_info;
    bool ref_in_want, sideband_all, unborn, wait_for_done;
    bool object_format; /* advertised, and so named in every command */
    char agent[128];
};

/* One fetch command. */
struct trove__fetch_args {
    const struct trove_oid *wants;
    size_t want_count;
    const struct trove_oid *haves, *shallows; /* haves imply thin-pack */
    size_t have_count, shallow_count;
    const char *filter; /* NULL: none */
    uint32_t depth;     /* 0: none */
    bool progress;
};

/* What comes back, on the calling thread. A non-zero result ends the command with that error. */
struct trove__fetch_events {
    void *context;
    int (*pack)(void *context, const void *bytes, size_t size, struct trove_error *err);
    void (*progress)(void *context, const char *text, size_t size); /* raw bytes; may be NULL */
    int (*shallow)(void *context, const struct trove_oid *id, bool unshallow); /* may be NULL */
};

/* Adds of counters are relaxed atomics: read them at any time. */
struct trove__session_stats {
    uint64_t round_trips, connections, sent_bytes, received_bytes, connect_ns;
};

/* Checks URL, connects, reads the capabilities. */
int trove__session_open(const char *url, const struct trove__session_options *options,
                        const struct trove_until *until, struct trove__session **ret,
                        struct trove_error *err);
const struct trove__caps *trove__session_caps(const struct trove__session *session);

/* ls-refs with peel, symrefs and PREFIXES (NULL-terminated; NULL: all). */
int trove__session_ls_refs(struct trove__session *session, const char *const *prefixes,
                           trove_git_ref_fn fn, void *context, const struct trove_until *until,
                           struct trove_error *err);

/* Sends one fetch command with `done` and reads its answer to the end. When the server names one id as unknown
 * ("not our ref ID"), *RET_REFUSED (may be NULL) is set to it, *RET_IS_REFUSED to true and -ENOENT returned. After any
 * failure trove__session_usable() tells whether another command may follow. */
int trove__session_fetch(struct trove__session *session, const struct trove__fetch_args *args,
                         const struct trove__fetch_events *events, const struct trove_until *until,
                         struct trove_oid *ret_refused, bool *ret_is_refused,
                         struct trove_error *err);
/* Asks which of COUNT ids (at least 1) the server has; no pack comes. HAS hears each that it acknowledges, and it may be any.
 * Returns 0 when all was heard, -ENOTSUP when the server would not wait for `done`, or as a failed fetch. */
int trove__session_ask(struct trove__session *session, const struct trove_oid *ids, size_t count,
                       void (*has)(void *context, const struct trove_oid *id), void *context,
                       const struct trove_until *until, struct trove_error *err);
bool trove__session_usable(const struct trove__session *session);
/* True when the connection ended instead of answering the last command: one that was idle before may have died then,
 * which says nothing about the command. */
bool trove__session_is_gone(const struct trove__session *session);
/* True when it ended in the middle of the last command's answer, or before it without a word of the server. */
bool trove__session_broke_off(const struct trove__session *session);
/* What the server itself said against the last fetch, and nothing of ours (such as the address, which may hold any word);
 * "": nothing. Borrowed until the next command. */
const char *trove__session_said(const struct trove__session *session);
/* True when each command stands alone: the peer remembers nothing, not even what its disk looked like before. */
bool trove__session_is_stateless(const struct trove__session *session);
bool trove__session_is_local(
    const struct trove__session *session); /* a process we started on this machine */
void trove__session_stats(const struct trove__session *session, struct trove__session_stats *ret);

/* Closes the connection; a child process is gone when this returns. NULL is fine. */
void trove__session_close(struct trove__session *session);

#endif
