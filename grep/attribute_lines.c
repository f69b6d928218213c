// SPDX-License-Identifier: MIT
/*
 * attribute_lines.c - the lines of a gitattributes file.
 */
#include "attribute_lines.h"
#include "core/memory.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>

#define LINE_MAX_BYTES 2048 /* git ignores lines that long */

static const char blanks[] = " \t\r\n";
static const char macro_mark[] = "[attr]";

/* --- names ------------------------------------------------------------------------------------------------------- */

static bool is_name(const char *name, size_t length)
{
    if (length == 0 || *name == '-')
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        if (!(c == '-' || c == '.' || c == '_' || (c >= '0' && c <= '9') ||
              (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return true;
}

/* Where NAME stands in sorted[], or belongs. */
static size_t find_name(const struct trove__attribute_names *names, const char *name, size_t length,
                        bool *ret_there)
{
    size_t low = 0, high = names->count;

    *ret_there = false;
    while (low < high && !*ret_there) {
        size_t middle = low + (high - low) / 2;
        const char *other = names->names[names->sorted[middle]];
        int order = strncmp(other, name, length);

        if (order == 0 && other[length] == '\0')
            *ret_there = true;
        if (*ret_there || order >= 0) /* a longer one of the same beginning is behind */
            high = middle;
        else
            low = middle + 1;
    }
    return *ret_there ? high : low;
}

static int grow_names(struct trove__attribute_names *names)
{
    size_t capacity = names->capacity != 0 ? names->capacity * 2 : 8;
    void *grown = trove__realloc(names->names, capacity * sizeof(*names->names));

    if (grown == NULL)
        return -ENOMEM;
    names->names = grown;
    grown = trove__realloc(names->sorted, capacity * sizeof(*names->sorted));
    if (grown == NULL)
        return -ENOMEM;
    names->sorted = grown;
    names->capacity = capacity;
    return 0;
}

size_t trove__attribute_number(struct trove__attribute_names *names, const char *name,
                               size_t length)
{
    bool there;
    size_t place = find_name(names, name, length, &there);

    if (there)
        return names->sorted[place];
    if (names->count == names->capacity && grow_names(names) < 0)
        return TROVE__ATTRIBUTE_NONE;
    names->names[names->count] = trove__strndup(name, length);
    if (names->names[names->count] == NULL)
        return TROVE__ATTRIBUTE_NONE;
    memmove(names->sorted + place + 1, names->sorted + place,
            (names->count - place) * sizeof(*names->sorted));
    names->sorted[place] = names->count;
    return names->count++;
}

void trove__attribute_names_deinit(struct trove__attribute_names *names)
{
    while (names->count > 0)
        trove__free(names->names[--names->count]);
    trove__free(names->names);
    trove__free(names->sorted);
    *names = (struct trove__attribute_names){0};
}

/* --- states ------------------------------------------------------------------------------------------------------ */

/* One word behind the pattern. */
struct word {
    const char *name;
    size_t length;
    enum trove__attribute_value value;
    const char *text; /* TEXT */
    size_t text_length;
};

/* Reads the word at *AT, which moves behind it and the blanks that follow. False if git refuses it. */
static bool read_word(const char **at, struct word *ret)
{
    size_t end = strcspn(*at, blanks);
    const char *equals = memchr(*at, '=', end);

    *ret = (struct word){.name = *at, .value = TROVE__ATTRIBUTE_TRUE};
    ret->length = equals != NULL ? (size_t)(equals - *at) : end;
    if (equals != NULL) {
        ret->value = TROVE__ATTRIBUTE_TEXT;
        ret->text = equals + 1;
        ret->text_length = end - ret->length - 1;
    }
    if (**at == '-' || **at == '!') {
        ret->value = **at == '-' ? TROVE__ATTRIBUTE_FALSE : TROVE__ATTRIBUTE_UNSET;
        ret->name++;
        ret->length -= ret->length != 0;
    }
    *at += end;
    *at += strspn(*at, blanks);
    return is_name(ret->name, ret->length);
}

static int add_state(struct trove__attribute_rule *rule, struct trove__attribute_names *names,
                     const struct word *word)
{
    struct trove__attribute_state *state = &rule->states[rule->count];

    *state = (struct trove__attribute_state){.value = word->value};
    state->number = trove__attribute_number(names, word->name, word->length);
    if (state->number == TROVE__ATTRIBUTE_NONE)
        return -ENOMEM;
    if (word->value == TROVE__ATTRIBUTE_TEXT) {
        state->text = trove__strndup(word->text, word->text_length);
        if (state->text == NULL)
            return -ENOMEM;
    }
    rule->count++;
    return 0;
}

/* The words at AT. 1; 0 when one of them spoils the line; -ENOMEM. */
static int read_states(const char *at, struct trove__attribute_names *names,
                       struct trove__attribute_rule *rule)
{
    const char *look = at;
    struct word word;
    size_t count = 0;
    int r = 0;

    for (; *look != '\0'; count++) {
        if (!read_word(&look, &word))
            return 0;
    }
    rule->states = trove__malloc((count + 1) * sizeof(*rule->states));
    if (rule->states == NULL)
        return -ENOMEM;
    while (r == 0 && *at != '\0') {
        read_word(&at, &word);
        r = add_state(rule, names, &word);
    }
    return r < 0 ? r : 1;
}

static void deinit_rule(struct trove__attribute_rule *rule)
{
    while (rule->count > 0)
        trove__free(rule->states[--rule->count].text);
    trove__free(rule->states);
    trove__wild_destroy(rule->wild);
}

/* --- patterns ---------------------------------------------------------------------------------------------------- */

static char simple_escape(char c)
{
    static const char names[] = "abfnrtv\\\"";
    static const char bytes[] = "\a\b\f\n\r\t\v\\\"";
    const char *found = c != '\0' ? strchr(names, c) : NULL;

    return found != NULL ? bytes[found - names] : '\0';
}

/* One byte behind a backslash; *AT moves behind it. False if there is no such escape. */
static bool read_escape(const char **at, char *ret)
{
    const char *p = *at;

    if (simple_escape(p[0]) != '\0') {
        *ret = simple_escape(p[0]);
        *at += 1;
        return true;
    }
    for (int i = 0; i < 3; i++) {
        if (p[i] < '0' || p[i] > (i == 0 ? '3' : '7'))
            return false;
    }
    *ret = (char)((p[0] - '0') * 64 + (p[1] - '0') * 8 + (p[2] - '0'));
    *at += 3;
    return true;
}

/* A name in double quotes at LINE into OUT; returns what stands behind it, or NULL if the quotes are not right. */
static const char *unquote(const char *line, char *out)
{
    const char *at = line + 1;

    while (*at != '"') {
        if (*at == '\0')
            return NULL;
        if (*at == '\\') {
            at++;
            if (!read_escape(&at, out))
                return NULL;
            out++;
        } else {
            *out++ = *at++;
        }
    }
    *out = '\0';
    return at + 1;
}

/* 1; 0 for a pattern that never selects a file; -ENOMEM. */
static int compile_pattern(char *pattern, struct trove__attribute_rule *rule)
{
    size_t length = strlen(pattern);

    if (pattern[0] == '!' || length == 0 || pattern[length - 1] == '/')
        return 0;
    rule->whole_path = strchr(pattern, '/') != NULL;
    if (rule->whole_path && pattern[0] == '/')
        pattern++;
    return trove__wild_compile(pattern, rule->whole_path, false, &rule->wild) < 0 ? -ENOMEM : 1;
}

/* Reads the line into RULE: 1; 0 if there is nothing in it; -ENOMEM. */
static int read_line(const char *line, bool macros, struct trove__attribute_names *names,
                     struct trove__attribute_rule *rule)
{
    char pattern[LINE_MAX_BYTES];
    const char *states = NULL;
    size_t length;
    int r;

    line += strspn(line, blanks);
    if (*line == '\0' || *line == '#')
        return 0;
    if (*line == '"')
        states = unquote(line, pattern);
    if (states == NULL) {
        length = strcspn(line, blanks);
        memcpy(pattern, line, length);
        pattern[length] = '\0';
        states = line + length;
    }
    if (strlen(pattern) > sizeof(macro_mark) - 1 &&
        strncmp(pattern, macro_mark, sizeof(macro_mark) - 1) == 0) {
        const char *name = pattern + sizeof(macro_mark) - 1;
        length = strlen(name);
        if (!macros || !is_name(name, length))
            return 0;
        rule->macro = trove__attribute_number(names, name, length);
        r = rule->macro != TROVE__ATTRIBUTE_NONE ? 1 : -ENOMEM;
    } else {
        r = compile_pattern(pattern, rule);
    }
    return r == 1 ? read_states(states + strspn(states, blanks), names, rule) : r;
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static int add_line(struct trove__attribute_rules *rules, struct trove__attribute_names *names,
                    bool macros, const char *line)
{
    struct trove__attribute_rule rule = {.macro = TROVE__ATTRIBUTE_NONE};
    int r;

    if (rules->count == rules->capacity) {
        size_t capacity = rules->capacity != 0 ? rules->capacity * 2 : 8;
        struct trove__attribute_rule *grown =
            trove__realloc(rules->rules, capacity * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        rules->rules = grown;
        rules->capacity = capacity;
    }
    r = read_line(line, macros, names, &rule);
    if (r == 1)
        rules->rules[rules->count++] = rule;
    else
        deinit_rule(&rule);
    return r < 0 ? r : 0;
}

int trove__attribute_rules_add(struct trove__attribute_rules *rules,
                               struct trove__attribute_names *names, bool macros, const char *text,
                               size_t size)
{
    char line[LINE_MAX_BYTES];
    size_t at = 0;
    int r = 0;

    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        at = 3;
    while (r == 0 && at < size) {
        const char *newline = memchr(text + at, '\n', size - at);
        size_t length = newline != NULL ? (size_t)(newline - text) - at : size - at;

        if (length < sizeof(line)) {
            memcpy(line, text + at, length);
            line[length] = '\0';
            r = add_line(rules, names, macros, line);
        }
        at += length + 1;
    }
    return r;
}

void trove__attribute_rules_deinit(struct trove__attribute_rules *rules)
{
    while (rules->count > 0)
        deinit_rule(&rules->rules[--rules->count]);
    trove__free(rules->rules);
    *rules = (struct trove__attribute_rules){0};
}
