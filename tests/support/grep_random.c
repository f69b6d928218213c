// SPDX-License-Identifier: MIT
/*
 * grep_random.c - few words, many ways to put them together: random patterns hit random files often.
 */
#include "grep_random.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint32_t grep_random_below(struct grep_random *random, uint32_t bound)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) % bound);
}

static bool chance(struct grep_random *random, uint32_t one_in)
{
    return grep_random_below(random, one_in) == 0;
}

static const char *const pieces[] = {
    "foo",
    "foobar",
    "bar",
    "Foo",
    "FOO",
    "ab",
    "abc",
    "a",
    "b",
    "aa",
    "x_y",
    "k",
    "K",
    "s",
    "S",
    "i",
    "I",
    "_",
    "1",
    "42",
    "-",
    ".",
    "*",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\\",
    "/",
    "|",
    "$",
    "^",
    "+",
    "?",
    " ",
    " ",
    " ",
    "\t",
    "  ",
    "\r",
    "é",
    "É",
    "ſ",
    "K",
    "ı",
    "ß",
    "日本",
    "€",
    "\xff",
    "\xc3",
    "\xe2\x82",
    "\xc3(",
    "\xf0\x9f\x98\x80",
    "\xed\xa0\x80",
};

struct bytes {
    char *data;
    size_t size;
    size_t capacity;
};

