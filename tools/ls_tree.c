// SPDX-License-Identifier: MIT
/*
 * ls_tree.c - trove ls-tree: the entries of a tree that is somewhere else, as git ls-tree lists them.
 */
#include "commands.h"
#include "common.h"
#include "config.h"
#include "fetch/plan.h"
#include "grep/trees.h"
#include "ls_tree_rows.h"
#include "parse_options.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one run holds. */
struct listing {
    struct trove__tool *tool;
    bool recursive, show_trees, trees_only, full_name, full_tree;
    struct trove__rows rows;
    struct trove__pathspec *pathspec;
    struct trove__trees trees;
};

enum {
    OPTION_TREES_ONLY,
    OPTION_RECURSIVE,
    OPTION_SHOW_TREES,
    OPTION_NUL,
    OPTION_LONG,
    OPTION_NAME_ONLY,
    OPTION_OBJECT_ONLY,
    OPTION_FULL_NAME,
    OPTION_FULL_TREE,
    OPTION_NOT_YET,
};

#define FLAG(letter, name, id)                                                                     \
    {                                                                                              \
        TROVE__OPTION_FLAG, id, letter, name, false                                                \
    }

static const struct trove__option options[] = {
    FLAG('d', NULL, OPTION_TREES_ONLY),
    FLAG('r', NULL, OPTION_RECURSIVE),
    FLAG('t', NULL, OPTION_SHOW_TREES),
    FLAG('z', NULL, OPTION_NUL),
    FLAG('l', "long", OPTION_LONG),
    {TROVE__OPTION_FLAG, OPTION_NAME_ONLY, '\0', "name-only", true},
    {TROVE__OPTION_FLAG, OPTION_NAME_ONLY, '\0', "name-status", true},
    {TROVE__OPTION_FLAG, OPTION_OBJECT_ONLY, '\0', "object-only", true},
    FLAG('\0', "full-name", OPTION_FULL_NAME),
    FLAG('\0', "full-tree", OPTION_FULL_TREE),
    {TROVE__OPTION_VALUE, OPTION_NOT_YET, '\0', "format", true},
    {TROVE__OPTION_OPTIONAL, OPTION_NOT_YET, '\0', "abbrev", false},
};

static const char usage[] =
    "usage: trove -C <repository> ls-tree [<options>] <tree-ish> [<path>...]\n"
    "\n"
    "    -d                  only show trees\n"
    "    -r                  recurse into subtrees\n"
    "    -t                  show trees when recursing\n"
    "    -z                  terminate entries with NUL byte, names unquoted\n"
    "    -l, --long          include object size (fetches the blobs)\n"
    "    --name-only, --name-status\n"
    "                        list only filenames\n"
    "    --object-only       list only objects\n";

/* --- options ----------------------------------------------------------------------------------------------------- */

static int set_form(struct listing *listing, enum trove__row_form form, struct trove_error *err)
{
    if (listing->rows.form != TROVE__ROW_PLAIN && listing->rows.form != form)
        return trove_error_set(err, TROVE__EXIT_USAGE,
                               "--long, --name-only and --object-only cannot be used together");
    listing->rows.form = form;
    return 0;
}

static int take_option(void *context, const struct trove__option_given *given,
                       struct trove_error *err)
{
    struct listing *listing = context;
    bool on = !given->negated;

    switch (given->option->id) {
    case OPTION_TREES_ONLY:
        listing->trees_only = on;
        return 0;
    case OPTION_RECURSIVE:
        listing->recursive = on;
        return 0;
    case OPTION_SHOW_TREES:
        listing->show_trees = on;
        return 0;
    case OPTION_NUL:
        listing->rows.nul = on;
        return 0;
    case OPTION_FULL_NAME:
        listing->full_name = on;
        return 0;
    case OPTION_FULL_TREE:
        listing->full_tree = on;
        return 0;
    case OPTION_LONG:
        return set_form(listing, TROVE__ROW_LONG, err);
    case OPTION_NAME_ONLY:
        return set_form(listing, TROVE__ROW_NAME, err);
    case OPTION_OBJECT_ONLY:
        return set_form(listing, TROVE__ROW_OBJECT, err);
    case OPTION_NOT_YET:
        return trove_error_set(err, TROVE__EXIT_USAGE, "%s is not there yet", given->shown);
    default:
        return 0;
    }
}

