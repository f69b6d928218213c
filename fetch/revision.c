// SPDX-License-Identifier: MIT
/*
 * revision.c - what a revision names: its base is looked up among the refs, then each step leads from one object to the
 * next, through the cache.
 */
#include <errno.h>
#include <string.h>

#include "commit.h"
#include "plan.h"
#include "refs.h"
#include "revision_syntax.h"
#include "tag.h"
#include "tree.h"

enum {
    TAG_CHAIN_MAX = 256,      /* tags of tags */
    TREE_DEPTH_MAX = 4096,    /* folders in a path */
    HISTORY_DEPTH_MAX = 4096, /* commits asked for at once by ~N */
};

static const struct trove_oid no_id;

/* Where the walk stands. */
struct walk {
    struct trove_git *git;
    struct trove *cache;
    const char *revision;
    const struct trove_until *until;
    struct trove_error *err;
    struct trove_git_revision at;
};

static bool is_set(const struct trove_oid *id)
{
    return !trove_oid_equal(id, &no_id);
}

static void step_to(struct walk *walk, const struct trove_oid *id, enum trove_type type)
{
    walk->at.id = *id;
    walk->at.type = type;
    walk->at.peeled = no_id;
    if (type == TROVE_COMMIT)
        walk->at.commit = *id;
}

static int bad_revision(const struct walk *walk)
{
    return trove_error_set(walk->err, -ENOENT, "bad revision '%s'", walk->revision);
}

/* --- objects on the way ------------------------------------------------------------------------------------------ */

/* A server that cannot filter sends all that belongs to an object: it is waited for, as the next steps lead there, and would
 * be sent again if they were asked for meanwhile. */
static int fetch_unfiltered(struct walk *walk)
{
    struct trove_want want = {.id = walk->at.id, .type = walk->at.type};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1, .depth = 1};
    struct trove_fetch_result result;

    if (trove_git_can_filter(walk->git) || trove_has(walk->cache, &walk->at.id))
        return 0;
    return trove__plan_go_on(trove_fetch(walk->cache, &options, walk->until, &result, walk->err));
}

/* The object the walk stands at, pinned; its type is known from then on. */
static int load(struct walk *walk, struct trove_object **ret)
{
    struct trove_result result;
    int status = fetch_unfiltered(walk);

    if (status == 0)
        status = trove_resolve(walk->cache, &walk->at.id, walk->at.type, walk->until, &result,
                               walk->err);
    if (status < 0)
        return status;
    walk->at.type = trove_object_type(result.object);
    if (walk->at.type == TROVE_COMMIT)
        walk->at.commit = walk->at.id;
    *ret = result.object;
    return 0;
}

static int read_tag(struct walk *walk, const struct trove_object *object, struct trove__tag *ret)
{
    return trove__tag_parse(trove_algo(walk->cache), trove_object_data(object),
                            trove_object_size(object), ret, walk->err);
}

static int read_commit(struct walk *walk, const struct trove_object *object,
                       struct trove__commit *ret)
{
    return trove__commit_parse(trove_algo(walk->cache), trove_object_data(object),
                               trove_object_size(object), ret, walk->err);
}

/* From a tag to what it names, from a commit to its tree. */
static int dereference(struct walk *walk, const struct trove_object *object)
{
    struct trove__commit commit;
    struct trove__tag tag;
    int status;

    if (trove_object_type(object) == TROVE_TAG) {
        status = read_tag(walk, object, &tag);
        if (status == 0)
            step_to(walk, &tag.target, tag.type);
    } else {
        status = read_commit(walk, object, &commit);
        if (status == 0)
            step_to(walk, &commit.tree, TROVE_TREE);
    }
    return status;
}

/* Whether the walk may end here: at an object of type WANTED, or with TROVE_ANY at anything but a tag. */
static bool is_wanted(enum trove_type type, enum trove_type wanted)
{
    return wanted == TROVE_ANY ? type != TROVE_ANY && type != TROVE_TAG : type == wanted;
}

/* Can dereferencing TYPE lead to WANTED? */
static bool leads_to(enum trove_type type, enum trove_type wanted)
{
    return type == TROVE_TAG || type == TROVE_ANY || (type == TROVE_COMMIT && wanted == TROVE_TREE);
}

static int peel_once(struct walk *walk, enum trove_type wanted)
{
    struct trove_object *object;
    int status;

    /* The server said already where this tag leads. */
    if (is_set(&walk->at.peeled) && wanted != TROVE_TAG) {
        struct trove_oid peeled = walk->at.peeled;
        step_to(walk, &peeled, TROVE_ANY);
        return 0;
    }
    status = load(walk, &object);
    if (status < 0)
        return status;
    if (!is_wanted(walk->at.type, wanted) && leads_to(walk->at.type, wanted))
        status = dereference(walk, object);
    trove_unpin(object);
    return status;
}

