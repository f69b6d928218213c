// SPDX-License-Identifier: MIT
/*
 * version.c - the version of the library that is loaded.
 */
#include <trove/base.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *trove_version(void)
{
    return TEXT(TROVE_VERSION_MAJOR) "." TEXT(TROVE_VERSION_MINOR) "." TEXT(TROVE_VERSION_PATCH);
}
