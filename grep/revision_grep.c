// SPDX-License-Identifier: MIT
/*
 * revision_grep.c - what a search of one revision asks for, by the plans of fetch/plan.h, and the search itself.
 *
 * The whole tree, or any part of it where the server cannot filter: one request for everything; the walk and the search
 * go on while it arrives, and a part that is searched ends it. A part, or the whole when the cache is small: first the
 * skeleton (trees without blobs), a census of what is selected, then one more request for what the plan says, or none, so
 * that blobs leave by id as the search comes to them.
 */
#include "revision_grep.h"
#include "fetch/plan.h"
#include "grep/census.h"
#include "grep/quote.h"
#include "grep/relative.h"
#include "grep/trees.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct search {
    struct trove__revision_grep *grep;
    const char *name; /* the revision as typed */
    const char *path; /* where it stands, if it is a file */
    struct trove_want root;
    struct trove__text shown;   /* the name being built: revision, colon, path */
    size_t prefix_size;         /* of it, what stands before the path */
    struct trove__text written; /* a path as it is written from the folder of the command */
    bool no_paths;              /* a tree alone: git asks no attributes for its paths */
};

/* --- what to fetch ----------------------------------------------------------------------------------------------- */

static int start_fetch(struct search *search, const struct trove_want *wants, size_t count,
                       uint32_t depth, struct trove_fetch **ret, struct trove_error *err)
{
    struct trove_fetch_options options = {.wants = wants, .want_count = count, .depth = depth};

    return trove_fetch_start(search->grep->cache, &options, search->grep->until, ret, err);
}

static int fetch_skeleton(struct search *search, const struct trove__plan_first *first,
                          struct trove_error *err)
{
    struct trove_fetch_options options = {
        .wants = &search->root, .want_count = 1, .filter = first->filter, .depth = first->depth};
    struct trove_fetch_result result;
    int r = trove_fetch(search->grep->cache, &options, search->grep->until, &result, err);

    return trove__plan_go_on(r);
}

/* The second request, now that the trees can be walked. *RET stays NULL when blobs are to leave by id. */
static int start_rest(struct search *search, const struct trove__census *census,
                      struct trove_fetch **ret, struct trove_error *err)
{
    switch (trove__plan_rest(census->total, census->complete, census->selected, census->in_whole,
                             census->folder_count)) {
    case TROVE__REST_WHOLE:
        return start_fetch(search, &search->root, 1, 1, ret, err);
    case TROVE__REST_TREES:
        return start_fetch(search, census->folders, census->folder_count, 1, ret, err);
    default:
        return 0;
    }
}

/* Counts what is selected below the root. ASK: trees that are missing are asked for; if not, they are -ENOENT. */
static int take_census(struct search *search, bool ask, struct trove__census *census,
                       struct trove_error *err)
{
    struct trove__revision_grep *grep = search->grep;
    struct trove__trees trees;
    struct trove_object *root;
    int r = trove__trees_init(&trees, grep->cache, NULL, grep->until, err);

    if (r < 0)
        return r;
    trees.cached_only = !ask;
    r = trove__trees_peel(&trees, &search->root, &root, err);
    if (r == 0) {
        if (trove_object_type(root) == TROVE_TREE)
            r = trove__census_take(census, &trees, root, grep->pathspec, &grep->limits, err);
        trove_unpin(root);
    }
    trove__trees_deinit(&trees);
    return r;
}

/* Counts what the skeleton did not bring. COMPLETE: it has all trees. A server that refused the filter, or did not heed it,
 * has sent everything, which is not to be asked for again: so it is counted as if all trees were there first. */
static int count_rest(struct search *search, bool complete, struct trove__census *census,
                      struct trove_error *err)
{
    int r;

    if (!complete) {
        census->complete = true;
        r = take_census(search, false, census, err);
        if (r != -ENOENT)
            return r;
        trove__census_reset(census);
    }
    census->complete = complete;
    return take_census(search, true, census, err);
}

/* Starts the request that brings what is selected; *RET may stay NULL. */
static int plan_and_fetch(struct search *search, struct trove_fetch **ret, struct trove_error *err)
{
    struct trove__pathspec *pathspec = search->grep->pathspec;
    bool everything = trove__pathspec_everything(pathspec);
    uint32_t tree_depth = everything ? 0 : trove__pathspec_tree_depth(pathspec);
    struct trove__plan_first first;
    struct trove__census census;
    int r;

    trove__census_init(&census, search->grep->cache);
    census.complete = true;
    r = take_census(search, false, &census, err);
    if (r == -ENOENT) {
        bool whole = search->grep->no_filters || (everything && !search->grep->trees_first);
        trove__plan_first(whole, tree_depth, &first);
        trove__census_reset(&census);
        if (first.whole) {
            r = start_fetch(search, &search->root, 1, first.depth, ret, err);
            goto out;
        }
        r = fetch_skeleton(search, &first, err);
        if (r == 0)
            r = count_rest(search, tree_depth == 0, &census, err);
    }
    if (r == 0)
        r = start_rest(search, &census, ret, err);
out:
    trove__census_deinit(&census);
    return r;
}

/* --- the search -------------------------------------------------------------------------------------------------- */

/* What attributes say of the file PATH, or of one that has none. */
static int look_up(const struct search *search, const char *path, enum trove__content *ret,
                   struct trove_error *err)
{
    int r = 0;

    *ret = TROVE__CONTENT_LOOK;
    if (search->grep->attributes != NULL)
        r = trove__attributes_content(search->grep->attributes, search->no_paths ? NULL : path,
                                      ret);
    return r < 0 ? trove_error_set(err, r, "out of memory") : 0;
}

