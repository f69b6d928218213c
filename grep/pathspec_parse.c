// SPDX-License-Identifier: MIT
/*
 * pathspec_parse.c - reading pathspecs: magic in front, then a path that is cleaned and put below the prefix.
 */
#include "core/memory.h"
#include "pathspec_internal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct magic {
    unsigned bit;
    char mnemonic; /* 0: it has none */
    const char *name;
} magics[] = {
    {TROVE__MAGIC_TOP, '/', "top"},         {TROVE__MAGIC_LITERAL, 0, "literal"},
    {TROVE__MAGIC_GLOB, 0, "glob"},         {TROVE__MAGIC_ICASE, 0, "icase"},
    {TROVE__MAGIC_EXCLUDE, '!', "exclude"}, {TROVE__MAGIC_ATTR, 0, "attr"},
};
#define MAGIC_COUNT (sizeof(magics) / sizeof(magics[0]))

/* What the magic of one spec says. */
struct element {
    unsigned magic;
    bool has_prefix; /* :(prefix:N): N bytes that the user did not type */
    size_t prefix;
    const char *path;
};

/* Punctuation that git keeps for mnemonics, used or not. */
static bool may_be_mnemonic(char c)
{
    return c != '\0' && strchr("!\"#%&',-/:;<=>@_`~", c) != NULL;
}

/* `:` and mnemonics, perhaps a second `:`. */
static int parse_short(const char *spec, struct element *element, struct trove_error *err)
{
    const char *at = spec + 1;

    for (; *at != '\0' && *at != ':'; at++) {
        size_t i = 0;
        char c = *at == '^' ? '!' : *at;
        if (!may_be_mnemonic(c))
            break;
        while (i < MAGIC_COUNT && magics[i].mnemonic != c)
            i++;
        if (i == MAGIC_COUNT)
            return trove_error_set(err, -EINVAL, "Unimplemented pathspec magic '%c' in '%s'", c,
                                   spec);
        element->magic |= magics[i].bit;
    }
    element->path = at + (*at == ':');
    return 0;
}

/* Up to a comma or the closing parenthesis, neither behind a backslash. */
static size_t word_length(const char *at)
{
    size_t length = 0;

    while (at[length] != '\0' && at[length] != ',' && at[length] != ')') {
        if (at[length] == '\\' && at[length + 1] != '\0')
            length++;
        length++;
    }
    return length;
}

static int parse_word(const char *word, size_t length, const char *spec, struct element *element,
                      struct trove_error *err)
{
    if (length >= 7 && memcmp(word, "prefix:", 7) == 0) {
        char *end;
        element->prefix = strtoul(word + 7, &end, 10);
        if ((size_t)(end - word) != length)
            return trove_error_set(err, -EINVAL, "invalid parameter for pathspec magic 'prefix'");
        element->has_prefix = true;
        return 0;
    }
    if (length >= 5 && memcmp(word, "attr:", 5) == 0) {
        element->magic |= TROVE__MAGIC_ATTR;
        return 0;
    }
    for (size_t i = 0; i < MAGIC_COUNT; i++) {
        if (strlen(magics[i].name) == length && memcmp(magics[i].name, word, length) == 0) {
            element->magic |= magics[i].bit;
            return 0;
        }
    }
    return trove_error_set(err, -EINVAL, "Invalid pathspec magic '%.*s' in '%s'", (int)length, word,
                           spec);
}

/* `:(word,word)`. */
static int parse_long(const char *spec, struct element *element, struct trove_error *err)
{
    const char *at = spec + 2;

    while (*at != '\0' && *at != ')') {
        size_t length = word_length(at);
        if (length > 0) {
            int r = parse_word(at, length, spec, element, err);
            if (r < 0)
                return r;
        }
        at += length;
        at += *at == ',';
    }
    if (*at != ')')
        return trove_error_set(err, -EINVAL, "Missing ')' at the end of pathspec magic in '%s'",
                               spec);
    element->path = at + 1;
    return 0;
}

/* The magic that holds for every spec, given what this one asks for. */
static int add_global_magic(const struct trove__pathspec_options *options, struct element *element,
                            struct trove_error *err)
{
    unsigned magic = options->all_literal ? TROVE__MAGIC_LITERAL : 0;

    if (options->all_glob && !(element->magic & TROVE__MAGIC_LITERAL))
        magic |= TROVE__MAGIC_GLOB;
    if (options->all_glob && options->all_noglob)
        return trove_error_set(err, -EINVAL,
                               "global 'glob' and 'noglob' pathspec settings are incompatible");
    if (options->all_icase)
        magic |= TROVE__MAGIC_ICASE;
    if ((magic & TROVE__MAGIC_LITERAL) && (magic & ~(unsigned)TROVE__MAGIC_LITERAL))
        return trove_error_set(err, -EINVAL,
                               "global 'literal' pathspec setting is incompatible with all other "
                               "global pathspec settings");
    if (options->all_noglob && !(element->magic & TROVE__MAGIC_GLOB))
        magic |= TROVE__MAGIC_LITERAL;
    element->magic |= magic;
    return 0;
}

