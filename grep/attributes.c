// SPDX-License-Identifier: MIT
/*
 * attributes.c - which attributes a path has: the files on the way to it, stacked, asked from the last line to the first.
 */
#include "attributes.h"
#include "attribute_lines.h"
#include "core/memory.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>

/* Of a folder on the way to the last path. */
struct folder {
    size_t length; /* of its name, the slash included */
    struct trove__attribute_rules rules;
};

/* A rule whose states are being gone through, from the last to the first. */
struct step {
    const struct trove__attribute_rule *rule;
    size_t left;
};

struct driver {
    char *name; /* own */
    enum trove__content content;
};

struct trove__attributes {
    trove__attributes_load load;
    void *load_context;
    struct trove__attribute_names names; /* number 0 is `diff` */
    struct trove__attribute_rules first, last;
    struct driver *drivers; /* own */
    size_t driver_count;

    char *folder; /* own; where the last path was: all folders[] are on the way to it */
    struct folder *folders;
    size_t folder_count, folder_capacity;

    /* Of the question under way: a slot for each name. */
    const struct trove__attribute_state **values;
    const struct trove__attribute_rule **macros;
    struct step *steps; /* one more */
    size_t value_capacity;
};

int trove__attributes_create(trove__attributes_load load, void *load_context,
                             struct trove__attributes **ret)
{
    static const char builtin[] = "[attr]binary -diff -merge -text\n";
    struct trove__attributes *attributes = trove__calloc(1, sizeof(*attributes));

    if (attributes == NULL)
        return -ENOMEM;
    attributes->load = load;
    attributes->load_context = load_context;
    if (trove__attribute_number(&attributes->names, "diff", 4) != 0 ||
        trove__attribute_rules_add(&attributes->first, &attributes->names, true, builtin,
                                   sizeof(builtin) - 1) < 0) {
        trove__attributes_destroy(attributes);
        return -ENOMEM;
    }
    *ret = attributes;
    return 0;
}

void trove__attributes_destroy(struct trove__attributes *attributes)
{
    if (attributes == NULL)
        return;
    while (attributes->folder_count > 0)
        trove__attribute_rules_deinit(&attributes->folders[--attributes->folder_count].rules);
    while (attributes->driver_count > 0)
        trove__free(attributes->drivers[--attributes->driver_count].name);
    trove__attribute_rules_deinit(&attributes->first);
    trove__attribute_rules_deinit(&attributes->last);
    trove__attribute_names_deinit(&attributes->names);
    trove__free(attributes->drivers);
    trove__free(attributes->folders);
    trove__free(attributes->folder);
    trove__free(attributes->values);
    trove__free(attributes->macros);
    trove__free(attributes->steps);
    trove__free(attributes);
}

int trove__attributes_add(struct trove__attributes *attributes, enum trove__attributes_place place,
                          const char *text, size_t size)
{
    return trove__attribute_rules_add(place == TROVE__ATTRIBUTES_FIRST ? &attributes->first
                                                                       : &attributes->last,
                                      &attributes->names, true, text, size);
}

int trove__attributes_set_driver(struct trove__attributes *attributes, const char *name,
                                 size_t length, enum trove__content content)
{
    struct driver *drivers =
        trove__realloc(attributes->drivers, (attributes->driver_count + 1) * sizeof(*drivers));

    if (drivers == NULL)
        return -ENOMEM;
    attributes->drivers = drivers;
    drivers += attributes->driver_count;
    *drivers = (struct driver){.name = trove__strndup(name, length), .content = content};
    if (drivers->name == NULL)
        return -ENOMEM;
    attributes->driver_count++;
    return 0;
}

/* --- folders ----------------------------------------------------------------------------------------------------- */

