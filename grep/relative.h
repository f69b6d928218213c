// SPDX-License-Identifier: MIT
/*
 * relative.h - paths as they are written from a folder of the work tree.
 */
#ifndef TROVE_GREP_RELATIVE_H
#define TROVE_GREP_RELATIVE_H

#include "grep/text.h"

/* Appends PATH (LENGTH bytes) as it is written from the folder FOLDER, which is "" or ends with a slash: `../` for each
 * folder to be left, and `./` for FOLDER itself. Failure to grow is sticky in OUT. */
void trove__relative_path(const char *path, size_t length, const char *folder,
                          struct trove__text *out);

#endif
