// SPDX-License-Identifier: MIT
/*
 * fuzz_grep.c - patterns and texts from strangers. First byte: type, case, words, locale; second: output; third: the
 * pattern's length; then the pattern, the rest is text.
 *
 * Properties: no crash; searching with every shortcut gives the bytes and the result of asking the engines about every
 * line. Patterns that make the C library's own engine explode are left out: nested intervals (`+` is
 * one), which double their operand each, and back references.
 */
#include "fuzz.h"
#include "grep/match.h"
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>

#define TEXT_MAX 2048

static bool explodes(const struct trove__grep_settings *settings, const char *pattern, size_t size)
{
    unsigned intervals = 0;

    for (size_t i = 0; i < size; i++) {
        intervals += pattern[i] == '{' ? 4 : pattern[i] == '+';
        if (pattern[i] == '\\' && i + 1 < size && pattern[i + 1] >= '1' && pattern[i + 1] <= '9')
            return true;
    }
    if (settings->type == TROVE__GREP_PERL) /* a limit ends what PCRE2 does, but late */
        return memchr(pattern, '(', size) != NULL;
    return intervals > 7;
}

static struct trove__grep *compile(const struct trove__grep_settings *settings, bool plain)
{
    struct trove__grep *grep = NULL;
    struct trove_error err;

    if (trove__grep_compile(settings, &grep, &err) < 0)
        return NULL;
    for (size_t i = 0; plain && i < grep->pattern_count; i++) {
        trove__pattern_drop_superset(&grep->patterns[i]);
        grep->patterns[i].stable = false;
        grep->patterns[i].linewise = false;
    }
    return grep;
}

static int search(const struct trove__grep_settings *settings, bool plain, const void *data,
                  size_t size, struct trove__text *text)
{
    struct trove__grep *grep = compile(settings, plain);
    struct trove__grep_scratch *scratch;
    struct trove_error err;
    int r;

    if (grep == NULL)
        return -1;
    if (trove__grep_scratch_create(grep, &scratch) < 0)
        abort();
    r = trove__grep_buffer(grep, scratch, "name", TROVE__CONTENT_LOOK, data, size, text, &err);
    trove__grep_scratch_destroy(scratch);
    trove__grep_destroy(grep);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trove__grep_pattern pattern = {.origin = "fuzz"};
    struct trove__grep_settings settings = {.patterns = &pattern, .pattern_count = 1};
    struct trove__text quick = {0};
    struct trove__text plain = {0};
    char text[TEXT_MAX + 1];
    int r;

    if (size < 3 || size > TEXT_MAX)
        return 0;
    settings.type = (enum trove__grep_type)(data[0] & 3);
    settings.ignore_case = (data[0] & 4) != 0;
    settings.word = (data[0] & 8) != 0;
    settings.invert = (data[0] & 16) != 0;
    settings.binary = (data[0] & 32) != 0 ? TROVE__GREP_BINARY_TEXT : TROVE__GREP_BINARY_NAME;
    settings.show_name = (data[0] & 64) != 0;
    setlocale(LC_CTYPE, (data[0] & 128) != 0 ? "C.UTF-8" : "C");
    settings.line_number = (data[1] & 1) != 0;
    settings.column = (data[1] & 2) != 0;
    settings.only_matching = (data[1] & 4) != 0;
    settings.color = (data[1] & 8) != 0;
    settings.before = (data[1] & 16) != 0 ? 1 : 0;
    settings.after = (data[1] & 32) != 0 ? 2 : 0;
    settings.max_count = (data[1] & 64) != 0 ? 2 : -1;
    settings.heading = (data[1] & 128) != 0;
    pattern.size = data[2] % 64;
    data += 3;
    size -= 3;
    pattern.size = pattern.size < size ? pattern.size : size;
    pattern.bytes = (const char *)data;
    if (explodes(&settings, pattern.bytes, pattern.size))
        return 0;
    data += pattern.size;
    size -= pattern.size;
    /* AddressSanitizer's regexec() of some compilers looks for a NUL whatever REG_STARTEND says. */
    memcpy(text, data, size);
    text[size] = '\0';
    r = search(&settings, false, text, size, &quick);
    if (r != search(&settings, true, text, size, &plain))
        abort();
    if (r >= 0 && (quick.size != plain.size || quick.shown != plain.shown ||
                   (quick.size != 0 && memcmp(quick.bytes, plain.bytes, quick.size) != 0)))
        abort();
    trove__text_deinit(&quick);
    trove__text_deinit(&plain);
    return 0;
}