static int take_own(void *context, int argc, char **argv, int *index, struct trove_error *err)
{
    (void)err;
    return trove__tool_own_option(context, argc, argv, index);
}

/* Returns -1 with the words that are no options behind argv[0], *RET_COUNT of them, or the exit status. */
static int parse(struct listing *listing, int argc, char **argv, int *ret_count)
{
    struct trove__option_parser parser = {
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .take = take_option,
        .take_own = take_own,
        .context = listing,
        .own_context = listing->tool,
    };
    struct trove_error err = {.code = 0};

    switch (trove__options_gather(&parser, argc, argv, ret_count, &err)) {
    case TROVE__OPTIONS_OK:
        break;
    case TROVE__OPTIONS_HELP:
        fputs(usage, stdout);
        return TROVE__EXIT_USAGE;
    case TROVE__OPTIONS_FATAL:
        if (err.message[0] != '\0')
            fprintf(stderr, "error: %s\n", err.message);
        return err.code > 0 ? err.code : TROVE__EXIT_USAGE;
    default:
        return trove__usage_error(usage, "%s", err.message);
    }
    if (*ret_count == 0)
        return trove__usage_error(usage, NULL);
    /* -d and -r together: the folders on the way are what is to be shown. */
    listing->show_trees |= listing->trees_only && listing->recursive;
    return -1;
}

/* --- the walk ---------------------------------------------------------------------------------------------------- */

/* True when the folder is to be entered: always, or because a path leads into it. */
static bool leads_into(const struct listing *listing, const struct trove__walk_entry *entry)
{
    const char *path;
    size_t length;

    if (listing->recursive)
        return true;
    for (size_t i = 0; (path = trove__pathspec_path(listing->pathspec, i, &length)) != NULL; i++) {
        if (length > entry->length && path[entry->length] == '/' &&
            memcmp(path, entry->path, entry->length) == 0)
            return true;
    }
    return false;
}

static int see_folder(void *context, const struct trove__walk_entry *entry, struct trove_error *err)
{
    struct listing *listing = context;
    bool enter = leads_into(listing, entry);
    int r = 0;

    if (!enter || listing->show_trees)
        r = trove__rows_add(&listing->rows, entry, err);
    return r < 0 ? r : enter ? TROVE__WALK_ENTER : TROVE__WALK_PASS;
}

static int see_file(void *context, const struct trove__walk_entry *entry, struct trove_error *err)
{
    struct listing *listing = context;

    /* Gitlinks are shown beside trees. */
    if (listing->trees_only && entry->mode != TROVE__MODE_GITLINK)
        return 0;
    return trove__rows_add(&listing->rows, entry, err);
}

/* The tree that REVISION leads to; own. */
static int load_tree(struct listing *listing, const struct trove_git_revision *revision,
                     struct trove_object **ret, struct trove_error *err)
{
    struct trove_want at = {.id = revision->id, .type = revision->type};
    struct trove_object *object;
    int r = trove__trees_peel(&listing->trees, &at, &object, err);

    if (r < 0)
        return r;
    if (trove_object_type(object) != TROVE_TREE) {
        trove_unpin(object);
        return trove_error_set(err, -EINVAL, "not a tree object");
    }
    *ret = object;
    return 0;
}

/* Trees and, when sizes are to be shown, blobs: one request for what the listing is likely to need. What it does not bring
 * is asked for by id. */
static int fetch(struct listing *listing, const struct trove_git_revision *revision,
                 struct trove_error *err)
{
    struct trove_want want = {.id = revision->id, .type = revision->type};
    bool everything = listing->recursive && trove__pathspec_everything(listing->pathspec);
    uint32_t depth = listing->recursive ? 0 : trove__pathspec_tree_depth(listing->pathspec);
    struct trove_fetch_options request = {.wants = &want, .want_count = 1};
    struct trove_fetch_result result;
    struct trove__plan_first first;
    int r;

