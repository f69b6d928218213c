// SPDX-License-Identifier: MIT
/*
 * in_child.h - a check that a child of fork() makes.
 */
#ifndef TROVE_TESTS_IN_CHILD_H
#define TROVE_TESTS_IN_CHILD_H

#include "support.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs CHECK in a child; its number when it says that something is wrong. */
static inline int in_child(int (*check)(void *context), void *context)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        /* What fails there must not go on with the parent's tests. */
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        signal(SIGSEGV, SIG_DFL);
        _exit(check(context));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#endif
