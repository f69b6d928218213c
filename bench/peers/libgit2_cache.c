// SPDX-License-Identifier: MIT
/*
 * libgit2_cache.c - libgit2's object cache, which each of its object databases has, through git_odb_read().
 *
 * Configuration  an object database with one backend in memory, which makes whatever object is asked for, so that a lookup which
 *                the cache cannot answer costs next to nothing more; no hash of contents is verified; blobs are cached, which is
 *                not the default, and the cache's limit is far away but while the table is turned over. Its hash is the id's
 *                first bytes: it takes no other.
 * Replacing      reads a new object; past its limit the cache lets eight go, whichever stand next in its table.
 * Large tables   not measured: at 2^20 objects a replacement took 37 us, so ten turnovers six minutes.
 * Reclamation    its own: each object has a reference count, taken and given back by each lookup, under a lock.
 */
#include <git2.h>
#include <git2/sys/odb_backend.h>

#include "bench/peers.h"

#define FAR_AWAY ((ssize_t)1 << 40)

static inline size_t find_size(struct peer_lane *lane, const struct trove_oid *id)
{
    git_odb_object *object;
    size_t size;

    if (git_odb_read(&object, lane->table, (const git_oid *)(const void *)id->bytes) != 0)
        return 0;
    size = git_odb_object_size(object);
    git_odb_object_free(object);
    return size;
}

static inline void section_begin(struct peer_lane *lane)
{
    (void)lane;
}

static inline void section_end(struct peer_lane *lane)
{
    (void)lane;
}

static _Thread_local bool backend_has_it; /* what is asked for now is an object */

static void git2_add(struct peer_lane *lane, uint64_t n)
{
    struct trove_oid id = bench_id(n);

    backend_has_it = true;
    if (find_size(lane, &id) != BENCH_OBJECT_BYTES)
        peer_die("libgit2", "git_odb_read");
    backend_has_it = false;
}

static void replace_one(struct peer_lane *lane, uint64_t old, uint64_t n)
{
    (void)old;
    git2_add(lane, n);
}

#include "bench/peer_loops.h"

static int backend_read(void **ret_data, size_t *ret_size, git_object_t *ret_type,
                        git_odb_backend *backend, const git_oid *id)
{
    (void)id;
    if (!backend_has_it)
        return GIT_ENOTFOUND;
    *ret_data = git_odb_backend_data_alloc(backend, BENCH_OBJECT_BYTES);
    if (*ret_data == NULL)
        return -1;
    memset(*ret_data, 0, BENCH_OBJECT_BYTES);
    *ret_size = BENCH_OBJECT_BYTES;
    *ret_type = GIT_OBJECT_BLOB;
    return 0;
}

static int backend_exists(git_odb_backend *backend, const git_oid *id)
{
    (void)backend;
    (void)id;
    return 0;
}

static void backend_free(git_odb_backend *backend)
{
    free(backend);
}

static void *git2_open(size_t objects)
{
    git_odb_backend *backend = calloc(1, sizeof(*backend));
    git_odb *odb;

    (void)objects; /* it cannot be presized */
    git_libgit2_init();
    if (backend == NULL || git_odb_init_backend(backend, GIT_ODB_BACKEND_VERSION) != 0 ||
        git_odb_new(&odb) != 0)
        peer_die("libgit2", "git_odb_new");
    backend->read = backend_read;
    backend->exists = backend_exists;
    backend->free = backend_free;
    if (git_odb_add_backend(odb, backend, 1) != 0 ||
        git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0) != 0 ||
        git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_BLOB, (size_t)1024) != 0 ||
        git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, FAR_AWAY) != 0)
        peer_die("libgit2", "options");
    return odb;
}

/* While objects are turned over, the cache is at its limit. */
static void git2_turn(struct peer_lane *lane, uint64_t old, uint64_t n)
{
    if (lane->own == NULL) {
        ssize_t now, allowed;

        git_libgit2_opts(GIT_OPT_GET_CACHED_MEMORY, &now, &allowed);
        git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, now);
        lane->own = lane;
    }
    replace_one(lane, old, n);
}

static void git2_warm(struct peer_lane *lane, const uint64_t *numbers, size_t count)
{
    git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, FAR_AWAY);
    for (size_t i = 0; i < count; i++)
        git2_add(lane, numbers[i]);
}

static struct peer libgit2_cache = {
    .name = "libgit2",
    .rank = 60,
    .traits = PEER_GROWS | PEER_WRITERS | PEER_RECLAIMS | PEER_EVICTS | PEER_SMALL,
    .open = git2_open,
    .add = git2_add,
    .replace = replace_one,
    .turn = git2_turn,
    .warm = git2_warm,
    PEER_LOOPS,
};

PEER_REGISTER(libgit2_cache)
