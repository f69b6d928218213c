// SPDX-License-Identifier: MIT
/*
 * census.c - two walks over the trees: one for what is selected, one for all there is.
 */
#include "census.h"
#include "core/memory.h"
#include <errno.h>
#include <string.h>

/* Blobs counted for a folder that cannot be looked into. Its number matters only beside scattered files. */
enum { FOLDER_BLOBS_GUESS = 64 };

void trove__census_init(struct trove__census *census, struct trove *cache)
{
    *census = (struct trove__census){.cache = cache};
}

void trove__census_reset(struct trove__census *census)
{
    census->total = census->selected = census->in_whole = 0;
    census->folder_count = 0;
    trove__text_reset(&census->whole);
}

void trove__census_deinit(struct trove__census *census)
{
    trove__free(census->folders);
    trove__text_deinit(&census->whole);
}

static int note_folder(struct trove__census *census, const struct trove_oid *id,
                       struct trove_error *err)
{
    if (census->folder_count == census->folder_capacity) {
        size_t capacity = census->folder_capacity != 0 ? census->folder_capacity * 2 : 16;
        struct trove_want *folders =
            trove__realloc(census->folders, capacity * sizeof(census->folders[0]));
        if (folders == NULL)
            return trove_error_set(err, -ENOMEM, "out of memory");
        census->folders = folders;
        census->folder_capacity = capacity;
    }
    census->folders[census->folder_count++] = (struct trove_want){.id = *id, .type = TROVE_TREE};
    return 0;
}

/* True when the entry lies in the whole folder that was entered last. */
static bool in_whole(const struct trove__census *census, const struct trove__walk_entry *entry)
{
    size_t size = census->whole.size;

    return size > 0 && entry->length > size && memcmp(entry->path, census->whole.bytes, size) == 0;
}

static int count_folder(void *context, const struct trove__walk_entry *entry,
                        struct trove_error *err)
{
    struct trove__census *census = context;
    int r;

    if (!entry->whole || in_whole(census, entry))
        return TROVE__WALK_ENTER;
    if (!census->complete) {
        r = note_folder(census, &entry->id, err);
        census->selected += FOLDER_BLOBS_GUESS;
        census->in_whole += FOLDER_BLOBS_GUESS;
        return r < 0 ? r : TROVE__WALK_PASS;
    }
    trove__text_reset(&census->whole);
    trove__text_add(&census->whole, entry->path, entry->length);
    trove__text_add(&census->whole, "/", 1);
    if (census->whole.failure < 0)
        return trove_error_set(err, census->whole.failure, "out of memory");
    census->folder_id = entry->id;
    census->folder_noted = false;
    return TROVE__WALK_ENTER;
}

static int count_file(void *context, const struct trove__walk_entry *entry, struct trove_error *err)
{
    struct trove__census *census = context;

    if (entry->mode != TROVE__MODE_FILE && entry->mode != TROVE__MODE_EXECUTABLE)
        return 0;
    if (trove_has(census->cache, &entry->id))
        return 0;
    census->selected++;
    if (!in_whole(census, entry))
        return 0;
    census->in_whole++;
    if (census->folder_noted)
        return 0;
    census->folder_noted = true;
    return note_folder(census, &census->folder_id, err);
}

static int count_any(void *context, const struct trove__walk_entry *entry, struct trove_error *err)
{
    struct trove__census *census = context;

    (void)err;
    census->total += entry->mode != TROVE__MODE_GITLINK;
    return 0;
}

/* All blobs there are, if the trees can tell. */
static int count_total(struct trove__census *census, const struct trove__walk_trees *supplier,
                       struct trove_object *root, const struct trove__walk_limits *limits,
                       struct trove_error *err)
{
    struct trove__walk_visitor visitor = {.context = census, .file = count_any};
    struct trove__pathspec_options everything = {.recursive = true, .max_depth = -1};
    struct trove__pathspec *pathspec;
    int r = trove__pathspec_parse(NULL, 0, &everything, &pathspec, err);

    if (r < 0)
        return r;
    r = trove__walk(root, trove_algo(census->cache), pathspec, supplier, &visitor, limits, err);
    trove__pathspec_destroy(pathspec);
    return r;
}

int trove__census_take(struct trove__census *census, struct trove__trees *trees,
                       struct trove_object *root, struct trove__pathspec *pathspec,
                       const struct trove__walk_limits *limits, struct trove_error *err)
{
    struct trove__walk_trees supplier = trove__trees_supplier(trees);
    struct trove__walk_visitor visitor = {
        .context = census, .folder = count_folder, .file = count_file};
    int r =
        trove__walk(root, trove_algo(census->cache), pathspec, &supplier, &visitor, limits, err);

    if (r == 0 && census->complete && census->selected > 0)
        r = count_total(census, &supplier, root, limits, err);
    return r;
}
