// SPDX-License-Identifier: MIT
/*
 * support.h - what every cmocka test includes.
 */
#ifndef TROVE_TESTS_SUPPORT_H
#define TROVE_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h> /* last: it needs the four above */

/* Whether TROVE_LONG asks for the larger size of each test. */
static inline bool test_long(void)
{
    const char *value = getenv("TROVE_LONG");

    return value != NULL && value[0] != '\0' && (value[0] != '0' || value[1] != '\0');
}

/* Whether a test of many turns takes them all: always, but under ThreadSanitizer only in a long run. There each turn takes
 * twenty times as long, and what it watches for, one access beside another, is the same in each. */
static inline bool test_all_turns(void)
{
#ifdef __SANITIZE_THREAD__
    return test_long();
#else
    return true;
#endif
}

#endif
