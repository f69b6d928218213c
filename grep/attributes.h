// SPDX-License-Identifier: MIT
/*
 * attributes.h - gitattributes, as far as they say whether a file is text: the attribute `diff` of a path.
 *
 * Rules stack up: what was added later wins over what was added before, except that `first` and `last` keep their places
 * around those of folders. Within a file the last line that says something wins.
 */
#ifndef TROVE_GREP_ATTRIBUTES_H
#define TROVE_GREP_ATTRIBUTES_H

#include "grep/grep.h"

struct trove__attributes;

enum trove__attributes_place {
    TROVE__ATTRIBUTES_FIRST, /* the system's, then the user's */
    TROVE__ATTRIBUTES_LAST,  /* info/attributes of the repository */
};

/* Brings the text of a folder's .gitattributes: FOLDER is "" or ends with a slash. Appends to OUT; 0 or -ENOMEM. */
typedef int (*trove__attributes_load)(void *context, const char *folder, struct trove__text *out);

/* LOAD (may be NULL: there is no work tree) is asked for each folder on the way to a path. *RET is own. 0 or -ENOMEM. */
int trove__attributes_create(trove__attributes_load load, void *load_context,
                             struct trove__attributes **ret);
void trove__attributes_destroy(struct trove__attributes *attributes); /* NULL is fine */

/* Adds the lines of TEXT. 0 or -ENOMEM. */
int trove__attributes_add(struct trove__attributes *attributes, enum trove__attributes_place place,
                          const char *text, size_t size);

/* What files of the diff driver NAME are (diff.<name>.binary). 0 or -ENOMEM. */
int trove__attributes_set_driver(struct trove__attributes *attributes, const char *name,
                                 size_t length, enum trove__content content);

/* What the file PATH (NUL-terminated, from the top; NULL: it has none, and is what files of no driver are) is. 0 or
 * -ENOMEM. One thread at a time; quick for paths in order. */
int trove__attributes_content(struct trove__attributes *attributes, const char *path,
                              enum trove__content *ret);

#endif