static void add(struct bytes *bytes, const char *data, size_t size)
{
    if (size > bytes->capacity - bytes->size) {
        bytes->capacity = (bytes->size + size) * 2 + 64;
        bytes->data = realloc(bytes->data, bytes->capacity);
    }
    if (size > 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void add_line(struct grep_random *random, struct bytes *file, bool ascii, bool crlf)
{
    uint32_t count = chance(random, 5) ? 0 : grep_random_below(random, 9);

    if (chance(random, 200))
        count = 3000; /* a long one */
    for (uint32_t i = 0; i < count; i++) {
        const char *piece = pieces[grep_random_below(random, COUNT(pieces))];
        if (ascii && (unsigned char)piece[0] > 127)
            continue;
        add(file, piece, strlen(piece));
    }
    add(file, "\r\n" + (crlf ? 0 : 1), crlf ? 2 : 1);
}

char *grep_random_file(struct grep_random *random, size_t *ret_size)
{
    struct bytes file = {0};
    uint32_t lines = chance(random, 12) ? 0 : grep_random_below(random, 40);
    bool ascii = chance(random, 2);
    bool crlf = chance(random, 8);
    uint32_t zero_at = chance(random, 6) ? grep_random_below(random, 41) : UINT32_MAX;

    add(&file, "", 0);
    if (chance(random, 12))
        add(&file, "\xef\xbb\xbf", 3);
    for (uint32_t i = 0; i < lines; i++) {
        if (i == zero_at && chance(random, 3)) {
            for (uint32_t pad = 0; pad < 400; pad++) /* behind what git looks at */
                add(&file, "abc foo a line of its own\n", 26);
        }
        if (i == zero_at)
            add(&file, "a\0b", 3);
        add_line(random, &file, ascii, crlf);
    }
    if (file.size > 0 && chance(random, 4))
        file.size--; /* no newline at the end */
    if (chance(random, 15))
        add(&file, "\n\n\n", 3);
    add(&file, "", 1);
    *ret_size = file.size - 1;
    return file.data;
}

/* Patterns. */

static void put(struct grep_random_line *line, const char *text)
{
    size_t length = strlen(text);

    if (line->used + length + 1 < sizeof(line->text)) {
        memcpy(line->text + line->used, text, length + 1);
        line->used += length;
    }
}

static const char *const plain_atoms[] = {"a", "b", "foo", "bar", "ab", "x", "_", "k", "s",   "i",
                                          "1", " ", "o",   "é",   "日", "K", "ſ", "F", "\xc3"};
static const char *const shared_atoms[] = {
    ".",     ".",           "[ab]",        "[^ab]",         "[a-z]",
    "[A-Z]", "[[:alpha:]]", "[[:space:]]", "[^[:alnum:]_]", "[]a]",
    "[^]a]", "[a-]",        "[é]",         "[^é]",          "[.]",
    "[*]",   "[[:upper:]]", "[0-9]",       "[_k]"};
static const char *const escapes[] = {"\\w", "\\W", "\\s", "\\S", "\\b", "\\B",  "\\<", "\\>",
                                      "\\.", "\\*", "\\[", "\\$", "\\^", "\\\\", "\\d", "\\/"};
static const char *const rare_escapes[] = {"\\`", "\\'", "\\1", "\\n", "\\-", "\\e"};
static const char *const extended_repeats[] = {"*",    "+",    "?",  "{2}", "{1,2}",
                                               "{,2}", "{1,}", "*?", "{0}", "**"};
static const char *const basic_repeats[] = {"*",         "\\+",      "\\?",      "\\{2\\}",
                                            "\\{1,2\\}", "\\{,2\\}", "\\{1,\\}", "**"};
static const char *const perl_extras[] = {
    "(?=foo)", "(?!foo)", "(?<=a)", "(?<!\\s)", "\\z",       "\\A",    "\\K",
    "\\G",     "\\Z",     "(?i)",   "\\h",      "\\R",       "\\p{L}", "\\x{e9}",
    "\\D",     ".*?",     "(a)\\1", "(?>a+)",   "\\Qa.b\\E", "\\X",    "\\C"};

enum syntax { BASIC, EXTENDED, FIXED, PERL };

static void put_branches(struct grep_random *random, struct grep_random_line *line,
                         enum syntax syntax, int depth);

static void put_atom(struct grep_random *random, struct grep_random_line *line, enum syntax syntax,
                     int depth)
{
    uint32_t kind = grep_random_below(random, 20);

    if (kind < 9)
        put(line, plain_atoms[grep_random_below(random, COUNT(plain_atoms))]);
    else if (kind < 13)
        put(line, shared_atoms[grep_random_below(random, COUNT(shared_atoms))]);
    else if (kind < 15)
        put(line, escapes[grep_random_below(random, COUNT(escapes))]);
    else if (kind == 15 && chance(random, 3))
        put(line, rare_escapes[grep_random_below(random, COUNT(rare_escapes))]);
    else if (kind == 16 && syntax == PERL)
        put(line, perl_extras[grep_random_below(random, COUNT(perl_extras))]);
    else if (kind == 17)
        put(line, chance(random, 2) ? "^" : "$");
    else if (kind > 17 && depth > 0) {
        put(line, syntax == BASIC ? "\\(" : "(");
        put_branches(random, line, syntax, depth - 1);
        put(line, syntax == BASIC ? "\\)" : ")");
        if (chance(random, 8))
            put(line, "\\1");
    } else
        put(line, "a");
}

static void put_branches(struct grep_random *random, struct grep_random_line *line,
                         enum syntax syntax, int depth)
{
    do {
        uint32_t count = chance(random, 12) ? 0 : 1 + grep_random_below(random, 3);

        if (chance(random, 10))
            put(line, "^");
        for (uint32_t i = 0; i < count; i++) {
            put_atom(random, line, syntax, depth);
            if (!chance(random, 3))
                continue;
            if (syntax == BASIC)
                put(line, basic_repeats[grep_random_below(random, COUNT(basic_repeats))]);
            else
                put(line, extended_repeats[grep_random_below(random, COUNT(extended_repeats))]);
        }
        if (chance(random, 10))
            put(line, "$");
        if (!chance(random, 3))
            return;
        put(line, syntax == BASIC ? "\\|" : "|");
    } while (true);
}

static void put_pattern(struct grep_random *random, struct grep_random_line *line,
                        enum syntax syntax)
{
    uint32_t count = grep_random_below(random, 4);

    if (chance(random, 40))
        put(line, "(*NO_JIT)");
    if (syntax != FIXED && !chance(random, 4)) {
        put_branches(random, line, syntax, 2);
        return;
    }
    for (uint32_t i = 0; i <= count; i++) {
        if (chance(random, 12))
            put(line, chance(random, 3) ? "\\E" : "\\Q");
        put(line, pieces[grep_random_below(random, COUNT(pieces))]);
    }
    if (chance(random, 30)) {
        put(line, "\n");
        put(line, pieces[grep_random_below(random, COUNT(pieces))]);
    }
}

/* Command lines. */

static void begin_word(struct grep_random_line *line)
{
    if (line->count < GREP_RANDOM_WORDS)
        line->words[line->count++] = line->text + line->used;
}

static void end_word(struct grep_random_line *line)
{
    line->used++; /* keeps the NUL */
}

static void add_word(struct grep_random_line *line, const char *word)
{
    begin_word(line);
    put(line, word);
    end_word(line);
}

static const char *const options[] = {
    "-n",
    "--line-number",
    "--column",
    "-i",
    "-w",
    "-v",
    "-o",
    "-c",
    "-l",
    "-L",
    "-h",
    "-H",
    "-q",
    "-z",
    "-a",
    "-I",
    "--heading",
    "--break",
    "-A1",
    "-B2",
    "-C1",
    "-3",
    "-C0",
    "-m1",
    "-m2",
    "-m-1",
    "--color",
    "--color=always",
    "--no-color",
    "-no",
    "-in",
    "-A0",
    "--cont=1",
    "--max-count=3",
    "--only",
    "--no-line-number",
    "--word-regexp",
    "--files-with-matches",
    "-n2",
    "-A-1",
    "-m0",
    "--no-ignore-case",
    "--full-name",
    "--no-text",
    "--null",
    "--inv",
    "-ci",
    "-1n",
    "--after-context=2",
};

static const char *const likely[] = {"-n",      "-n",  "-i",  "-o", "-w", "--column",
                                     "--color", "-A1", "-C1", "-c", "-v"};

static enum syntax add_type(struct grep_random *random, struct grep_random_line *line)
{
    static const char *const names[] = {"-G", "-E", "-F", "-P"};
    enum syntax syntax = (enum syntax)grep_random_below(random, 4);

    if (syntax != BASIC || chance(random, 2))
        add_word(line, names[syntax]);
    return syntax;
}

void grep_random_line(struct grep_random *random, struct grep_random_line *line)
{
    uint32_t count = grep_random_below(random, 4);
    uint32_t patterns = chance(random, 3) ? 2 + grep_random_below(random, 3) : 1;
    enum syntax syntax;

    memset(line, 0, sizeof(*line));
    syntax = add_type(random, line);
    for (uint32_t i = 0; i < count; i++) {
        if (chance(random, 2))
            add_word(line, options[grep_random_below(random, COUNT(options))]);
        else
            add_word(line, likely[grep_random_below(random, COUNT(likely))]);
    }
    for (uint32_t i = 0; i < patterns; i++) {
        add_word(line, "-e");
        begin_word(line);
        put_pattern(random, line, chance(random, 20) ? PERL : syntax);
        end_word(line);
    }
}
