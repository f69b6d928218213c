// SPDX-License-Identifier: MIT
/*
 * trees.c - trees for a walk: pins on those that came early, a stream for those that did not.
 */
#include "trees.h"
#include "fetch/commit.h"
#include "fetch/tag.h"
#include <errno.h>
#include <string.h>

enum { TAG_CHAIN_MAX = 256 };

int trove__trees_init(struct trove__trees *trees, struct trove *cache, struct trove_fetch *within,
                      const struct trove_until *until, struct trove_error *err)
{
    *trees = (struct trove__trees){.cache = cache, .until = until};
    return trove_stream_open(cache, within, &trees->stream, err);
}

void trove__trees_deinit(struct trove__trees *trees)
{
    while (trees->ready_count > 0)
        trove_unpin(trees->ready[--trees->ready_count]);
    trove_stream_close(trees->stream);
    trees->stream = NULL;
}

/* Takes the tree ID out of those that came early. */
static struct trove_object *take_ready(struct trove__trees *trees, const struct trove_oid *id)
{
    for (size_t i = 0; i < trees->ready_count; i++) {
        struct trove_object *tree = trees->ready[i];
        struct trove_oid have = trove_object_id(tree);
        if (trove_oid_equal(&have, id)) {
            trees->ready[i] = trees->ready[--trees->ready_count];
            return tree;
        }
    }
    return NULL;
}

static void keep_ready(struct trove__trees *trees, struct trove_object *tree)
{
    if (trees->ready_count == TROVE__TREES_READY)
        trove_unpin(trees->ready[--trees->ready_count]);
    trees->ready[trees->ready_count++] = tree;
}

static struct trove_object *ready(void *context, const struct trove_oid *id)
{
    struct trove__trees *trees = context;
    const struct trove_object *cached;
    struct trove_object *tree = take_ready(trees, id);

    if (tree != NULL)
        return tree;
    trove_read_lock();
    if (trove_get(trees->cache, id, &cached) == 0)
        tree = trove_pin(cached);
    trove_read_unlock();
    return tree;
}

static int add_wants(struct trove__trees *trees, const struct trove_oid *ids, size_t count,
                     enum trove_type type)
{
    struct trove_want wants[TROVE__WALK_AHEAD];
    uintptr_t tags[TROVE__WALK_AHEAD];

    for (size_t i = 0; i < count; i++) {
        wants[i] = (struct trove_want){.id = ids[i], .type = type};
        tags[i] = 0;
    }
    return trove_stream_add(trees->stream, wants, tags, count, trees->until);
}

/* Takes answers until ID is among them. Those of earlier calls may come too, and failures of what was asked for ahead are
 * nobody's yet: it is asked for again when its turn comes. */
static int await(struct trove__trees *trees, const struct trove_oid *id, struct trove_object **ret,
                 struct trove_error *err)
{
    struct trove_error last = {.code = 0};
    struct trove_result result;
    int r, status = -EIO;

    while ((r = trove_stream_next(trees->stream, trees->until, &result, &last)) == 1) {
        struct trove_oid have;
        if (result.status < 0) {
            status = result.status;
            continue;
        }
        have = trove_object_id(result.object);
        if (trove_oid_equal(&have, id)) {
            *ret = result.object;
            return 0;
        }
        keep_ready(trees, result.object);
    }
    if (r < 0)
        status = r;
    if (last.code == 0)
        trove_error_set(&last, status, "%s", trove_strerror(status));
    if (err != NULL)
        *err = last;
    return status;
}

static int ask(struct trove__trees *trees, const struct trove_oid *ids, size_t count,
               enum trove_type type, struct trove_object **ret, struct trove_error *err)
{
    int r;

    if (trees->cached_only)
        return trove_error_set(err, -ENOENT, "not cached");
    r = trees->before_wait != NULL ? trees->before_wait(trees->wait_context) : 0;
    if (r < 0)
        return r;
    r = add_wants(trees, ids, count, type);
    if (r < 0)
        return trove_error_set(err, r, "asking for trees: %s", trove_strerror(r));
    return await(trees, &ids[0], ret, err);
}

static int bring(void *context, const struct trove_oid *ids, size_t count,
                 struct trove_object **ret, struct trove_error *err)
{
    struct trove__trees *trees = context;
    int r = ask(trees, ids, count, TROVE_TREE, ret, err);

    /* What was asked for ahead may have spoilt it for the first: once more, alone. */
    if (r < 0 && count > 1 && !trees->cached_only && r != -ECANCELED && r != -ETIMEDOUT)
        r = ask(trees, ids, 1, TROVE_TREE, ret, err);
    return r;
}

struct trove__walk_trees trove__trees_supplier(struct trove__trees *trees)
{
    return (struct trove__walk_trees){.context = trees, .ready = ready, .bring = bring};
}

int trove__trees_object(struct trove__trees *trees, const struct trove_oid *id,
                        enum trove_type type, struct trove_object **ret, struct trove_error *err)
{
    *ret = ready(trees, id);
    return *ret != NULL ? 0 : ask(trees, id, 1, type, ret, err);
}

/* What OBJECT leads to: a tag to its target, a commit to its tree. */
static int lead_on(enum trove_algo algo, const struct trove_object *object, struct trove_want *next,
                   struct trove_error *err)
{
    const void *data = trove_object_data(object);
    size_t size = trove_object_size(object);
    struct trove__commit commit;
    struct trove__tag tag;
    int r;

    if (trove_object_type(object) == TROVE_COMMIT) {
        r = trove__commit_parse(algo, data, size, &commit, err);
        if (r == 0)
            *next = (struct trove_want){.id = commit.tree, .type = TROVE_TREE};
    } else {
        r = trove__tag_parse(algo, data, size, &tag, err);
        if (r == 0)
            *next = (struct trove_want){.id = tag.target, .type = tag.type};
    }
    return r;
}

int trove__trees_peel(struct trove__trees *trees, const struct trove_want *root,
                      struct trove_object **ret, struct trove_error *err)
{
    struct trove_want at = *root;

    for (int i = 0; i < TAG_CHAIN_MAX; i++) {
        struct trove_object *object;
        enum trove_type type;
        int r = trove__trees_object(trees, &at.id, at.type, &object, err);

        if (r < 0)
            return r;
        type = trove_object_type(object);
        if (type == TROVE_TREE || type == TROVE_BLOB) {
            *ret = object;
            return 0;
        }
        trees->through_commit = trees->through_commit || type == TROVE_COMMIT;
        r = lead_on(trove_algo(trees->cache), object, &at, err);
        trove_unpin(object);
        if (r < 0)
            return r;
    }
    return trove_error_set(err, -EFBIG, "more than %d tags of tags", TAG_CHAIN_MAX);
}
