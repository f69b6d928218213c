// SPDX-License-Identifier: MIT
/*
 * ssh.h - the command line of the user's ssh, as git builds it.
 */
#ifndef TROVE_FETCH_SSH_H
#define TROVE_FETCH_SSH_H

#include "child.h"
#include "git_config.h"

struct trove__ssh_command {
    const char *args[TROVE__CHILD_ARGS_MAX]; /* NULL-terminated, into what follows */
    struct trove__bytes shell, host, remote;
};

/* The command that starts git-upload-pack at URL: GIT_SSH_COMMAND, core.sshCommand (both through a shell), GIT_SSH, or ssh;
 * options by ssh.variant or the program's name. May run `<ssh> -G host` to learn about an unknown program. *RET is own:
 * trove__ssh_command_clear(). Returns 0, -ENOMEM, -ENOTSUP (a port for a program that takes none), or as IO ends it. */
int trove__ssh_command(const struct trove__url *url, const struct trove__git_config *config,
                       struct trove__io *io, struct trove__ssh_command *ret,
                       struct trove_error *err);
void trove__ssh_command_clear(struct trove__ssh_command *command);

#endif
