// SPDX-License-Identifier: MIT
/*
 * pattern.c - compiling one pattern the way git does, and asking its engine.
 */
#include "pattern.h"
#include "core/memory.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

/* Steps a superset may take before regexec() is asked instead. */
#define SUPERSET_MATCH_LIMIT 1000000

/* Bytes of a fixed string that PCRE2 takes, whatever they are. */
#define NEVER_TOO_LONG 4096

static const char no_jit_verb[] = "(*NO_JIT)";

/* No byte of it is special in any of the syntaxes. */
static bool is_plain(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '\0' && strchr("$()+.^{|*?[\\", bytes[i]) != NULL)
            return false;
    }
    return true;
}

/* Says in git's words which pattern was refused and why. */
static int refuse(const struct trove__grep_pattern *pattern, const char *bytes, const char *why,
                  struct trove_error *err)
{
    if (pattern->line != 0)
        return trove_error_set(err, -EINVAL, "In '%s' at %d, '%s': %s", pattern->origin,
                               pattern->line, bytes, why);
    return trove_error_set(err, -EINVAL, "%s, '%s': %s", pattern->origin, bytes, why);
}

static bool has_wide(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text > 127)
            return true;
    }
    return false;
}

static int jit_compile(struct trove__pattern *pattern, struct trove_error *err)
{
    uint32_t available = 0;
    size_t jit_size = 0;
    int r;

    pcre2_config(PCRE2_CONFIG_JIT, &available);
    if (!available)
        return 0;
    r = pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
    if (r != 0)
        return trove_error_set(err, r == PCRE2_ERROR_NOMEMORY ? -ENOMEM : -EINVAL,
                               "Couldn't JIT the PCRE2 pattern '%s', got '%d'", pattern->bytes, r);
    /* A pattern that begins with (*NO_JIT) has none. */
    pcre2_pattern_info(pattern->code, PCRE2_INFO_JITSIZE, &jit_size);
    pattern->jit = jit_size != 0;
    return 0;
}

/* SOURCE is what PCRE2 shall see: the pattern or its quoted form. */
static int compile_perl(const struct trove__grep_settings *settings,
                        const struct trove__grep_pattern *origin, const char *source, size_t size,
                        bool literal, struct trove__pattern *pattern, struct trove_error *err)
{
    uint32_t options = PCRE2_MULTILINE;
    pcre2_compile_context *context = NULL;
    PCRE2_SIZE offset;
    int error;

    pattern->engine = TROVE__ENGINE_PERL;
    if (settings->ignore_case) {
        options |= PCRE2_CASELESS;
        if (has_wide(source)) {
            pattern->tables = pcre2_maketables(NULL);
            context = pcre2_compile_context_create(NULL);
            if (pattern->tables == NULL || context == NULL) {
                pcre2_compile_context_free(context);
                return -ENOMEM;
            }
            pcre2_set_character_tables(context, pattern->tables);
        }
    }
    if (trove__charset_now() == TROVE__CHARSET_UTF8 && !(literal && !settings->ignore_case))
        options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    pattern->code = pcre2_compile((PCRE2_SPTR)source, size, options, &error, &offset, context);
    pcre2_compile_context_free(context);
    if (pattern->code == NULL) {
        char why[256];
        pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof(why));
        return refuse(origin, source, why, err);
    }
    return jit_compile(pattern, err);
}

static bool contains(const char *bytes, size_t size, const char *text)
{
    return memmem(bytes, size, text, strlen(text)) != NULL;
}

/* `(?-m)` and `(?^)` make `^` the start of the text that is searched, without any looking behind. */
static bool may_unset_multiline(const char *bytes, size_t size)
{
    for (size_t at = 0; at + 2 < size; at++) {
        if (bytes[at] != '(' || bytes[at + 1] != '?')
            continue;
        for (size_t i = at + 2; i < size; i++) {
            if (bytes[i] == '-' || bytes[i] == '^')
                return true;
            if (!isascii((unsigned char)bytes[i]) || !isalpha((unsigned char)bytes[i]))
                break;
        }
    }
    return false;
}

