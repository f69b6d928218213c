// SPDX-License-Identifier: MIT
/*
 * transport_process.c - a server at the other end of a child process: git upload-pack for a path, ssh for a host.
 */
#include "channel.h"
#include "child.h"
#include "core/memory.h"
#include "protocol.h"
#include "ssh.h"
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define COMPLAINT_WAIT_MS 500 /* for standard error to end, once standard output has */
#define POLITE_WAIT_MS 1000

struct process {
    struct trove__channel channel; /* first: it is the transport; holds the child's descriptors */
    struct trove__child child;
};

static void process_complaint(struct trove__transport *transport, struct trove__io *io,
                              char *ret_text, size_t capacity)
{
    struct process *process = (struct process *)transport;
    const char *program = transport->local ? "git upload-pack" : "ssh";
    int status;

    trove__channel_listen(&process->channel, io, COMPLAINT_WAIT_MS);
    trove__channel_close(&process->channel);
    status = trove__child_end(&process->child, COMPLAINT_WAIT_MS);
    if (trove__visible_end(ret_text, capacity, process->channel.said, process->channel.said_size,
                           TROVE__ERROR_LINES) > 0)
        return;
    if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) != 0)
        snprintf(ret_text, capacity, "%s ended with status %d", program, WEXITSTATUS(status));
    else if (status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        snprintf(ret_text, capacity, "%s was ended by signal %d", program, WTERMSIG(status));
}

static void process_close(struct trove__transport *transport, bool polite)
{
    struct process *process = (struct process *)transport;

    if (polite) /* the server waits for a command: tell it that none will come */
        (void)send(process->channel.in, "0000", 4, MSG_NOSIGNAL);
    trove__channel_close(&process->channel);
    trove__child_end(&process->child, polite ? POLITE_WAIT_MS : 0);
    trove__free(process);
}

static const struct trove__transport_ops process_ops = {
    .send = trove__channel_send,
    .read = trove__channel_read,
    .complaint = process_complaint,
    .close = process_close,
};

/* --- starting ---------------------------------------------------------------------------------------------------- */

/* A server on this machine would spend its time on delta search and compression, which a pipe does not need. */
static int start_local(struct process *process, const struct trove__url *url,
                       struct trove_error *err)
{
    const char *const args[] = {"git",
                                "-c",
                                "pack.window=0",
                                "-c",
                                "pack.compression=0",
                                "-c",
                                "uploadpack.allowFilter=true",
                                "upload-pack",
                                url->path,
                                NULL};
    static const char *const env[] = {"GIT_PROTOCOL=version=2", NULL};
    const struct trove__child_spec spec = {
        .args = args, .env = env, .outside_repository = true, .own_group = true};

    process->channel.base.local = true;
    return trove__child_start(&spec, &process->child, err);
}

static int start_ssh(struct process *process, const struct trove__connect *connect,
                     struct trove__io *io, struct trove_error *err)
{
    static const char *const env[] = {"GIT_PROTOCOL=version=2", NULL};
    struct trove__ssh_command command;
    int result = trove__ssh_command(connect->url, connect->config, io, &command, err);

    if (result < 0)
        return result;
    const struct trove__child_spec spec = {
        .args = command.args, .env = env, .outside_repository = true};
    result = trove__child_start(&spec, &process->child, err);
    trove__ssh_command_clear(&command);
    return result;
}

int trove__process_open(const struct trove__connect *connect, struct trove__io *io,
                        struct trove__transport **ret, struct trove_error *err)
{
    struct process *process = trove__calloc(1, sizeof(*process));
    int result;

    if (process == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a connection");
    process->channel.base.ops = &process_ops;
    process->channel.base.counters = connect->counters;
    process->child = TROVE__CHILD_NONE;
    result = connect->url->scheme == TROVE__LOCAL ? start_local(process, connect->url, err)
                                                  : start_ssh(process, connect, io, err);
    if (result < 0) {
        trove__free(process);
        return result == -ENOENT ? -EIO : result; /* a missing program is no missing object */
    }
    process->channel.in = process->child.in;
    process->channel.out = process->child.out;
    process->channel.err = process->child.err;
    process->child.in = process->child.out = process->child.err = -1;
    trove__add_relaxed(&connect->counters->connections, 1);
    *ret = &process->channel.base;
    return 0;
}
