// SPDX-License-Identifier: MIT
/*
 * wild.h - the wildcards of git's pathspecs: * ? [set] \ and, where a slash counts, ** between slashes.
 */
#ifndef TROVE_GREP_WILD_H
#define TROVE_GREP_WILD_H

#include <stdbool.h>
#include <stddef.h>

struct trove__wild;

/*
 * Compiles PATTERN (borrow). SLASHES: `*`, `?` and sets stop at a slash, and `**` between slashes crosses them; without
 * it, `*` and `?` match any byte. FOLD: ASCII letters match either case, with git's exceptions (an escaped capital, and
 * a capital alone in a set, match nothing). The result is own: released by trove__wild_destroy(). Time to match is bounded
 * by the product of the lengths. 0, -ENOMEM.
 */
int trove__wild_compile(const char *pattern, bool slashes, bool fold,
                        struct trove__wild **ret_wild);
void trove__wild_destroy(struct trove__wild *wild); /* NULL is fine */

/* True when the whole of TEXT (LENGTH bytes, none of them NUL) matches. One thread at a time. */
bool trove__wild_match(struct trove__wild *wild, const char *text, size_t length);

#endif
