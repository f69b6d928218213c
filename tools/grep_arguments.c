// SPDX-License-Identifier: MIT
/*
 * grep_arguments.c - revisions and pathspecs of git grep.
 *
 * Without `--`, git takes words for revisions while they resolve, and wants each of the rest to look like a pathspec or to
 * exist as a file. There are no files here, so such a word has to come behind `--`.
 */
#include "grep_arguments.h"
#include "core/memory.h"
#include "fetch/revision_syntax.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t find_dashes(char *const *words, size_t count)
{
    size_t i = 0;

    while (i < count && strcmp(words[i], "--") != 0)
        i++;
    return i;
}

/* True for words that git takes for pathspecs whether or not such a file exists. */
static bool looks_like_pathspec(const char *word)
{
    if (strncmp(word, ":(", 2) == 0 || strcmp(word, ":/") == 0 || strcmp(word, ":!") == 0 ||
        strcmp(word, ":^") == 0)
        return true;
    for (; *word != '\0'; word++) {
        if (*word == '*' || *word == '?' || *word == '[')
            return true;
        if (*word == '\\' && *++word == '\0')
            break;
    }
    return false;
}

static int check_pathspec(const char *word, bool is_first)
{
    if (word[0] == '-')
        return trove__fatal("option '%s' must come before non-option arguments", word);
    if (looks_like_pathspec(word))
        return 0;
    if (!is_first)
        return trove__fatal("%s: no such path in the working tree.\n"
                            "Use 'git <command> -- <path>...' to specify paths that do not exist "
                            "locally.",
                            word);
    return trove__fatal("ambiguous argument '%s': unknown revision or path not in the working "
                        "tree.\n"
                        "Use '--' to separate paths from revisions, like this:\n"
                        "'git <command> [<revision>...] -- [<file>...]'",
                        word);
}

static int find_path(struct trove__tool *tool, struct trove__grep_revision *at,
                     struct trove_error *err)
{
    char *placed;
    const char *path;
    int r = trove__place_revision(&tool->place, at->name, &placed, err);

    if (r < 0)
        return r;
    path = trove__revision_path(placed != NULL ? placed : at->name);
    at->path = path != NULL ? trove__strdup(path) : NULL;
    trove__free(placed);
    return path != NULL && at->path == NULL ? trove_error_set(err, -ENOMEM, "out of memory") : 0;
}

/* 1: WORD is a revision, added; 0: it is none; else the exit status. */
static int take_revision(struct trove__grep_arguments *arguments, struct trove__tool *tool,
                         const char *word, bool must_be)
{
    struct trove__grep_revision *at = &arguments->revisions[arguments->revision_count];
    struct trove_error err = {.code = 0};
    int r = trove__tool_revision(tool, word, &at->revision, &err);

    if (r == 0) {
        if (at->revision.is_ambiguous)
            fprintf(stderr, "warning: refname '%s' is ambiguous.\n", word);
        at->name = word;
        arguments->revision_count++;
        r = find_path(tool, at, &err);
        return r == 0 ? 1 : trove__fatal_error(r, &err);
    }
    if (r == -ENOENT)
        return must_be ? trove__fatal("unable to resolve revision: %s", word) : 0;
    if (r == -ENOTSUP && !must_be && looks_like_pathspec(word))
        return 0;
    return trove__fatal_error(r, &err);
}

static int take_revisions(struct trove__grep_arguments *arguments, struct trove__tool *tool,
                          char *const *words, size_t count, bool must_be, size_t *ret_used)
{
    size_t i;

    for (i = 0; i < count; i++) {
        int r = take_revision(arguments, tool, words[i], must_be);
        if (r > 1)
            return r;
        if (r == 0)
            break;
    }
    *ret_used = i;
    return 0;
}

int trove__grep_arguments_read(struct trove__grep_arguments *arguments, struct trove__tool *tool,
                               char *const *words, size_t count)
{
    size_t dashes = find_dashes(words, count), used = 0;
    int status, r;

    *arguments = (struct trove__grep_arguments){.revision_count = 0};
    arguments->revisions = calloc(count + 1, sizeof(arguments->revisions[0]));
    if (arguments->revisions == NULL)
        return trove__fatal("out of memory");
    status = take_revisions(arguments, tool, words, dashes, dashes < count, &used);
    for (size_t i = used; status == 0 && dashes == count && i < count; i++)
        status = check_pathspec(words[i], i == used);
    if (status != 0)
        return status;
    used += dashes < count;
    arguments->pathspecs = words + used;
    arguments->pathspec_count = count - used;
    if (arguments->revision_count > 0)
        return 0;
    r = take_revision(arguments, tool, "HEAD", true);
    return r == 1 ? 0 : r;
}

void trove__grep_arguments_deinit(struct trove__grep_arguments *arguments)
{
    for (size_t i = 0; i < arguments->revision_count; i++)
        trove__free(arguments->revisions[i].path);
    free(arguments->revisions);
}
