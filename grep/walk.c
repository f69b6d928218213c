// SPDX-License-Identifier: MIT
/*
 * walk.c - down a tree with a stack of its own: however deep a hostile tree is, the C stack does not grow.
 */
#include "walk.h"
#include "core/memory.h"
#include <errno.h>
#include <string.h>

/* One folder on the way down. */
struct level {
    struct trove_object *tree; /* own, but for the root */
    struct trove__tree_reader reader;
    size_t base_length; /* bytes of its path, the slash included */
    bool all;           /* what is left in it is selected, and all below */
};

struct walk {
    enum trove_algo algo;
    struct trove__pathspec *pathspec;
    const struct trove__walk_trees *trees;
    const struct trove__walk_visitor *visitor;
    const struct trove__walk_limits *limits;
    struct level *levels;
    size_t level_count, level_capacity;
    char *path;
    size_t path_capacity;
    uint64_t path_count;
};

void trove__walk_limits_init(struct trove__walk_limits *limits)
{
    limits->max_depth = 2048;
    limits->max_path = 64 << 10;
    limits->max_paths = 32 * 1000 * 1000;
}

static int push_level(struct walk *walk, struct trove_object *tree, size_t base_length, bool all,
                      struct trove_error *err)
{
    struct level *level;

    if (walk->level_count > walk->limits->max_depth)
        return trove_error_set(err, -EFBIG, "the tree is more than %u folders deep",
                               walk->limits->max_depth);
    if (walk->level_count == walk->level_capacity) {
        size_t capacity = walk->level_capacity != 0 ? walk->level_capacity * 2 : 16;
        struct level *levels = trove__realloc(walk->levels, capacity * sizeof(*levels));
        if (levels == NULL)
            return trove_error_set(err, -ENOMEM, "out of memory");
        walk->levels = levels;
        walk->level_capacity = capacity;
    }
    level = &walk->levels[walk->level_count++];
    *level = (struct level){.tree = tree, .base_length = base_length, .all = all};
    trove__tree_reader_init(&level->reader, walk->algo, trove_object_data(tree),
                            trove_object_size(tree));
    return 0;
}

/* Puts NAME behind the folder's path, with room for a slash and the NUL. */
static int set_path(struct walk *walk, size_t base_length, const char *name, size_t name_length,
                    struct trove_error *err)
{
    size_t needed = base_length + name_length + 2;

    if (name_length > walk->limits->max_path || needed > walk->limits->max_path)
        return trove_error_set(err, -EFBIG, "a path of the tree has more than %zu bytes",
                               walk->limits->max_path);
    if (needed > walk->path_capacity) {
        size_t capacity = needed * 2 + 256;
        char *path = trove__realloc(walk->path, capacity);
        if (path == NULL)
            return trove_error_set(err, -ENOMEM, "out of memory");
        walk->path = path;
        walk->path_capacity = capacity;
    }
    memcpy(walk->path + base_length, name, name_length);
    walk->path[base_length + name_length] = '\0';
    return 0;
}

/* How the entry at walk->path is selected. */
static enum trove__interest look(struct walk *walk, struct level *level,
                                 const struct trove__tree_entry *entry)
{
    enum trove__interest interest = TROVE__INTEREST_ALL;

    if (!level->all)
        interest = trove__pathspec_match(
            walk->pathspec, walk->path, level->base_length, level->base_length + entry->name_length,
            entry->mode == TROVE__MODE_TREE, entry->mode == TROVE__MODE_GITLINK);
    level->all = interest == TROVE__INTEREST_ALL;
    return interest;
}

/* The folder that will be walked next, and those of its siblings behind it, up to a bound. */
static size_t gather_folders(struct walk *walk, struct level level, const struct trove_oid *first,
                             struct trove_oid *ids)
{
    struct trove__tree_entry entry;
    size_t count = 1;

    ids[0] = *first;
    while (count < TROVE__WALK_AHEAD && trove__tree_next(&level.reader, &entry, NULL) == 1) {
        if (entry.mode != TROVE__MODE_TREE)
            continue;
        if (set_path(walk, level.base_length, entry.name, entry.name_length, NULL) < 0)
            break;
        if (look(walk, &level, &entry) != TROVE__INTEREST_NO)
            ids[count++] = entry.id;
    }
    return count;
}