/* Whether a search of a -P pattern sees nothing of what stands before the place where it starts. */
static bool looks_only_ahead(const struct trove__pattern *pattern)
{
    uint32_t behind = 1;

    pcre2_pattern_info(pattern->code, PCRE2_INFO_MAXLOOKBEHIND, &behind);
    return behind == 0 && !may_unset_multiline(pattern->bytes, pattern->size) &&
           !contains(pattern->bytes, pattern->size, "\\G") &&
           !contains(pattern->bytes, pattern->size, "\\K") &&
           !contains(pattern->bytes, pattern->size, "(*") &&
           !contains(pattern->bytes, pattern->size, "(?C");
}

/* Leaves a pattern that stands for itself to PCRE2, as git does: PLAIN as it is, else quoted. */
static int compile_quoted(const struct trove__grep_settings *settings,
                          const struct trove__grep_pattern *origin, bool plain,
                          struct trove__pattern *pattern, struct trove_error *err)
{
    char *quoted;
    int r;

    if (plain)
        return compile_perl(settings, origin, pattern->bytes, pattern->size, true, pattern, err);
    quoted = trove__malloc(pattern->size + 5);
    if (quoted == NULL)
        return -ENOMEM;
    memcpy(quoted, "\\Q", 2);
    memcpy(quoted + 2, pattern->bytes, pattern->size);
    memcpy(quoted + 2 + pattern->size, "\\E", 3);
    r = compile_perl(settings, origin, quoted, pattern->size + 4, true, pattern, err);
    trove__free(quoted);
    return r;
}

/* A pattern that stands for itself: -F, or nothing special in it. */
static int compile_literal(const struct trove__grep_settings *settings,
                           const struct trove__grep_pattern *origin, bool plain,
                           struct trove__pattern *pattern, struct trove_error *err)
{
    /* git quotes with \Q and \E, so a \E inside ends the quotation there too. */
    bool ends_quotation = contains(pattern->bytes, pattern->size, "\\E");
    bool literal = !settings->ignore_case && !ends_quotation;
    int r = 0;

    pattern->stable = plain || !ends_quotation;
    pattern->linewise = pattern->stable;
    /* A very long one git leaves to PCRE2 in vain. */
    if (!literal || pattern->size > NEVER_TOO_LONG)
        r = compile_quoted(settings, origin, plain, pattern, err);
    if (r < 0 || !literal)
        return r;
    pcre2_code_free(pattern->code);
    pattern->code = NULL;
    pattern->jit = false;
    pattern->engine = TROVE__ENGINE_LITERAL;
    trove__literal_init(&pattern->literal, pattern->bytes, pattern->size);
    return 0;
}

static int compile_supersets(const struct trove__grep_settings *settings,
                             struct trove__pattern *pattern)
{
    struct trove__superset_source source = {
        .pattern = pattern->bytes,
        .size = pattern->size,
        .extended = settings->type == TROVE__GREP_EXTENDED,
        .ignore_case = settings->ignore_case,
        .charset = trove__charset_now(),
        .ascii_only = true,
    };
    int r = trove__superset_compile(&source, &pattern->ascii);

    if (r == 0 && source.charset == TROVE__CHARSET_UTF8) {
        source.ascii_only = false;
        r = trove__superset_compile(&source, &pattern->general);
    }
    if (r < 0)
        trove__pattern_drop_superset(pattern);
    pattern->stable = r == 0;
    pattern->linewise = r == 0;
    return r == -ENOMEM ? r : 0;
}

static int compile_posix(const struct trove__grep_settings *settings,
                         const struct trove__grep_pattern *origin, struct trove__pattern *pattern,
                         struct trove_error *err)
{
    regex_t regex;
    int r;

    pattern->engine = TROVE__ENGINE_POSIX;
    pattern->regex_flags = REG_NEWLINE;
    if (settings->ignore_case)
        pattern->regex_flags |= REG_ICASE;
    if (settings->type == TROVE__GREP_EXTENDED)
        pattern->regex_flags |= REG_EXTENDED;
    r = regcomp(&regex, pattern->bytes, pattern->regex_flags);
    if (r != 0) {
        char why[1024];
        regerror(r, &regex, why, sizeof(why));
        return refuse(origin, pattern->bytes, why, err);
    }
    regfree(&regex);
    return compile_supersets(settings, pattern);
}