static int peel(struct walk *walk, enum trove_type wanted)
{
    struct trove_oid peeled = walk->at.peeled;
    int status = 0;

    if (wanted == TROVE_ANY && is_set(&peeled)) { /* nothing is left to learn but its type */
        step_to(walk, &peeled, TROVE_ANY);
        return 0;
    }
    for (unsigned i = 0; i < TAG_CHAIN_MAX; i++) {
        if (is_wanted(walk->at.type, wanted))
            return 0;
        if (!leads_to(walk->at.type, wanted))
            return trove_error_set(
                walk->err, -ENOENT, "%s: expected %s type, but the object dereferences to %s type",
                walk->revision, trove_type_name(wanted), trove_type_name(walk->at.type));
        status = peel_once(walk, wanted);
        if (status < 0)
            return status;
    }
    return trove_error_set(walk->err, -EFBIG, "%s: too many tags of tags", walk->revision);
}

/* --- steps ------------------------------------------------------------------------------------------------------- */

/* The commit the walk stands at becomes its parent NUMBER, from 1. */
static int parent(struct walk *walk, uint32_t number)
{
    struct trove_object *object;
    struct trove__commit commit;
    struct trove_oid id;
    int status = load(walk, &object);

    if (status < 0)
        return status;
    status = read_commit(walk, object, &commit);
    if (status == 0) {
        if (number == 0)
            id = walk->at.id;
        else if (trove__commit_parent(&commit, number - 1, &id) < 0)
            status = bad_revision(walk);
    }
    if (status == 0)
        step_to(walk, &id, TROVE_COMMIT);
    trove_unpin(object);
    return status;
}

/* Brings the next LEFT commits of the history in one request. Whatever it does not bring is asked for one by one. */
static int fetch_history(struct walk *walk, uint32_t left)
{
    struct trove_want want = {.id = walk->at.id, .type = TROVE_COMMIT};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1, .filter = "tree:0"};
    struct trove_fetch_result result;
    int status;

    options.depth = left < HISTORY_DEPTH_MAX ? left + 1 : HISTORY_DEPTH_MAX;
    status = trove_fetch(walk->cache, &options, walk->until, &result, walk->err);
    return trove__plan_go_on(status);
}

static int ancestor(struct walk *walk, uint32_t number)
{
    uint32_t fetch_at = number; /* how many steps are left when the next request is due */

    for (uint32_t left = number; left > 0; left--) {
        int status = 0;

        if (left > 1 && left <= fetch_at && !trove_has(walk->cache, &walk->at.id)) {
            status = fetch_history(walk, left);
            fetch_at = left > HISTORY_DEPTH_MAX ? left - HISTORY_DEPTH_MAX : 1;
        }
        if (status == 0)
            status = parent(walk, 1);
        if (status < 0)
            return status;
    }
    return 0;
}

static int no_such_path(const struct walk *walk, const char *path)
{
    return trove_error_set(walk->err, -ENOENT, "path '%s' does not exist in '%.*s'", path,
                           (int)(path - walk->revision - 1), walk->revision);
}

/* One folder down. *PATH moves on. */
static int path_step(struct walk *walk, const char **path)
{
    struct trove__tree_entry entry;
    struct trove_object *object;
    size_t used;
    int status;

    if (walk->at.type != TROVE_TREE)
        return -ENOENT;
    status = load(walk, &object);
    if (status < 0)
        return status;
    status = walk->at.type != TROVE_TREE
                 ? -ENOENT
                 : trove__tree_find(trove_algo(walk->cache), trove_object_data(object),
                                    trove_object_size(object), *path, strlen(*path), &entry, &used,
                                    walk->err);
    if (status == 0) {
        struct trove_oid commit = walk->at.commit;
        step_to(walk, &entry.id, trove__mode_type(entry.mode));
        walk->at.commit = commit; /* a gitlink's commit is not one of this repository */
        *path += used;
    }
    trove_unpin(object);
    return status;
}

/* Brings the commit and the trees down to the folder that PATH ends in, in one request. What is left out is asked for one
 * by one. */
