// SPDX-License-Identifier: MIT
/*
 * bump.h - an allocator that shares nothing: each thread takes from a region of its own, and nothing comes back.
 */
#ifndef TROVE_TESTS_BUMP_H
#define TROVE_TESTS_BUMP_H

void bump_install(void); /* before anything else of trove */

#endif