static int refuse_magic(const char *spec, unsigned refused, struct trove_error *err)
{
    char list[160] = "";
    size_t used = 0;

    for (size_t i = 0; i < MAGIC_COUNT; i++) {
        if (!(refused & magics[i].bit))
            continue;
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s'%s'", used > 0 ? ", " : "",
                                 magics[i].name);
        if (magics[i].mnemonic != 0)
            used += (size_t)snprintf(list + used, sizeof(list) - used, " (mnemonic: '%c')",
                                     magics[i].mnemonic);
    }
    return trove_error_set(err, -EINVAL, "%s: pathspec magic not supported by this command: %s",
                           spec, list);
}

static int parse_element(const char *spec, const struct trove__pathspec_options *options,
                         struct element *element, struct trove_error *err)
{
    int r = 0;

    *element = (struct element){.path = spec};
    if (spec[0] == ':' && !options->all_literal)
        r = spec[1] == '(' ? parse_long(spec, element, err) : parse_short(spec, element, err);
    if (r == 0)
        r = add_global_magic(options, element, err);
    if (r < 0)
        return r;
    if ((element->magic & TROVE__MAGIC_LITERAL) && (element->magic & TROVE__MAGIC_GLOB))
        return trove_error_set(err, -EINVAL, "%s: 'literal' and 'glob' are incompatible", spec);
    if (element->magic & ~options->allowed)
        return refuse_magic(spec, element->magic & ~options->allowed, err);
    return 0;
}

bool trove__pathspec_clean(char *path, size_t *prefix)
{
    size_t done = 0;

    for (const char *at = path; *at != '\0';) {
        size_t length = strcspn(at, "/");
        const char *next = at + length + strspn(at + length, "/");
        if (length == 2 && at[0] == '.' && at[1] == '.') {
            if (done == 0)
                return false;
            for (done--; done > 0 && path[done - 1] != '/';)
                done--;
            if (prefix != NULL && *prefix > done)
                *prefix = done;
        } else if (length > 0 && !(length == 1 && at[0] == '.')) {
            memmove(path + done, at, length);
            done += length;
            if (next > at + length)
                path[done++] = '/';
        }
        at = next;
    }
    path[done] = '\0';
    return true;
}

