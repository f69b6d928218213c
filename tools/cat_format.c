// SPDX-License-Identifier: MIT
/*
 * cat_format.c - the formats of `cat-file --batch=` and `--batch-check=`.
 */
#include "cat_format.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum atom { NAME, TYPE, SIZE, REST, NOT_REMOTE, UNKNOWN };

static enum atom find_atom(const char *text, size_t length)
{
    static const struct {
        const char *text;
        enum atom atom;
    } atoms[] = {
        {"objectname", NAME},
        {"objecttype", TYPE},
        {"objectsize", SIZE},
        {"rest", REST},
        {"objectsize:disk", NOT_REMOTE},
        {"deltabase", NOT_REMOTE},
    };

    for (size_t i = 0; i < sizeof(atoms) / sizeof(atoms[0]); i++) {
        if (strlen(atoms[i].text) == length && memcmp(atoms[i].text, text, length) == 0)
            return atoms[i].atom;
    }
    return UNKNOWN;
}

int trove__cat_format_check(const char *format, bool *ret_uses_rest, struct trove_error *err)
{
    bool uses_rest = false;

    for (const char *at = format; (at = strchr(at, '%')) != NULL;) {
        const char *end;
        enum atom atom;

        if (at[1] != '(') {
            at += at[1] == '%' ? 2 : 1;
            continue;
        }
        end = strchr(at, ')');
        if (end == NULL)
            return trove_error_set(err, -EINVAL, "format element '%s' does not end in ')'", at + 1);
        atom = find_atom(at + 2, (size_t)(end - at) - 2);
        if (atom == UNKNOWN)
            return trove_error_set(err, -EINVAL, "unknown format element: %.*s",
                                   (int)(end - at) - 2, at + 2);
        if (atom == NOT_REMOTE)
            return trove_error_set(err, -ENOTSUP,
                                   "a remote repository does not say how it stores objects: %.*s",
                                   (int)(end - at) - 2, at + 2);
        uses_rest = uses_rest || atom == REST;
        at = end + 1;
    }
    *ret_uses_rest = uses_rest;
    return 0;
}

static void print_atom(enum atom atom, const struct trove__cat_facts *facts, FILE *out)
{
    if (atom == NAME)
        fputs(facts->name, out);
    else if (atom == TYPE)
        fputs(trove_type_name(facts->type), out);
    else if (atom == SIZE)
        fprintf(out, "%" PRIu64, facts->size);
    else
        fputs(facts->rest, out);
}

void trove__cat_format_print(const char *format, const struct trove__cat_facts *facts, FILE *out)
{
    while (*format != '\0') {
        size_t plain = strcspn(format, "%");

        fwrite(format, 1, plain, out);
        format += plain;
        if (format[0] == '%' && format[1] == '(') {
            const char *end = strchr(format, ')');
            print_atom(find_atom(format + 2, (size_t)(end - format) - 2), facts, out);
            format = end + 1;
        } else if (format[0] == '%') {
            fputc('%', out);
            format += format[1] == '%' ? 2 : 1;
        }
    }
    fputc('\n', out);
}
