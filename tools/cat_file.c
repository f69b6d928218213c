// SPDX-License-Identifier: MIT
/*
 * cat_file.c - `trove cat-file`: what git's command of that name shows, of a repository that is elsewhere.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cat_batch.h"
#include "cat_format.h"
#include "commands.h"
#include "common.h"
#include "config.h"
#include "parse_options.h"
#include "tree_print.h"

static const char usage_text[] =
    "usage: trove -C REPOSITORY cat-file <type> <object>\n"
    "   or: trove -C REPOSITORY cat-file (-e | -p | -t | -s) <object>\n"
    "   or: trove -C REPOSITORY cat-file (--batch | --batch-check)[=<format>] [--buffer] [-z]\n"
    "\n"
    "    -e                       check if <object> exists\n"
    "    -p                       pretty-print <object> content\n"
    "    -t                       show object type\n"
    "    -s                       show object size\n"
    "    --batch[=<format>]       show full <object> or <rev> contents, names from standard input\n"
    "    --batch-check[=<format>] like --batch, but don't emit <contents>\n"
    "    --buffer                 buffer --batch output\n"
    "    -z                       names end with NUL\n"
    "\n";

enum {
    OPTION_EXISTS = 'e',
    OPTION_PRETTY = 'p',
    OPTION_TYPE = 't',
    OPTION_SIZE = 's',
    OPTION_NUL = 'z',
    OPTION_BATCH = 1,
    OPTION_CHECK,
    OPTION_BUFFER
};

static const struct trove__option options[] = {
    {TROVE__OPTION_FLAG, OPTION_EXISTS, 'e', NULL, true},
    {TROVE__OPTION_FLAG, OPTION_PRETTY, 'p', NULL, true},
    {TROVE__OPTION_FLAG, OPTION_TYPE, 't', NULL, true},
    {TROVE__OPTION_FLAG, OPTION_SIZE, 's', NULL, true},
    {TROVE__OPTION_FLAG, OPTION_NUL, 'z', NULL, true},
    {TROVE__OPTION_OPTIONAL, OPTION_BATCH, '\0', "batch", true},
    {TROVE__OPTION_OPTIONAL, OPTION_CHECK, '\0', "batch-check", true},
    {TROVE__OPTION_FLAG, OPTION_BUFFER, '\0', "buffer", false},
};

struct request {
    struct trove__tool *tool;
    int mode; /* OPTION_EXISTS and so on, or a batch's; 0: none given, a type stands before the object */
    int buffer; /* -1: not said */
    bool nul;
    const char *format;
};

/* --- options ----------------------------------------------------------------------------------------------------- */

static bool is_batch(int mode)
{
    return mode == OPTION_BATCH || mode == OPTION_CHECK;
}

static int take_mode(struct request *request, int mode, struct trove_error *err)
{
    if (request->mode == 0 || (request->mode == mode && !is_batch(mode))) {
        request->mode = mode;
        return 0;
    }
    if (is_batch(request->mode) && is_batch(mode))
        return trove_error_set(err, TROVE__EXIT_USAGE, "only one batch option may be specified");
    return trove_error_set(err, TROVE__EXIT_USAGE, "options cannot be used together");
}

static int take_option(void *context, const struct trove__option_given *given,
                       struct trove_error *err)
{
    struct request *request = context;

    switch (given->option->id) {
    case OPTION_BUFFER:
        request->buffer = !given->negated;
        return 0;
    case OPTION_NUL:
        request->nul = true;
        return 0;
    case OPTION_BATCH:
    case OPTION_CHECK:
        request->format = given->argument;
        return take_mode(request, given->option->id, err);
    default:
        return take_mode(request, given->option->id, err);
    }
}

static int take_own(void *context, int argc, char **argv, int *index, struct trove_error *err)
{
    struct request *request = context;

    (void)err;
    return trove__tool_own_option(request->tool, argc, argv, index);
}

/* Reads options, wherever they stand, and leaves the other words behind argv[0]. Returns 0, or an exit status. */
static int parse(struct request *request, int argc, char **argv, int *ret_count)
{
    const struct trove__option_parser parser = {
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .take = take_option,
        .take_own = take_own,
        .context = request,
        .own_context = request,
    };
    struct trove_error err = {0};
    enum trove__options_end end = trove__options_gather(&parser, argc, argv, ret_count, &err);

    if (end == TROVE__OPTIONS_HELP) {
        fputs(usage_text, stdout);
        return TROVE__EXIT_USAGE;
    }
    if (end == TROVE__OPTIONS_FATAL && err.message[0] == '\0')
        return err.code; /* said already */
    if (end != TROVE__OPTIONS_OK)
        return trove__usage_error(end == TROVE__OPTIONS_ERROR ? "" : usage_text, "%s", err.message);
    return 0;
}

static int check_words(const struct request *request, int count)
{
    char option[] = {'-', (char)request->mode, '\0'};

    if (is_batch(request->mode))
        return count == 0 ? 0 : trove__usage_error(usage_text, "batch modes take no arguments");
    if (request->buffer >= 0)
        return trove__usage_error(usage_text, "'--buffer' requires a batch mode");
    if (request->nul)
        return trove__usage_error(usage_text, "'-z' requires a batch mode");
    if (request->mode == 0)
        return count == 2
                   ? 0
                   : trove__usage_error(usage_text,
                                        count > 2 ? "too many arguments"
                                        : count == 1
                                            ? "only two arguments allowed in <type> <object> mode"
                                            : NULL);
    if (count == 1)
        return 0;
    return trove__usage_error(
        usage_text, count == 0 ? "<object> required with '%s'" : "too many arguments for '%s'",
        option);
}

/* --- one object -------------------------------------------------------------------------------------------------- */

