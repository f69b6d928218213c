// SPDX-License-Identifier: MIT
/*
 * grep.c - making a search from its settings, and a thread's scratch for it.
 */
#include "core/memory.h"
#include "match.h"
#include <errno.h>

static const char *const default_colors[TROVE__COLORS] = {
    [TROVE__COLOR_CONTEXT] = "",
    [TROVE__COLOR_FILENAME] = "\033[35m",
    [TROVE__COLOR_FUNCTION] = "",
    [TROVE__COLOR_LINE_NUMBER] = "\033[32m",
    [TROVE__COLOR_COLUMN] = "\033[32m",
    [TROVE__COLOR_MATCH_CONTEXT] = "\033[1;31m",
    [TROVE__COLOR_MATCH_SELECTED] = "\033[1;31m",
    [TROVE__COLOR_SELECTED] = "",
    [TROVE__COLOR_SEPARATOR] = "\033[36m",
};

static int set_colors(struct trove__grep *grep)
{
    const struct trove__grep_settings *settings = &grep->settings;

    for (size_t i = 0; i < TROVE__COLORS; i++) {
        const char *color = settings->colors[i] != NULL ? settings->colors[i] : default_colors[i];
        grep->colors[i] = trove__strdup(settings->color ? color : "");
        if (grep->colors[i] == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int set_mark(struct trove__grep *grep)
{
    const char *color = grep->colors[TROVE__COLOR_SEPARATOR];
    struct trove__text text = {0};

    if (!grep->settings.file_break) {
        trove__text_add(&text, color, strlen(color));
        trove__text_add(&text, "--", 2);
        trove__text_add(&text, "\033[m", *color != '\0' ? 3 : 0);
    }
    trove__text_add(&text, "\n", 1);
    grep->mark = text.bytes;
    grep->mark_size = text.size;
    return text.failure;
}

static int compile_pattern(struct trove__grep *grep, const struct trove__grep_pattern *pattern,
                           struct trove_error *err)
{
    int r =
        trove__pattern_compile(&grep->settings, pattern, &grep->patterns[grep->pattern_count], err);

    if (r == 0)
        grep->pattern_count++;
    return r;
}

/* Each line of a pattern is a pattern. */
static int compile_lines(struct trove__grep *grep, const struct trove__grep_pattern *whole,
                         struct trove_error *err)
{
    struct trove__grep_pattern line = *whole;
    size_t left = whole->size;

    for (;;) {
        const char *newline = left != 0 ? memchr(line.bytes, '\n', left) : NULL;
        int r;

        line.size = newline != NULL ? (size_t)(newline - line.bytes) : left;
        r = compile_pattern(grep, &line, err);
        if (r < 0 || newline == NULL)
            return r;
        left -= line.size + 1;
        line.bytes = newline + 1;
    }
}

static int compile_patterns(struct trove__grep *grep, const struct trove__grep_settings *settings,
                            struct trove_error *err)
{
    size_t count = 0;
    int r;

    for (size_t i = 0; i < settings->pattern_count; i++) {
        const struct trove__grep_pattern *pattern = &settings->patterns[i];
        count++;
        for (size_t at = 0; at < pattern->size; at++)
            count += pattern->bytes[at] == '\n';
    }
    grep->patterns = trove__calloc(count, sizeof(*grep->patterns));
    if (grep->patterns == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < settings->pattern_count; i++) {
        r = compile_lines(grep, &settings->patterns[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A false candidate is harmless only while every pattern means the same in a line alone as in the whole buffer. */
static void check_supersets(struct trove__grep *grep)
{
    bool all = true;

    for (size_t i = 0; i < grep->pattern_count; i++)
        all = all && grep->patterns[i].linewise;
    for (size_t i = 0; !all && i < grep->pattern_count; i++)
        trove__pattern_drop_superset(&grep->patterns[i]);
}

int trove__grep_compile(const struct trove__grep_settings *settings, struct trove__grep **ret_grep,
                        struct trove_error *err)
{
    struct trove__grep *grep;
    int r;

    if (settings->pattern_count == 0)
        return trove_error_set(err, -EINVAL, "no pattern given");
    grep = trove__calloc(1, sizeof(*grep));
    if (grep == NULL)
        return trove_error_set(err, -ENOMEM, "out of memory");
    grep->settings = *settings;
    grep->settings.only_matching = settings->only_matching && !settings->invert;
    grep->settings.patterns = NULL;
    grep->settings.pattern_count = 0;
    r = set_colors(grep);
    if (r == 0)
        r = set_mark(grep);
    if (r == 0)
        r = compile_patterns(grep, settings, err);
    if (r < 0) {
        trove__grep_destroy(grep);
        return r == -ENOMEM ? trove_error_set(err, r, "out of memory") : r;
    }
    check_supersets(grep);
    *ret_grep = grep;
    return 0;
}

void trove__grep_destroy(struct trove__grep *grep)
{
    if (grep == NULL)
        return;
    for (size_t i = 0; i < grep->pattern_count; i++)
        trove__pattern_deinit(&grep->patterns[i]);
    for (size_t i = 0; i < TROVE__COLORS; i++)
        trove__free(grep->colors[i]);
    trove__free(grep->patterns);
    trove__free(grep->mark);
    trove__free(grep);
}

int trove__grep_scratch_create(const struct trove__grep *grep, struct trove__grep_scratch **ret)
{
    struct trove__grep_scratch *scratch = trove__calloc(1, sizeof(*scratch));
    int r = 0;

    if (scratch == NULL)
        return -ENOMEM;
    scratch->grep = grep;
    scratch->patterns = trove__calloc(grep->pattern_count, sizeof(*scratch->patterns));
    if (scratch->patterns == NULL)
        r = -ENOMEM;
    for (size_t i = 0; r == 0 && i < grep->pattern_count; i++)
        r = trove__pattern_scratch_init(&grep->patterns[i], &scratch->patterns[i]);
    if (r < 0) {
        trove__grep_scratch_destroy(scratch);
        return r;
    }
    *ret = scratch;
    return 0;
}

void trove__grep_scratch_destroy(struct trove__grep_scratch *scratch)
{
    if (scratch == NULL)
        return;
    for (size_t i = 0; scratch->patterns != NULL && i < scratch->grep->pattern_count; i++)
        trove__pattern_scratch_deinit(&scratch->patterns[i]);
    trove__free(scratch->patterns);
    trove__free(scratch);
}

const char *trove__grep_mark(const struct trove__grep *grep, size_t *ret_size)
{
    *ret_size = grep->mark_size;
    return grep->mark;
}

bool trove__grep_first_hit_ends(const struct trove__grep *grep)
{
    return grep->settings.quiet;
}
