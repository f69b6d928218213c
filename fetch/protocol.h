// SPDX-License-Identifier: MIT
/*
 * protocol.h - git's protocol version 2 as pure parsers and builders. A parser takes one frame at a time and keeps its
 * state in the caller's memory; nothing here reads from a descriptor or allocates more than the command it builds.
 */
#ifndef TROVE_FETCH_PROTOCOL_H
#define TROVE_FETCH_PROTOCOL_H

#include "pktline.h"
#include "session.h"

#define TROVE__REF_MAX_BYTES 4096 /* of one name */
#define TROVE__ERROR_LINES 20     /* of what a server says, that come through */

/* What one answer may hold, so that no server makes us work or remember without end. */
struct trove__wire_limits {
    uint64_t max_caps, max_caps_bytes;
    uint64_t max_refs, max_refs_bytes;
    uint64_t max_lines;          /* of acknowledgments and shallow commits */
    uint64_t max_progress_bytes; /* of sideband 2 */
};
void trove__wire_limits_init(struct trove__wire_limits *limits); /* the defaults */

/* --- the advertisement --- */

struct trove__caps_reader {
    const struct trove__wire_limits *limits;
    struct trove__caps caps;
    uint64_t count, bytes;
    int state;
    bool allow_service; /* HTTP: a "# service=" message may come first */
};
/* Returns 1 when CAPS is complete, 0 when more is to come, -ENOTSUP (another protocol or object format), -EPROTO,
 * -EFBIG (a limit), -EIO (the server said ERR). */
int trove__caps_reader_feed(struct trove__caps_reader *reader, const struct trove__pkt *pkt,
                            struct trove_error *err);

/* --- ls-refs --- */

struct trove__refs_reader {
    const struct trove__wire_limits *limits;
    enum trove_algo algo;
    uint64_t count, bytes;
    char name[TROVE__REF_MAX_BYTES + 1], target[TROVE__REF_MAX_BYTES + 1];
};
/* Returns 1 when the list has ended, 0 when *RET is the next ref (its texts are the reader's), -EPROTO, -EFBIG, -EIO. */
int trove__refs_reader_feed(struct trove__refs_reader *reader, const struct trove__pkt *pkt,
                            struct trove_git_ref *ret, struct trove_error *err);

/* --- fetch --- */

enum trove__fetch_kind {
    TROVE__FETCH_NOTHING, /* nothing the caller needs to know */
    TROVE__FETCH_PACK,
    TROVE__FETCH_PROGRESS,
    TROVE__FETCH_SHALLOW,
    TROVE__FETCH_UNSHALLOW,
    TROVE__FETCH_END,
};
struct trove__fetch_item {
    enum trove__fetch_kind kind;
    const uint8_t *data; /* of PACK and PROGRESS; in the frame */
    size_t size;
    struct trove_oid id; /* of SHALLOW and UNSHALLOW */
};
struct trove__fetch_reader {
    const struct trove__wire_limits *limits;
    enum trove_algo algo;
    int state;
    uint64_t lines, progress_bytes;
    bool is_refused; /* after a failure: the server does not know this id */
    struct trove_oid refused;
};
/* Returns 0 and *RET; -EPROTO, -EFBIG, -EIO (the server said so), -ENOENT (the same, naming an id: REFUSED). */
int trove__fetch_reader_feed(struct trove__fetch_reader *reader, const struct trove__pkt *pkt,
                             struct trove__fetch_item *ret, struct trove_error *err);

/* --- which ids a server has --- */

enum { TROVE__ACK_NOTHING, TROVE__ACK_ID, TROVE__ACK_END };

struct trove__acks_reader {
    enum trove_algo algo;
    uint64_t most; /* ids that were asked for: no more lines come */
    int state;
    uint64_t lines;
};
/* Returns TROVE__ACK_ID when the server says that it has *RET, _NOTHING when more is to come, _END; -EPROTO (also when a
 * pack comes, which nobody asked for), -EFBIG, -EIO (the server said so). */
int trove__acks_reader_feed(struct trove__acks_reader *reader, const struct trove__pkt *pkt,
                            struct trove_oid *ret, struct trove_error *err);

/* The id that a server's complaint in TEXT says it does not know. */
bool trove__refused_id(enum trove_algo algo, const void *text, size_t size, struct trove_oid *ret);

/* -EIO with "the server says: TEXT", made visible and short. */
int trove__server_error(struct trove_error *err, const void *text, size_t size);

/* --- commands --- */

/* Each fills OUT (cleared first). Returns 0, -EINVAL (a prefix or filter with bytes it may not have; no wants),
 * -ENOTSUP (the server cannot do that), -ENOMEM. */
int trove__build_ls_refs(struct trove__bytes *out, const struct trove__caps *caps,
                         const char *const *prefixes, struct trove_error *err);
int trove__build_fetch(struct trove__bytes *out, const struct trove__caps *caps,
                       const struct trove__fetch_args *args, struct trove_error *err);
/* A fetch without wants or an end: the server says which of the ids it has, and nothing more. */
int trove__build_question(struct trove__bytes *out, const struct trove__caps *caps,
                          const struct trove_oid *ids, size_t count, struct trove_error *err);
/* What opens a git:// connection. PORT may be NULL. Returns 0 or -ENOMEM. */
int trove__build_git_request(struct trove__bytes *out, const char *path, const char *host,
                             const char *port);

#endif
