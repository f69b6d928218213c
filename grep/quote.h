// SPDX-License-Identifier: MIT
/*
 * quote.h - paths as git prints them: in double quotes with the escapes of C when they hold bytes that need it.
 */
#ifndef TROVE_GREP_QUOTE_H
#define TROVE_GREP_QUOTE_H

#include "grep/text.h"

/* True when PATH (LENGTH bytes) does not stand for itself. FULLY is core.quotePath: bytes above 0x7f need it too. A space
 * alone does not. */
bool trove__quote_needed(const char *path, size_t length, bool fully);

/* Appends PATH to OUT, quoted if that is needed. Failure to grow is sticky in OUT. */
void trove__quote_path(const char *path, size_t length, bool fully, struct trove__text *out);

#endif
