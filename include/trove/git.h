// SPDX-License-Identifier: MIT
/*
 * trove/git.h - a git repository that is somewhere else, as a source of objects.
 *
 *     struct trove_git *git;
 *     trove_git_open("https://host/repo.git", NULL, NULL, &git, &err);
 *     options.hash = trove_git_hash(git);
 *     options.source = trove_git_source(git);
 *     trove_open(&options, &cache, &err);
 */
#ifndef TROVE_GIT_H
#define TROVE_GIT_H

#include <trove/cache.h>

struct trove_git;

/* How SHA-1 ids are computed: with or without looking for the traces of a collision attack. */
enum trove_git_sha1 {
    TROVE_GIT_SHA1_DEFAULT = 0, /* collision detection for networks, plain for local paths */
    TROVE_GIT_SHA1_PLAIN,
    TROVE_GIT_SHA1_DETECTING,
};

/* How a repository is spoken to; trove_git_options_init() first. The figures named are what it sets. */
struct trove_git_options {
    size_t struct_bytes; /* set by trove_git_options_init() */
    enum trove_git_sha1 sha1;
    uint32_t low_speed_bytes; /* a transfer below this many bytes a second ... 1000 */
    /* ... for this long fails with -ETIMEDOUT. 30; 0 switches the limit off */
    uint32_t low_speed_seconds;
    uint64_t max_pack_bytes;     /* 0: 64 GiB */
    uint64_t max_pack_objects;   /* 0: 100 million */
    uint64_t max_object_bytes;   /* 0: 2 GiB */
    uint64_t max_inflight_bytes; /* memory for packs under way, all requests together. 0: 64 MiB */
    /* sideband 2, made printable; may be NULL */
    void (*progress)(void *context, const char *text, size_t length);
    void *progress_context;
};

/* What was sent and received since the repository was opened. */
struct trove_git_stats {
    uint64_t requests;                   /* fetch commands sent */
    uint64_t round_trips;                /* commands and HTTP requests of every kind */
    uint64_t connections;                /* processes started or sockets opened */
    uint64_t sent_bytes, received_bytes; /* as the transport saw them */
    uint64_t pack_bytes, pack_objects;   /* of packs received */
    /* connecting; ls-refs; request to first pack byte; pack */
    uint64_t connect_ns, refs_ns, wait_ns, pack_ns;
};

TROVE_BEGIN_DECLS

/* Fills in the defaults. */
TROVE_API void trove_git_options_init(struct trove_git_options *options);

/*
 * In a child of fork() a repository, and a cache over it, go on working: with connections of the child's own, opened when they
 * are needed. The parent's are closed there without a word to the server, which notices nothing.
 */

/* Connects to URL (a path, file://, ssh://, host:path, git://, http://, https://) and learns what the server can do.
 * OPTIONS may be NULL. *RET_GIT is own: released by trove_git_close(), or by the cache once handed over as its source
 * (each of both must let go; the last one frees). Returns 0, -EINVAL (URL refused), -ENOTSUP (the server speaks an
 * older protocol), or the transport's error. */
TROVE_API TROVE_NODISCARD int trove_git_open(const char *url,
                                             const struct trove_git_options *options,
                                             const struct trove_until *until,
                                             struct trove_git **ret_git, struct trove_error *err);
TROVE_API void trove_git_close(struct trove_git *git); /* NULL is fine */

/* The hash that suits the repository; static storage. */
TROVE_API const struct trove_hash *trove_git_hash(const struct trove_git *git);

/* True when the server is a process on this machine, so that large batches cost little. */
TROVE_API bool trove_git_is_local(const struct trove_git *git);

/* True when the server takes filters. Without them a request for a part of a revision brings the whole. */
TROVE_API bool trove_git_can_filter(const struct trove_git *git);

/* No request that begins from now on goes past DEADLINE_NS (absolute, CLOCK_MONOTONIC; TROVE_NO_DEADLINE, as at first). For
 * who has one for all of it: a request for ids goes on when the deadlines of those who wait have passed, and knows none
 * of them. */
TROVE_API void trove_git_set_deadline(struct trove_git *git, int64_t deadline_ns);

/* GIT as a source, for trove_options.source; takes a reference of its own, which the cache gives back. */
TROVE_API struct trove_source trove_git_source(struct trove_git *git);

/* What GIT has sent and received so far. Any thread, at any time. */
TROVE_API void trove_git_stats(const struct trove_git *git, struct trove_git_stats *ret_stats);

/* One ref. NAME and SYMREF_TARGET ("" if none) are borrowed for the callback. */
struct trove_git_ref {
    const char *name;
    const char *symref_target;
    struct trove_oid id;
    struct trove_oid peeled; /* all zero: not an annotated tag */
};
typedef int (*trove_git_ref_fn)(void *context, const struct trove_git_ref *ref);

/* Lists refs that begin with one of PREFIXES (NULL-terminated array; NULL: all), calling FN in the server's order until
 * it returns non-zero, which is then returned. Returns 0 or a negative errno. */
TROVE_API int trove_git_refs(struct trove_git *git, const char *const *prefixes,
                             trove_git_ref_fn fn, void *context, const struct trove_until *until,
                             struct trove_error *err);

/* What a revision names. */
struct trove_git_revision {
    struct trove_oid id;     /* the object named */
    enum trove_type type;    /* its type, TROVE_ANY if not known without asking */
    struct trove_oid commit; /* the commit it was reached through, all zero if none */
    struct trove_oid
        peeled; /* of a tag that a ref names: what it stands for in the end; all zero if not known */
    bool is_ambiguous; /* several refs have that name: the first in git's order was taken */
};

/* Resolves REVISION: a ref name looked up in git's order, a full id, either followed by any of ~N ^ ^N ^{type} :path.
 * Objects on the way come through CACHE, whose source should be GIT. A full id alone is not checked for existence.
 * Returns 0, -ENOENT (no such revision or path), -ENOTSUP (cannot be answered remotely; *ERR says why), or the
 * transport's error. */
TROVE_API int trove_git_revision(struct trove_git *git, struct trove *cache, const char *revision,
                                 const struct trove_until *until, struct trove_git_revision *ret,
                                 struct trove_error *err);

TROVE_END_DECLS

#endif