static int fetch_folders(struct walk *walk, const char *path)
{
    struct trove_want want = {.id = is_set(&walk->at.peeled) ? walk->at.peeled : walk->at.id};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1};
    struct trove_fetch_result result;
    struct trove__plan_first plan;
    uint32_t depth = 1;
    int status;

    if (*path == '\0' || trove_has(walk->cache, &want.id))
        return 0;
    for (const char *at = path; (at = strchr(at, '/')) != NULL && depth < TREE_DEPTH_MAX; at++)
        depth++;
    trove__plan_first(false, depth, &plan);
    options.filter = plan.filter;
    options.depth = plan.depth;
    status = trove_fetch(walk->cache, &options, walk->until, &result, walk->err);
    return trove__plan_go_on(status);
}

static int follow_path(struct walk *walk, const char *path)
{
    const char *left = path;
    int status = fetch_folders(walk, path);

    if (status == 0)
        status = peel(walk, TROVE_TREE);
    if (status < 0)
        return status;
    if (strncmp(path, "./", 2) == 0 || strncmp(path, "../", 3) == 0)
        return trove_error_set(walk->err, -ENOTSUP,
                               "relative path syntax can't be used outside working tree: '%s'",
                               path);
    for (unsigned depth = 0; *left != '\0'; depth++) {
        if (depth == TREE_DEPTH_MAX)
            return trove_error_set(walk->err, -EFBIG, "path '%s' is too deep", path);
        status = path_step(walk, &left);
        if (status == -ENOENT)
            return no_such_path(walk, path);
        if (status < 0)
            return status;
    }
    return 0;
}

static int take_step(struct walk *walk, const struct trove__revision_step *step)
{
    struct trove_object *object;
    int status;

    switch (step->kind) {
    case TROVE__STEP_PEEL:
        return peel(walk, step->type);
    case TROVE__STEP_PATH:
        return follow_path(walk, step->path);
    case TROVE__STEP_OBJECT:
        status = load(walk, &object);
        if (status == 0)
            trove_unpin(object);
        return status;
    default:
        status = peel(walk, TROVE_COMMIT);
        if (status < 0)
            return status;
        if (step->kind == TROVE__STEP_PARENT)
            return parent(walk, step->number);
        return ancestor(walk, step->number);
    }
}

/* --- the base ---------------------------------------------------------------------------------------------------- */

static int not_found(const struct walk *walk, const struct trove__revision_base *base)
{
    if (base->looks_like_id)
        return trove_error_set(walk->err, -ENOTSUP,
                               "no ref is called '%s', and a remote repository cannot complete "
                               "abbreviated ids: give the full id",
                               base->name);
    return bad_revision(walk);
}

static int look_up(struct walk *walk, const struct trove__revision_base *base)
{
    const char *prefixes[TROVE__REF_RULES + 1] = {NULL};
    struct trove__ref_lookup lookup;
    const char *name;
    int status;

    trove__ref_lookup_init(&lookup, base->name);
    for (size_t i = 0; i < TROVE__REF_RULES; i++)
        prefixes[i] = lookup.candidates[i];
    status =
        trove_git_refs(walk->git, prefixes, trove__ref_lookup_see, &lookup, walk->until, walk->err);
    if (status < 0)
        return status;
    if (lookup.found == TROVE__REF_RULES)
        return not_found(walk, base);

    name = lookup.candidates[lookup.found];
    walk->at.is_ambiguous = lookup.matches > 1;
    if (is_set(&lookup.peeled)) {
        step_to(walk, &lookup.id, TROVE_TAG);
        walk->at.peeled = lookup.peeled;
    } else if (strcmp(name, "HEAD") == 0 || strncmp(name, "refs/heads/", 11) == 0) {
        step_to(walk, &lookup.id, TROVE_COMMIT); /* git lets nothing else be there */
    } else {
        step_to(walk, &lookup.id, TROVE_ANY);
    }
    return 0;
}

static int start(struct walk *walk, const char **ret_at)
{
    struct trove__revision_base base;
    int status =
        trove__revision_base(trove_algo(walk->cache), walk->revision, &base, ret_at, walk->err);

    if (status < 0)
        return status;
    if (!base.is_id)
        return look_up(walk, &base);
    step_to(walk, &base.id, TROVE_ANY);
    return 0;
}

int trove_git_revision(struct trove_git *git, struct trove *cache, const char *revision,
                       const struct trove_until *until, struct trove_git_revision *ret,
                       struct trove_error *err)
{
    struct walk walk = {
        .git = git, .cache = cache, .revision = revision, .until = until, .err = err};
    struct trove__revision_step step;
    const char *at = "";
    int status = start(&walk, &at);

    while (status == 0 && *at != '\0') {
        status = trove__revision_step(&at, &step, err);
        if (status == 0)
            status = take_step(&walk, &step);
    }
    if (status == 0)
        *ret = walk.at;
    return status;
}