static int push_folder(struct trove__attributes *attributes, const char *path, size_t length)
{
    struct folder *folder;
    struct trove__text text = {0};
    char *name;
    int r;

    if (attributes->folder_count == attributes->folder_capacity) {
        size_t capacity = attributes->folder_capacity * 2 + 8;
        struct folder *grown = trove__realloc(attributes->folders, capacity * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        attributes->folders = grown;
        attributes->folder_capacity = capacity;
    }
    name = trove__strndup(path, length);
    if (name == NULL)
        return -ENOMEM;
    folder = &attributes->folders[attributes->folder_count];
    *folder = (struct folder){.length = length};
    r = attributes->load(attributes->load_context, name, &text);
    if (r == 0)
        r = trove__attribute_rules_add(&folder->rules, &attributes->names, length == 0, text.bytes,
                                       text.size);
    trove__text_deinit(&text);
    trove__free(attributes->folder);
    attributes->folder = name;
    attributes->folder_count++;
    return r;
}

/* Leaves folders that are not on the way to PATH and enters those that are. */
static int go_to(struct trove__attributes *attributes, const char *path)
{
    const char *slash;
    size_t entered = 0;
    int r = 0;

    if (attributes->load == NULL)
        return 0;
    while (attributes->folder_count > 0) {
        struct folder *folder = &attributes->folders[attributes->folder_count - 1];
        if (strncmp(attributes->folder, path, folder->length) == 0) {
            entered = folder->length;
            break;
        }
        trove__attribute_rules_deinit(&folder->rules);
        attributes->folder_count--;
    }
    if (attributes->folder_count == 0)
        r = push_folder(attributes, path, 0);
    while (r == 0 && (slash = strchr(path + entered, '/')) != NULL) {
        entered = (size_t)(slash - path) + 1;
        r = push_folder(attributes, path, entered);
    }
    return r;
}

/* --- the question ------------------------------------------------------------------------------------------------ */

static int reset_values(struct trove__attributes *attributes)
{
    size_t count = attributes->names.count;

    if (count > attributes->value_capacity) {
        void *values = trove__realloc(attributes->values, count * sizeof(*attributes->values));
        void *macros, *steps;
        if (values == NULL)
            return -ENOMEM;
        attributes->values = values;
        macros = trove__realloc(attributes->macros, count * sizeof(*attributes->macros));
        if (macros == NULL)
            return -ENOMEM;
        attributes->macros = macros;
        steps = trove__realloc(attributes->steps, (count + 1) * sizeof(*attributes->steps));
        if (steps == NULL)
            return -ENOMEM;
        attributes->steps = steps;
        attributes->value_capacity = count;
    }
    memset(attributes->values, 0, count * sizeof(*attributes->values));
    memset(attributes->macros, 0, count * sizeof(*attributes->macros));
    return 0;
}

/* Later definitions win: called from the first file to the last. */
static void define_macros(struct trove__attributes *attributes,
                          const struct trove__attribute_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->rules[i].macro != TROVE__ATTRIBUTE_NONE)
            attributes->macros[rules->rules[i].macro] = &rules->rules[i];
    }
}

/* What is known already stays. Each name is filled once, so the way down through macros ends, and no longer than there
 * are names: macros of macros are as many as a file likes, so the way is not on the C stack. */
static void fill(struct trove__attributes *attributes, const struct trove__attribute_rule *rule)
{
    struct step *steps = attributes->steps;
    size_t depth = 1;

    steps[0] = (struct step){rule, rule->count};
    while (depth > 0) {
        const struct trove__attribute_state *state;

        if (steps[depth - 1].left == 0) {
            depth--;
            continue;
        }
        state = &steps[depth - 1].rule->states[--steps[depth - 1].left];
        if (attributes->values[state->number] != NULL)
            continue;
        attributes->values[state->number] = state;
        rule = attributes->macros[state->number];
        if (state->value == TROVE__ATTRIBUTE_TRUE && rule != NULL)
            steps[depth++] = (struct step){rule, rule->count};
    }
}

/* The lines of a file in a folder whose name has BASE bytes. */
static void ask(struct trove__attributes *attributes, const struct trove__attribute_rules *rules,
                const char *path, size_t base)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;

    for (size_t i = rules->count; i-- > 0 && attributes->values[0] == NULL;) {
        const struct trove__attribute_rule *rule = &rules->rules[i];
        const char *text = rule->whole_path ? path + base : last;
        if (rule->macro == TROVE__ATTRIBUTE_NONE &&
            trove__wild_match(rule->wild, text, strlen(text)))
            fill(attributes, rule);
    }
}

/* STATE: of the attribute `diff`, or NULL. */
static enum trove__content content_of(const struct trove__attributes *attributes,
                                      const struct trove__attribute_state *state)
{
    const char *name = "default"; /* a driver like others, for all that have none */

    if (state != NULL && state->value == TROVE__ATTRIBUTE_TRUE)
        return TROVE__CONTENT_TEXT;
    if (state != NULL && state->value == TROVE__ATTRIBUTE_FALSE)
        return TROVE__CONTENT_BINARY;
    if (state != NULL && state->value == TROVE__ATTRIBUTE_TEXT)
        name = state->text;
    for (size_t i = attributes->driver_count; i-- > 0;) {
        if (strcmp(attributes->drivers[i].name, name) == 0)
            return attributes->drivers[i].content;
    }
    return TROVE__CONTENT_LOOK;
}

int trove__attributes_content(struct trove__attributes *attributes, const char *path,
                              enum trove__content *ret)
{
    int r;

    if (path == NULL) {
        *ret = content_of(attributes, NULL);
        return 0;
    }
    r = go_to(attributes, path);
    if (r == 0)
        r = reset_values(attributes);
    if (r < 0)
        return r;
    define_macros(attributes, &attributes->first);
    if (attributes->folder_count > 0)
        define_macros(attributes, &attributes->folders[0].rules);
    define_macros(attributes, &attributes->last);
    ask(attributes, &attributes->last, path, 0);
    for (size_t i = attributes->folder_count; i-- > 0;)
        ask(attributes, &attributes->folders[i].rules, path, attributes->folders[i].length);
    ask(attributes, &attributes->first, path, 0);
    *ret = content_of(attributes, attributes->values[0]);
    return 0;
}
