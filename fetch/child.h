// SPDX-License-Identifier: MIT
/*
 * child.h - child processes of a session: started without our descriptors, ended with it.
 */
#ifndef TROVE_FETCH_CHILD_H
#define TROVE_FETCH_CHILD_H

#include "bytes.h"
#include "io.h"
#include <sys/types.h>

#define TROVE__CHILD_ARGS_MAX 32

struct trove__child_spec {
    const char *const *args; /* NULL-terminated; args[0] is looked up in PATH */
    const char *const *env;  /* "NAME=value" to set, "NAME" to unset; NULL-terminated, or NULL */
    bool outside_repository; /* drops what points git at a repository (GIT_DIR and others) */
    bool
        own_group; /* a process group of its own, killed as one; not for what may ask on a terminal */
};

struct trove__child {
    pid_t pid;
    int pidfd;        /* -1 where the kernel has none */
    int in, out, err; /* our ends, non-blocking; -1 when closed. IN is a socket (no SIGPIPE) */
    bool own_group;
};
#define TROVE__CHILD_NONE                                                                          \
    ((struct trove__child){.pid = -1, .pidfd = -1, .in = -1, .out = -1, .err = -1})

int trove__child_start(const struct trove__child_spec *spec, struct trove__child *ret,
                       struct trove_error *err);
/* Closes our ends, gives the child GRACE_MS to end by itself, kills it with all that it started, and reaps it.
 * Returns its wait status, or -1 when somebody else reaped it. Idempotent. */
int trove__child_end(struct trove__child *child, int grace_ms);

/* Runs a program to its end with INPUT on its standard input; OUT gets at most MAX_OUT bytes. *RET_STATUS is its exit
 * status. Returns 0, -ENOENT (no such program), -EFBIG, -ETIMEDOUT, -ECANCELED, -ENOMEM, -EIO. */
int trove__child_run(const struct trove__child_spec *spec, const void *input, size_t input_size,
                     struct trove__bytes *out, size_t max_out, struct trove__io *io,
                     int *ret_status, struct trove_error *err);

#endif
