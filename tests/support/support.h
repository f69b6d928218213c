// SPDX-License-Identifier: MIT
/*
 * support.h - what every cmocka test includes.
 */
#ifndef TROVE_TESTS_SUPPORT_H
#define TROVE_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it needs the four above */

#endif