static int compile(const struct trove__grep_settings *settings,
                   const struct trove__grep_pattern *origin, struct trove__pattern *pattern,
                   struct trove_error *err)
{
    bool fixed = settings->type == TROVE__GREP_FIXED;
    bool plain = is_plain(pattern->bytes, pattern->size);
    size_t verb = sizeof(no_jit_verb) - 1;
    int r;

    if (settings->type != TROVE__GREP_PERL && memchr(pattern->bytes, '\0', pattern->size) != NULL)
        return trove_error_set(err, -EINVAL,
                               "given pattern contains NULL byte (via -f <file>). This is only "
                               "supported with -P under PCRE v2");
    if (fixed || plain)
        return compile_literal(settings, origin, plain, pattern, err);
    /* Whatever the type, git leaves a plain pattern behind this verb to PCRE2, which reads the verb. */
    if (pattern->size >= verb && memcmp(pattern->bytes, no_jit_verb, verb) == 0 &&
        is_plain(pattern->bytes + verb, pattern->size - verb))
        return compile_perl(settings, origin, pattern->bytes, pattern->size, true, pattern, err);
    if (settings->type != TROVE__GREP_PERL)
        return compile_posix(settings, origin, pattern, err);
    r = compile_perl(settings, origin, pattern->bytes, pattern->size, false, pattern, err);
    if (r == 0)
        pattern->stable = looks_only_ahead(pattern);
    return r;
}

int trove__pattern_compile(const struct trove__grep_settings *settings,
                           const struct trove__grep_pattern *origin,
                           struct trove__pattern *ret_pattern, struct trove_error *err)
{
    struct trove__pattern pattern = {.size = origin->size};
    int r;

    pattern.bytes = trove__malloc(origin->size + 1);
    if (pattern.bytes == NULL)
        return -ENOMEM;
    memcpy(pattern.bytes, origin->bytes, origin->size);
    pattern.bytes[origin->size] = '\0';
    r = compile(settings, origin, &pattern, err);
    if (r < 0) {
        trove__pattern_deinit(&pattern);
        return r;
    }
    *ret_pattern = pattern;
    return 0;
}

void trove__pattern_drop_superset(struct trove__pattern *pattern)
{
    trove__superset_deinit(&pattern->ascii);
    trove__superset_deinit(&pattern->general);
    if (pattern->engine == TROVE__ENGINE_POSIX) {
        pattern->stable = false;
        pattern->linewise = false;
    }
}

void trove__pattern_deinit(struct trove__pattern *pattern)
{
    trove__pattern_drop_superset(pattern);
    pcre2_code_free(pattern->code);
    pcre2_maketables_free(NULL, pattern->tables);
    trove__free(pattern->bytes);
    *pattern = (struct trove__pattern){0};
}

int trove__pattern_scratch_init(const struct trove__pattern *pattern,
                                struct trove__pattern_scratch *scratch)
{
    *scratch = (struct trove__pattern_scratch){0};
    if (pattern->engine == TROVE__ENGINE_PERL)
        scratch->match = pcre2_match_data_create_from_pattern(pattern->code, NULL);
    else if (pattern->ascii.code != NULL)
        scratch->match = pcre2_match_data_create(1, NULL);
    else
        return 0;
    if (scratch->match == NULL)
        return -ENOMEM;
    if (pattern->engine == TROVE__ENGINE_PERL)
        return 0;
    scratch->limits = pcre2_match_context_create(NULL);
    if (scratch->limits == NULL) {
        trove__pattern_scratch_deinit(scratch);
        return -ENOMEM;
    }
    pcre2_set_match_limit(scratch->limits, SUPERSET_MATCH_LIMIT);
    return 0;
}

void trove__pattern_scratch_deinit(struct trove__pattern_scratch *scratch)
{
    pcre2_match_data_free(scratch->match);
    pcre2_match_context_free(scratch->limits);
    if (scratch->regex_ready)
        regfree(&scratch->regex);
    *scratch = (struct trove__pattern_scratch){0};
}

static void span_from(const pcre2_match_data *match, struct trove__span *ret_span)
{
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer((pcre2_match_data *)match);

    ret_span->start = offsets[0];
    ret_span->end = offsets[1];
}

static int match_perl(const struct trove__pattern *pattern, struct trove__pattern_scratch *scratch,
                      const char *data, size_t size, bool not_line_start,
                      struct trove__span *ret_span, struct trove_error *err)
{
    uint32_t options = not_line_start ? PCRE2_NOTBOL : 0;
    PCRE2_SPTR subject = (PCRE2_SPTR)data;
    char why[256];
    int r;