static int bring_folder(struct walk *walk, struct level *level,
                        const struct trove__tree_entry *entry, struct trove_object **ret,
                        struct trove_error *err)
{
    struct trove_oid ids[TROVE__WALK_AHEAD];
    size_t count;
    int r;

    if (walk->trees->ready != NULL) {
        *ret = walk->trees->ready(walk->trees->context, &entry->id);
        if (*ret != NULL)
            return 0;
    }
    count = gather_folders(walk, *level, &entry->id, ids);
    r = walk->trees->bring(walk->trees->context, ids, count, ret, err);
    if (r < 0)
        return r;
    /* Looking ahead has written over the path. */
    return set_path(walk, level->base_length, entry->name, entry->name_length, err);
}

static int enter_folder(struct walk *walk, struct level *level,
                        const struct trove__tree_entry *entry, bool whole, struct trove_error *err)
{
    size_t length = level->base_length + entry->name_length;
    struct trove_object *tree;
    int r = bring_folder(walk, level, entry, &tree, err);

    if (r < 0)
        return r;
    if (trove_object_type(tree) != TROVE_TREE) {
        trove_unpin(tree);
        return trove_error_set(err, -EPROTO, "%s is not a tree", walk->path);
    }
    walk->path[length] = '/';
    r = push_level(walk, tree, length + 1, whole, err);
    if (r < 0)
        trove_unpin(tree);
    return r;
}

/* True when all that is in the folder at walk->path (LENGTH bytes) is selected. */
static bool is_whole(struct walk *walk, size_t length, bool all)
{
    bool whole;

    if (all)
        return true;
    /* An entry's name does not matter for that answer; one stands in. */
    memcpy(walk->path + length, "/", 2);
    whole = trove__pathspec_match(walk->pathspec, walk->path, length + 1, length + 1, false,
                                  false) == TROVE__INTEREST_ALL;
    walk->path[length] = '\0';
    return whole;
}

static int visit(struct walk *walk, struct level *level, const struct trove__tree_entry *entry,
                 struct trove_error *err)
{
    struct trove__walk_entry found = {.mode = entry->mode, .id = entry->id};
    int r;

    if (++walk->path_count > walk->limits->max_paths)
        return trove_error_set(err, -EFBIG, "the tree names more than %llu paths",
                               (unsigned long long)walk->limits->max_paths);
    r = set_path(walk, level->base_length, entry->name, entry->name_length, err);
    if (r < 0)
        return r;
    if (look(walk, level, entry) == TROVE__INTEREST_NO)
        return 0;
    found.path = walk->path;
    found.length = level->base_length + entry->name_length;
    if (entry->mode != TROVE__MODE_TREE)
        return walk->visitor->file(walk->visitor->context, &found, err);
    found.whole = is_whole(walk, found.length, level->all);
    r = TROVE__WALK_ENTER;
    if (walk->visitor->folder != NULL)
        r = walk->visitor->folder(walk->visitor->context, &found, err);
    return r == TROVE__WALK_ENTER ? enter_folder(walk, level, entry, found.whole, err) : r;
}

static int walk_levels(struct walk *walk, struct trove_error *err)
{
    while (walk->level_count > 0) {
        struct level *level = &walk->levels[walk->level_count - 1];
        struct trove__tree_entry entry;
        int r = trove__tree_next(&level->reader, &entry, err);
        if (r < 0)
            return r;
        if (r == 0) {
            trove_unpin(level->tree);
            walk->level_count--;
            continue;
        }
        r = visit(walk, level, &entry, err);
        if (r != 0)
            return r;
    }
    return 0;
}

int trove__walk(struct trove_object *root, enum trove_algo algo, struct trove__pathspec *pathspec,
                const struct trove__walk_trees *trees, const struct trove__walk_visitor *visitor,
                const struct trove__walk_limits *limits, struct trove_error *err)
{
    struct walk walk = {
        .algo = algo, .pathspec = pathspec, .trees = trees, .visitor = visitor, .limits = limits};
    int r = push_level(&walk, root, 0, false, err);

    if (r == 0) {
        trove_pin(root); /* each level lets its tree go */
        r = walk_levels(&walk, err);
    }
    while (walk.level_count > 0)
        trove_unpin(walk.levels[--walk.level_count].tree);
    trove__free(walk.levels);
    trove__free(walk.path);
    return r;
}