    /* A path that ends with a slash shows what is in that folder: one level more. */
    trove__plan_first(everything && listing->rows.form == TROVE__ROW_LONG,
                      depth > 0 ? depth + 1 : 0, &first);
    if (!listing->recursive && trove_has(listing->tool->cache, &revision->id))
        return 0; /* the name led through trees: the next are a few at most */
    request.filter = first.filter[0] != '\0' ? first.filter : NULL;
    request.depth = first.depth;
    r = trove_fetch(listing->tool->cache, &request, &listing->tool->until, &result, err);
    return trove__plan_go_on(r);
}

static int walk(struct listing *listing, const struct trove_git_revision *revision,
                struct trove_error *err)
{
    struct trove__walk_trees supplier;
    struct trove__walk_visitor visitor = {
        .context = listing, .folder = see_folder, .file = see_file};
    struct trove__walk_limits limits;
    struct trove_object *root = NULL;
    int r =
        trove__trees_init(&listing->trees, listing->tool->cache, NULL, &listing->tool->until, err);

    if (r < 0)
        return r;
    trove__walk_limits_init(&limits);
    supplier = trove__trees_supplier(&listing->trees);
    r = load_tree(listing, revision, &root, err);
    if (r == 0) {
        r = trove__walk(root, trove_algo(listing->tool->cache), listing->pathspec, &supplier,
                        &visitor, &limits, err);
        trove_unpin(root);
    }
    trove__trees_deinit(&listing->trees);
    return r == 0 ? trove__rows_flush(&listing->rows, err) : r;
}

/* --- the command ------------------------------------------------------------------------------------------------- */

static int parse_paths(struct listing *listing, char **paths, int count, struct trove_error *err)
{
    struct trove__pathspec_options options_of_paths = {
        .prefix = listing->full_tree ? "" : listing->tool->place.prefix,
        .root = listing->tool->place.root,
        .repository = trove__tool_shown_repository(listing->tool),
        .allowed = TROVE__MAGIC_LS_TREE,
        .no_wildcards = true,
        .max_depth = -1,
    };

    return trove__pathspec_parse((const char *const *)paths, (size_t)count, &options_of_paths,
                                 &listing->pathspec, err);
}

static int list(struct listing *listing, const char *name, char **paths, int path_count)
{
    struct trove_git_revision revision;
    struct trove_error err = {.code = 0};
    int r = trove__tool_revision(listing->tool, name, &revision, &err);

    if (r == -ENOENT)
        return trove__fatal("Not a valid object name %s", name);
    if (r == 0)
        r = parse_paths(listing, paths, path_count, &err);
    if (r == 0)
        r = trove__config_quote_path(listing->tool->repository, &listing->tool->until,
                                     &listing->rows.quote_fully, &err);
    if (r == 0)
        r = fetch(listing, &revision, &err);
    if (!listing->full_name && !listing->full_tree && listing->tool->place.prefix != NULL)
        listing->rows.folder = listing->tool->place.prefix;
    listing->rows.cache = listing->tool->cache;
    listing->rows.until = &listing->tool->until;
    trove__tool_output_begins(listing->tool);
    if (r == 0)
        r = walk(listing, &revision, &err);
    return r < 0 ? trove__fatal_error(r, &err) : 0;
}

int trove__cmd_ls_tree(struct trove__tool *tool, int argc, char **argv)
{
    struct listing listing = {.tool = tool};
    int count = 0, status = parse(&listing, argc, argv, &count);

    if (status >= 0)
        return status;
    trove__rows_init(&listing.rows, stdout);
    status = trove__tool_open(tool);
    if (status == 0)
        status = list(&listing, argv[1], argv + 2, count - 1);
    trove__pathspec_destroy(listing.pathspec);
    trove__rows_deinit(&listing.rows);
    return trove__tool_flush(tool, status);
}