/* Appends NAME to the name being built, written from the folder where the command stands. */
static void add_name(struct search *search, const char *name, size_t length)
{
    const struct trove__revision_grep *grep = search->grep;
    struct trove__text *written = &search->written;

    trove__text_reset(written);
    trove__relative_path(name, length, grep->folder, written);
    if (grep->raw_names)
        trove__text_add(&search->shown, written->bytes, written->size);
    else
        trove__quote_path(written->bytes, written->size, grep->quote_fully, &search->shown);
    if (written->failure < 0 && search->shown.failure == 0)
        search->shown.failure = written->failure;
}

static int add_file(void *context, const struct trove__walk_entry *entry, struct trove_error *err)
{
    struct search *search = context;
    struct trove__revision_grep *grep = search->grep;
    struct trove__text *shown = &search->shown;
    enum trove__content content;
    int r;

    if (entry->mode != TROVE__MODE_FILE && entry->mode != TROVE__MODE_EXECUTABLE)
        return 0;
    r = look_up(search, entry->path, &content, err);
    if (r < 0)
        return r;
    shown->size = search->prefix_size;
    add_name(search, entry->path, entry->length);
    trove__text_add(shown, "", 1);
    if (shown->failure < 0)
        return trove_error_set(err, shown->failure, "out of memory");
    r = trove__engine_add(grep->engine, &entry->id, shown->bytes, shown->size - 1, content);
    return r < 0 ? trove_error_set(err, r, "%s", trove_strerror(r)) : 0;
}

static int flush_engine(void *engine)
{
    return trove__engine_flush(engine);
}

static int search_tree(struct search *search, struct trove__trees *trees, struct trove_object *root,
                       struct trove_error *err)
{
    struct trove__revision_grep *grep = search->grep;
    struct trove__walk_trees supplier = trove__trees_supplier(trees);
    struct trove__walk_visitor visitor = {.context = search, .file = add_file};

    trove__text_add(&search->shown, search->name, strlen(search->name));
    trove__text_add(&search->shown, ":", 1);
    search->prefix_size = search->shown.size;
    return trove__walk(root, trove_algo(grep->cache), grep->pathspec, &supplier, &visitor,
                       &grep->limits, err);
}

/* A revision that is a blob: its name is the revision, quoted as a whole. */
static int search_blob(struct search *search, const struct trove_oid *id, struct trove_error *err)
{
    struct trove__revision_grep *grep = search->grep;
    struct trove__text *shown = &search->shown;
    enum trove__content content = TROVE__CONTENT_LOOK;
    int r = look_up(search, search->path, &content, err);

    if (r < 0)
        return r;
    add_name(search, search->name, strlen(search->name));
    trove__text_add(shown, "", 1);
    if (shown->failure < 0)
        return trove_error_set(err, shown->failure, "out of memory");
    r = trove__engine_add(grep->engine, id, shown->bytes, shown->size - 1, content);
    return r < 0 ? trove_error_set(err, r, "%s", trove_strerror(r)) : 0;
}

static int search_root(struct search *search, struct trove_fetch *within, struct trove_error *err)
{
    struct trove__revision_grep *grep = search->grep;
    struct trove__trees trees;
    struct trove_object *root;
    int r;

    if (search->root.type == TROVE_BLOB)
        return search_blob(search, &search->root.id, err);
    r = trove__trees_init(&trees, grep->cache, within, grep->until, err);
    if (r < 0)
        return r;
    trees.before_wait = flush_engine;
    trees.wait_context = grep->engine;
    r = trove__trees_peel(&trees, &search->root, &root, err);
    if (r == 0) {
        struct trove_oid id = trove_object_id(root);
        if (trove_object_type(root) == TROVE_TREE && !trees.through_commit)
            search->no_paths = true;
        if (trove_object_type(root) == TROVE_TREE)
            r = search_tree(search, &trees, root, err);
        else
            r = search_blob(search, &id, err);
        trove_unpin(root);
    }
    trove__trees_deinit(&trees);
    return r;
}

/* Opens and ends the engine's part around the search. */
static int run(struct search *search, struct trove_fetch *within, struct trove_error *err)
{
    struct trove__engine *engine = search->grep->engine;
    int ended, r = trove__engine_begin(engine, within, err);

    if (r < 0)
        return r;
    r = search_root(search, within, err);
    /* What was found before a failure leaves first. When it was the engine that stopped the walk, it knows why. */
    ended = trove__engine_end(engine, r < 0 && r != -ECANCELED ? NULL : err);
    return ended < 0 && (r == 0 || r == -ECANCELED) ? ended : r;
}

int trove__revision_grep(struct trove__revision_grep *grep, const char *name, const char *path,
                         const struct trove_git_revision *revision, struct trove_error *err)
{
    static const struct trove_oid none;
    struct search search = {.grep = grep, .name = name, .path = path};
    struct trove_fetch *fetch = NULL;
    int64_t start = trove_now_ns(), planned;
    int r = 0;

    search.root = (struct trove_want){.id = revision->id, .type = revision->type};
    if (!trove_oid_equal(&revision->peeled, &none))
        search.root = (struct trove_want){.id = revision->peeled, .type = TROVE_ANY};
    if (search.root.type != TROVE_BLOB)
        r = plan_and_fetch(&search, &fetch, err);
    planned = trove_now_ns();
    grep->plan_ns += planned - start;
    if (r == 0)
        r = run(&search, fetch, err);
    grep->search_ns += trove_now_ns() - planned;
    trove__text_deinit(&search.shown);
    trove__text_deinit(&search.written);
    if (r < 0)
        trove__engine_abandon(grep->engine);
    trove_fetch_free(fetch);
    return r;
}