/* What NAME names: 0, or an exit status. */
static int look_up(struct trove__tool *tool, const char *name, struct trove_git_revision *ret)
{
    struct trove_error err = {0};
    int status = trove__tool_revision(tool, name, ret, &err);

    if (status == -ENOENT && strchr(name, ':') != NULL)
        return trove__fatal_error(status, &err); /* git says which path is missing */
    if (status == -ENOENT)
        return trove__fatal("Not a valid object name %s", name);
    return status < 0 ? trove__fatal_error(status, &err) : 0;
}

/* The object itself, pinned. Returns 0, -ENOENT, or an exit status. */
static int load(struct trove__tool *tool, const struct trove_git_revision *revision,
                struct trove_object **ret)
{
    struct trove_result result;
    struct trove_error err = {0};
    int status =
        trove_resolve(tool->cache, &revision->id, revision->type, &tool->until, &result, &err);

    if (status < 0)
        return status == -ENOENT ? status : trove__fatal_error(status, &err);
    *ret = result.object;
    return 0;
}

static void write_object(const struct trove_object *object)
{
    fwrite(trove_object_data(object), 1, trove_object_size(object), stdout);
}

static int show_tree(struct trove__tool *tool, const struct trove_object *tree)
{
    struct trove_error err = {0};
    bool fully = true;
    int r = trove__config_quote_path(tool->repository, &tool->until, &fully, &err);

    if (r == 0)
        r = trove__tree_print(trove_algo(tool->cache), tree, fully, stdout, &err);
    return r < 0 ? trove__fatal_error(r, &err) : 0;
}

static int show(struct trove__tool *tool, int mode, const struct trove_object *object)
{
    trove__tool_output_begins(tool);
    switch (mode) {
    case OPTION_TYPE:
        puts(trove_type_name(trove_object_type(object)));
        break;
    case OPTION_SIZE:
        printf("%zu\n", trove_object_size(object));
        break;
    case OPTION_PRETTY:
        if (trove_object_type(object) != TROVE_TREE) {
            write_object(object);
            break;
        }
        return show_tree(tool, object);
    default:
        break; /* it exists */
    }
    return 0;
}

static int not_there(int mode, const char *name)
{
    if (mode == OPTION_EXISTS)
        return 1;
    if (mode == OPTION_PRETTY)
        return trove__fatal("Not a valid object name %s", name);
    return trove__fatal("git cat-file: could not get object info");
}

static int show_one(struct trove__tool *tool, int mode, const char *name)
{
    struct trove_git_revision revision;
    struct trove_object *object;
    int status = look_up(tool, name, &revision);

    if (status != 0)
        return status;
    status = load(tool, &revision, &object);
    if (status == -ENOENT)
        return not_there(mode, name);
    if (status != 0)
        return status;
    status = show(tool, mode, object);
    trove_unpin(object);
    return status;
}

/* `cat-file <type> <object>`: through tags, and from a commit to its tree. */
static int show_as_type(struct trove__tool *tool, enum trove_type type, const char *name)
{
    char peeled[TROVE_OID_HEX_MAX + 16];
    struct trove_git_revision revision;
    struct trove_error err = {0};
    struct trove_object *object;
    size_t length;
    int status = look_up(tool, name, &revision);

    if (status != 0)
        return status;
    trove_oid_to_hex(trove_algo(tool->cache), &revision.id, peeled);
    length = strlen(peeled);
    snprintf(peeled + length, sizeof(peeled) - length, "^{%s}", trove_type_name(type));
    status = trove__tool_revision(tool, peeled, &revision, &err);
    if (status == 0)
        status = load(tool, &revision, &object);
    if (status == -ENOENT)
        return trove__fatal("git cat-file %s: bad file", name);
    if (status != 0)
        return status < 0 ? trove__fatal_error(status, &err) : status;
    trove__tool_output_begins(tool);
    write_object(object);
    trove_unpin(object);
    return 0;
}

/* --- the command ------------------------------------------------------------------------------------------------- */

static int run_batch(const struct request *request)
{
    struct trove__cat_batch_options batch = {
        .format = request->format,
        .contents = request->mode == OPTION_BATCH,
        .buffered = request->buffer > 0,
        .line_end = request->nul ? '\0' : '\n',
    };
    struct trove_error err = {0};
    int status;

    if (batch.format == NULL)
        batch.format = "%(objectname) %(objecttype) %(objectsize)";
    status = trove__cat_format_check(batch.format, &batch.uses_rest, &err);
    if (status == -ENOTSUP)
        return trove__usage_error("", "%s", err.message);
    if (status < 0)
        return trove__fatal("%s", err.message);
    request->tool->whole_batches = true;
    status = trove__tool_open(request->tool);
    return status != 0 ? status : trove__cat_batch(request->tool, &batch);
}

int trove__cmd_cat_file(struct trove__tool *tool, int argc, char **argv)
{
    struct request request = {.tool = tool, .buffer = -1};
    enum trove_type type = TROVE_ANY;
    char **words = argv + 1;
    int count, status;

    status = parse(&request, argc, argv, &count);
    if (status == 0)
        status = check_words(&request, count);
    if (status != 0)
        return status;
    if (is_batch(request.mode))
        return run_batch(&request);
    if (request.mode == 0) {
        type = trove_type_from_name(words[0], strlen(words[0]));
        if (type == TROVE_ANY)
            return trove__fatal("invalid object type \"%s\"", words[0]);
    }
    status = trove__tool_open(tool);
    if (status != 0)
        return status;
    if (request.mode == 0)
        status = show_as_type(tool, type, words[1]);
    else
        status = show_one(tool, request.mode, words[0]);
    return trove__tool_flush(tool, status);
}