/* An absolute PATH, cleaned, as it is written from the root. False when it leads elsewhere. */
static bool strip_root(char *path, const char *root)
{
    size_t length;

    if (root == NULL || !trove__pathspec_clean(path, NULL))
        return false;
    root += *root == '/';
    length = strlen(root);
    if (strncmp(path, root, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return false;
    length += path[length] == '/';
    memmove(path, path + length, strlen(path + length) + 1);
    return true;
}

/* Makes PATH, whose first *PREFIX bytes the user did not type, one that is written from the root. */
static bool settle_path(char *path, const char *root, size_t *prefix)
{
    if (path[*prefix] != '/')
        return trove__pathspec_clean(path, prefix);
    memmove(path, path + *prefix, strlen(path + *prefix) + 1);
    *prefix = 0;
    return strip_root(path, root);
}

/* The path of ELEMENT in SPEC, below the prefix and cleaned, unless magic says that it is neither. */
static int place_path(const char *word, const struct element *element,
                      const struct trove__pathspec_options *options, struct trove__spec *spec,
                      struct trove_error *err)
{
    const char *prefix = options->prefix != NULL ? options->prefix : "";
    bool as_typed = element->has_prefix || (element->magic & TROVE__MAGIC_TOP);
    size_t prefix_length = as_typed ? 0 : strlen(prefix);

    spec->prefix = element->has_prefix ? element->prefix : prefix_length;
    spec->path = trove__malloc(prefix_length + strlen(element->path) + 1);
    if (spec->path == NULL)
        return -ENOMEM;
    memcpy(spec->path, prefix, prefix_length);
    strcpy(spec->path + prefix_length, element->path);
    if (!as_typed && !settle_path(spec->path, options->root, &spec->prefix))
        return trove_error_set(err, -EINVAL, "%s: '%s' is outside repository at '%s'", word,
                               element->path,
                               options->repository != NULL ? options->repository : "");
    spec->length = strlen(spec->path);
    if (spec->prefix > spec->length)
        return trove_error_set(err, -EINVAL, "invalid parameter for pathspec magic 'prefix'");
    return 0;
}

static bool has_wildcard(const char *text)
{
    return text[strcspn(text, "*?[\\")] != '\0';
}

static int compile(const struct trove__spec *spec, const char *pattern, struct trove__wild **ret)
{
    return trove__wild_compile(pattern, (spec->magic & TROVE__MAGIC_GLOB) != 0,
                               (spec->magic & TROVE__MAGIC_ICASE) != 0, ret);
}

static int prepare_tails(struct trove__spec *spec)
{
    size_t count = 0;

    for (size_t i = spec->plain; i < spec->length; i++)
        count += spec->path[i] == '/';
    if (count == 0)
        return 0;
    spec->tails = trove__calloc(count, sizeof(spec->tails[0]));
    if (spec->tails == NULL)
        return -ENOMEM;
    for (size_t i = spec->plain; i < spec->length; i++) {
        struct trove__spec_tail *tail = &spec->tails[spec->tail_count];
        if (spec->path[i] != '/')
            continue;
        tail->offset = i + 1;
        if (compile(spec, spec->path + i + 1, &tail->wild) < 0)
            return -ENOMEM;
        spec->tail_count++;
    }
    return 0;
}

static int prepare_wildcards(struct trove__spec *spec, bool no_wildcards)
{
    const char *rest;
    int r;

    spec->plain = spec->length;
    if (no_wildcards || (spec->magic & TROVE__MAGIC_LITERAL))
        return 0;
    spec->plain = strcspn(spec->path, "*?[\\");
    if (spec->plain < spec->prefix)
        spec->plain = spec->prefix;
    if (spec->plain == spec->length)
        return 0;
    rest = spec->path + spec->plain;
    if (!(spec->magic & TROVE__MAGIC_GLOB) && rest[0] == '*' && !has_wildcard(rest + 1))
        spec->suffix = rest + 1;
    r = compile(spec, rest, &spec->wild);
    return r == 0 ? prepare_tails(spec) : r;
}

static int add_spec(struct trove__pathspec *pathspec, const char *word,
                    const struct trove__pathspec_options *options, struct trove_error *err)
{
    struct trove__spec *spec = &pathspec->specs[pathspec->count++];
    struct element element;
    int r = parse_element(word, options, &element, err);

    if (r < 0)
        return r;
    spec->magic = element.magic;
    r = place_path(word, &element, options, spec, err);
    if (r == 0)
        r = prepare_wildcards(spec, options->no_wildcards);
    return r;
}

/* The folder that the command stands in, when no spec is given. */
static int add_prefix(struct trove__pathspec *pathspec, const char *prefix)
{
    struct trove__spec *spec = &pathspec->specs[pathspec->count++];

    spec->path = trove__strdup(prefix);
    if (spec->path == NULL)
        return -ENOMEM;
    spec->prefix = spec->plain = spec->length = strlen(prefix);
    return 0;
}

static int compare_specs(const void *a, const void *b)
{
    return strcmp(((const struct trove__spec *)a)->path, ((const struct trove__spec *)b)->path);
}

static int add_all(struct trove__pathspec *pathspec, const char *const *specs, size_t count,
                   const struct trove__pathspec_options *options, struct trove_error *err)
{
    size_t exclude_count = 0;
    int r = 0;

    for (size_t i = 0; i < count; i++) {
        if (specs[i][0] == '\0')
            return trove_error_set(err, -EINVAL,
                                   "empty string is not a valid pathspec. please use . instead if "
                                   "you meant to match all paths");
    }
    for (size_t i = 0; i < count && r == 0; i++) {
        r = add_spec(pathspec, specs[i], options, err);
        exclude_count += (pathspec->specs[i].magic & TROVE__MAGIC_EXCLUDE) != 0;
    }
    /* Only exclusions: all but these. */
    if (r == 0 && count > 0 && exclude_count == count)
        r = add_spec(pathspec, ".", options, err);
    pathspec->has_exclude = exclude_count > 0;
    return r;
}

int trove__pathspec_parse(const char *const *specs, size_t count,
                          const struct trove__pathspec_options *options,
                          struct trove__pathspec **ret, struct trove_error *err)
{
    struct trove__pathspec *pathspec = trove__calloc(1, sizeof(*pathspec));
    int r = -ENOMEM;

    if (pathspec == NULL)
        goto fail;
    pathspec->recursive = options->recursive;
    pathspec->max_depth = options->recursive && options->max_depth >= 0 ? options->max_depth : -1;
    pathspec->specs = trove__calloc(count + 1, sizeof(pathspec->specs[0]));
    if (pathspec->specs == NULL)
        goto fail;
    if (count == 0 && options->prefix != NULL && options->prefix[0] != '\0')
        r = add_prefix(pathspec, options->prefix);
    else
        r = add_all(pathspec, specs, count, options, err);
    if (r < 0)
        goto fail;
    /* With a limit of depth the last spec that holds a path decides, in this order. */
    if (pathspec->max_depth >= 0)
        qsort(pathspec->specs, pathspec->count, sizeof(pathspec->specs[0]), compare_specs);
    *ret = pathspec;
    return 0;
fail:
    if (r == -ENOMEM)
        trove_error_set(err, r, "out of memory");
    trove__pathspec_destroy(pathspec);
    return r;
}

static void destroy_spec(struct trove__spec *spec)
{
    for (size_t i = 0; i < spec->tail_count; i++)
        trove__wild_destroy(spec->tails[i].wild);
    trove__free(spec->tails);
    trove__wild_destroy(spec->wild);
    trove__free(spec->path);
}

void trove__pathspec_destroy(struct trove__pathspec *pathspec)
{
    if (pathspec == NULL)
        return;
    for (size_t i = 0; pathspec->specs != NULL && i < pathspec->count; i++) {
        destroy_spec(&pathspec->specs[i]);
    }
    trove__free(pathspec->specs);
    trove__free(pathspec);
}