    if (pattern->jit)
        r = pcre2_jit_match(pattern->code, subject, size, 0, options, scratch->match, NULL);
    else
        r = pcre2_match(pattern->code, subject, size, 0, options, scratch->match, NULL);
    if (r == PCRE2_ERROR_NOMATCH)
        return 0;
    if (r >= 0) {
        span_from(scratch->match, ret_span);
        return 1;
    }
    pcre2_get_error_message(r, (PCRE2_UCHAR *)why, sizeof(why));
    return trove_error_set(err, -EINVAL, "%s failed with error code %d: %s",
                           pattern->jit ? "pcre2_jit_match" : "pcre2_match", r, why);
}

static int match_posix(const struct trove__pattern *pattern, struct trove__pattern_scratch *scratch,
                       const char *data, size_t size, bool not_line_start,
                       struct trove__span *ret_span)
{
    regmatch_t match = {.rm_so = 0, .rm_eo = (regoff_t)size};
    int flags = REG_STARTEND | (not_line_start ? REG_NOTBOL : 0);

    if (!scratch->regex_ready) {
        if (regcomp(&scratch->regex, pattern->bytes, pattern->regex_flags) != 0)
            return -ENOMEM; /* it compiled before */
        scratch->regex_ready = true;
    }
    if (regexec(&scratch->regex, data, 1, &match, flags) != 0)
        return 0;
    ret_span->start = (size_t)match.rm_so;
    ret_span->end = (size_t)match.rm_eo;
    return 1;
}

static int match_literal(const struct trove__pattern *pattern, const char *data, size_t size,
                         struct trove__span *ret_span)
{
    size_t at = trove__literal_find(&pattern->literal, data, size);

    if (at == TROVE__LITERAL_NONE)
        return 0;
    ret_span->start = at;
    ret_span->end = at + pattern->size;
    return 1;
}

int trove__pattern_match(const struct trove__pattern *pattern,
                         struct trove__pattern_scratch *scratch, const char *data, size_t size,
                         bool not_line_start, struct trove__span *ret_span, struct trove_error *err)
{
    switch (pattern->engine) {
    case TROVE__ENGINE_LITERAL:
        return match_literal(pattern, data, size, ret_span);
    case TROVE__ENGINE_PERL:
        return match_perl(pattern, scratch, data, size, not_line_start, ret_span, err);
    case TROVE__ENGINE_POSIX:
        break;
    }
    return match_posix(pattern, scratch, data, size, not_line_start, ret_span);
}

static const struct trove__superset *superset_for(const struct trove__pattern *pattern,
                                                  const struct trove__pattern_scratch *scratch,
                                                  bool ascii)
{
    const struct trove__superset *superset =
        ascii || pattern->general.code == NULL ? &pattern->ascii : &pattern->general;

    return scratch->superset_failed || superset->code == NULL ? NULL : superset;
}

int trove__pattern_scan(const struct trove__pattern *pattern,
                        struct trove__pattern_scratch *scratch, const char *data, size_t size,
                        bool ascii, struct trove__span *ret_span, struct trove_error *err)
{
    const struct trove__superset *superset = superset_for(pattern, scratch, ascii);
    int r;

    if (pattern->engine != TROVE__ENGINE_POSIX || superset == NULL)
        return trove__pattern_match(pattern, scratch, data, size, false, ret_span, err);
    r = pcre2_match(superset->code, (PCRE2_SPTR)data, size, 0, 0, scratch->match, scratch->limits);
    if (r == PCRE2_ERROR_NOMATCH)
        return 0;
    if (r < 0) {
        scratch->superset_failed = true; /* too costly here: ask regexec(), which has no limit */
        return match_posix(pattern, scratch, data, size, false, ret_span);
    }
    span_from(scratch->match, ret_span);
    return 1;
}

bool trove__pattern_scan_is_sure(const struct trove__pattern *pattern,
                                 const struct trove__pattern_scratch *scratch, bool ascii)
{
    const struct trove__superset *superset = superset_for(pattern, scratch, ascii);

    if (pattern->engine == TROVE__ENGINE_POSIX)
        return superset != NULL && superset->exact;
    return pattern->linewise;
}
