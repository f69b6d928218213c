// SPDX-License-Identifier: MIT
/*
 * transport_process.c - a server at the other end of a child process: git upload-pack for a path, ssh for a host.
 */
#include "child.h"
#include "core/memory.h"
#include "protocol.h"
#include "ssh.h"
#include "transport.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STDERR_KEPT_BYTES 4096
#define COMPLAINT_WAIT_MS 500 /* for standard error to end, once standard output has */
#define POLITE_WAIT_MS 1000
#define NS_PER_MS 1000000

struct process {
    struct trove__transport base;
    struct trove__child child;
    char said[STDERR_KEPT_BYTES]; /* the end of standard error */
    size_t said_size;
};

/* Takes what standard error holds; only its end is kept, where the reason stands. */
static void listen_to_stderr(struct process *process)
{
    char buffer[STDERR_KEPT_BYTES];
    ssize_t got = read(process->child.err, buffer, sizeof(buffer));
    size_t size = got > 0 ? (size_t)got : 0, keep = sizeof(process->said) - size;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size == 0) {
        close(process->child.err);
        process->child.err = -1;
        return;
    }
    if (process->said_size > keep) {
        memmove(process->said, process->said + process->said_size - keep, keep);
        process->said_size = keep;
    }
    memcpy(process->said + process->said_size, buffer, size);
    process->said_size += size;
}

/* Waits until FD is ready for EVENTS, taking what comes on standard error meanwhile. */
static int wait_for(struct process *process, int fd, short events, struct trove__io *io,
                    struct trove_error *err)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = events},
                               {.fd = process->child.err, .events = POLLIN}};
        int result = trove__io_poll(io, fds, 2, err);

        if (result < 0)
            return result;
        if (fds[1].revents != 0)
            listen_to_stderr(process);
        if (fds[0].revents != 0)
            return 0;
    }
}

static int process_send(struct trove__transport *transport, const void *body, size_t size,
                        struct trove__io *io, struct trove_error *err)
{
    struct process *process = (struct process *)transport;
    const uint8_t *from = body;

    while (size > 0) {
        ssize_t wrote = send(process->child.in, from, size, MSG_NOSIGNAL);
        if (wrote < 0 && (errno == EAGAIN || errno == EINTR)) {
            int result = wait_for(process, process->child.in, POLLOUT, io, err);
            if (result < 0)
                return result;
            continue;
        }
        if (wrote < 0) /* it is gone: reading tells why */
            return 0;
        trove__add_relaxed(&transport->counters->sent_bytes, (uint64_t)wrote);
        trove__io_count(io, wrote);
        from += wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

static ssize_t process_read(struct trove__transport *transport, void *buffer, size_t size,
                            struct trove__io *io, struct trove_error *err)
{
    struct process *process = (struct process *)transport;

    for (;;) {
        ssize_t got = read(process->child.out, buffer, size);
        if (got >= 0) {
            trove__add_relaxed(&transport->counters->received_bytes, (uint64_t)got);
            trove__io_count(io, got);
            return got;
        }
        if (errno != EAGAIN && errno != EINTR)
            return trove_error_set(err, -errno, "reading from the server: %s", strerror(errno));
        int result = wait_for(process, process->child.out, POLLIN, io, err);
        if (result < 0)
            return result;
    }
}

static void process_complaint(struct trove__transport *transport, struct trove__io *io,
                              char *ret_text, size_t capacity)
{
    struct process *process = (struct process *)transport;
    int64_t end = trove_now_ns() + (int64_t)COMPLAINT_WAIT_MS * NS_PER_MS;
    struct trove__io wait = *io;
    int status;

    if (wait.until.deadline_ns > end)
        wait.until.deadline_ns = end;
    while (process->child.err >= 0) {
        struct pollfd fd = {.fd = process->child.err, .events = POLLIN};
        if (trove__io_poll(&wait, &fd, 1, NULL) < 0)
            break;
        listen_to_stderr(process);
    }
    status = trove__child_end(&process->child, COMPLAINT_WAIT_MS);
    if (trove__visible(ret_text, capacity, process->said, process->said_size, TROVE__ERROR_LINES) >
        0)
        return;
    if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) != 0)
        snprintf(ret_text, capacity, "%s ended with status %d", transport->local ? "git" : "ssh",
                 WEXITSTATUS(status));
    else if (status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        snprintf(ret_text, capacity, "killed by signal %d", WTERMSIG(status));
}

static void process_close(struct trove__transport *transport, bool polite)
{
    struct process *process = (struct process *)transport;

    if (polite) /* a server that waits for a command may go; end of file would do as well */
        (void)send(process->child.in, "0000", 4, MSG_NOSIGNAL);
    trove__child_end(&process->child, polite ? POLITE_WAIT_MS : 0);
    trove__free(process);
}

static const struct trove__transport_ops process_ops = {
    .send = process_send,
    .read = process_read,
    .complaint = process_complaint,
    .close = process_close,
};

/* --- starting ---------------------------------------------------------------------------------------------------- */

static int start(struct process *process, const struct trove__child_spec *spec,
                 struct trove_error *err)
{
    int result = trove__child_start(spec, &process->child, err);

    if (result == 0)
        trove__add_relaxed(&process->base.counters->connections, 1);
    return result;
}

/* A server on this machine spends its time on delta search and compression, which a pipe does not need. */
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

    process->base.local = true;
    return start(process, &spec, err);
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
    result = start(process, &spec, err);
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
    process->base.ops = &process_ops;
    process->base.counters = connect->counters;
    process->child = TROVE__CHILD_NONE;
    result = connect->url->scheme == TROVE__LOCAL ? start_local(process, connect->url, err)
                                                  : start_ssh(process, connect, io, err);
    if (result < 0) {
        trove__free(process);
        return result;
    }
    *ret = &process->base;
    return 0;
}
