// SPDX-License-Identifier: MIT
/*
 * relative.c - the folders that two paths share go, those that are only the reader's become `../`.
 */
#include "relative.h"

void trove__relative_path(const char *path, size_t length, const char *folder,
                          struct trove__text *out)
{
    size_t shared = 0, i = 0; /* bytes up to the end of the last folder that both have */
    bool climbed = false;

    if (*folder == '\0' || (length > 0 && path[0] == '/')) {
        trove__text_add(out, path, length);
        return;
    }
    for (; i < length && folder[i] != '\0' && path[i] == folder[i]; i++) {
        if (path[i] == '/')
            shared = i + 1;
    }
    if (i == length && folder[i] == '/') /* PATH is a folder above, or FOLDER itself */
        shared = i + 1;
    for (const char *at = folder + shared; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        trove__text_add(out, "../", 3);
        climbed = true;
    }
    if (shared < length)
        trove__text_add(out, path + shared, length - shared);
    else if (!climbed)
        trove__text_add(out, "./", 2);
}
