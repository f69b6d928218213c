// SPDX-License-Identifier: MIT
/*
 * child.c - child processes, with posix_spawn() because the host has threads.
 */
#include "child.h"
#include "core/memory.h"
#include "forking.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20) /* fewer switches between server and reader */
#define KIN_MAX 64           /* descendants that are looked for */

extern char **environ;

/* What `git rev-parse --local-env-vars` prints: these point git at one repository. */
static const char *const repository_variables[] = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
    "GIT_INTERNAL_SUPER_PREFIX",
    NULL,
};

/* --- environment ------------------------------------------------------------------------------------------------- */

/* True when SETTING ("NAME=value") is of the variable that ITEM ("NAME" or "NAME=value") names. */
static bool names_same(const char *setting, const char *item)
{
    size_t length = strcspn(item, "=");

    return strncmp(setting, item, length) == 0 && setting[length] == '=';
}

static bool is_among(const char *setting, const char *const *items)
{
    for (; items != NULL && *items != NULL; items++)
        if (names_same(setting, *items))
            return true;
    return false;
}

/* The child's environment: an array of borrowed strings, own: trove__free(). */
static char **make_environment(const struct trove__child_spec *spec)
{
    size_t count = 1, used = 0;
    char **result;

    for (char **at = environ; at != NULL && *at != NULL; at++)
        count++;
    for (const char *const *at = spec->env; at != NULL && *at != NULL; at++)
        count++;
    result = trove__calloc(count, sizeof(*result));
    if (result == NULL)
        return NULL;
    for (char **at = environ; at != NULL && *at != NULL; at++)
        if (!is_among(*at, spec->env) &&
            !(spec->outside_repository && is_among(*at, repository_variables)))
            result[used++] = *at;
    for (const char *const *at = spec->env; at != NULL && *at != NULL; at++)
        if (strchr(*at, '=') != NULL)
            result[used++] = (char *)(uintptr_t)*at; /* posix_spawn() does not write to it */
    return result;
}

/* --- starting ---------------------------------------------------------------------------------------------------- */

/* A host may have closed its standard descriptors: ours must not take their place. */
static int above_standard(int *fd)
{
    if (*fd < 3) {
        int moved = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
        if (moved < 0)
            return -errno;
        close(*fd);
        *fd = moved;
    }
    return 0;
}

struct ends {
    int in[2], out[2], err[2]; /* [0] ours, [1] the child's */
};

static int open_ends(struct ends *ends)
{
    int *all[] = {ends->in, ends->out, ends->err};
    int pipe_fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends->in) < 0)
        return -errno;
    for (int i = 1; i < 3; i++) {
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
            return -errno;
        all[i][0] = pipe_fds[0];
        all[i][1] = pipe_fds[1];
    }
    for (int i = 0; i < 6; i++)
        if (above_standard(&all[i / 2][i % 2]) < 0)
            return -errno;
    for (int i = 0; i < 6; i++)
        trove__fd_own(all[i / 2][i % 2]);
    (void)fcntl(ends->out[1], F_SETPIPE_SZ, PIPE_BYTES); /* an unprivileged user may have no more */
    for (int i = 0; i < 3; i++)
        if (fcntl(all[i][0], F_SETFL, O_NONBLOCK) < 0)
            return -errno;
    return 0;
}

static void close_ends(struct ends *ends, int side)
{
    trove__fd_close(&ends->in[side]);
    trove__fd_close(&ends->out[side]);
    trove__fd_close(&ends->err[side]);
}

static int set_actions(posix_spawn_file_actions_t *actions, const struct ends *ends)
{
    int result = posix_spawn_file_actions_adddup2(actions, ends->in[1], 0);

    if (result == 0)
        result = posix_spawn_file_actions_adddup2(actions, ends->out[1], 1);
    if (result == 0)
        result = posix_spawn_file_actions_adddup2(actions, ends->err[1], 2);
    if (result == 0)
        result = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    return result;
}

static int set_attributes(posix_spawnattr_t *attributes, bool own_group)
{
    sigset_t none, defaults;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    int result;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE); /* a host that ignores it must not make the server ignore it */
    sigaddset(&defaults, SIGCHLD);
    if (own_group)
        flags |= POSIX_SPAWN_SETPGROUP;
    result = posix_spawnattr_setflags(attributes, flags);
    if (result == 0)
        result = posix_spawnattr_setsigmask(attributes, &none);
    if (result == 0)
        result = posix_spawnattr_setsigdefault(attributes, &defaults);
    return result;
}

/* Returns 0 or a negative errno. */
static int spawn(const struct trove__child_spec *spec, const struct ends *ends, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment = make_environment(spec);
    int result;

    if (environment == NULL)
        return -ENOMEM;
    result = posix_spawn_file_actions_init(&actions);
    if (result != 0)
        goto no_actions;
    result = posix_spawnattr_init(&attributes);
    if (result != 0)
        goto no_attributes;
    result = set_actions(&actions, ends);
    if (result == 0)
        result = set_attributes(&attributes, spec->own_group);
    if (result == 0)
        result = posix_spawnp(ret_pid, spec->args[0], &actions, &attributes,
                              (char **)(uintptr_t)spec->args, environment);
    posix_spawnattr_destroy(&attributes);
no_attributes:
    posix_spawn_file_actions_destroy(&actions);
no_actions:
    trove__free(environment);
    return -result;
}

int trove__child_start(const struct trove__child_spec *spec, struct trove__child *ret,
                       struct trove_error *err)
{
    struct ends ends = {{-1, -1}, {-1, -1}, {-1, -1}};
    pid_t pid = -1;
    int result = open_ends(&ends);

    if (result == 0)
        result = spawn(spec, &ends, &pid);
    close_ends(&ends, 1);
    if (result < 0) {
        close_ends(&ends, 0);
        return trove_error_set(err, result, "cannot start %s: %s", spec->args[0],
                               strerror(-result));
    }
    *ret = (struct trove__child){
        .pid = pid,
        .pidfd = trove__fd_own((int)syscall(SYS_pidfd_open, pid, 0)),
        .in = ends.in[0],
        .out = ends.out[0],
        .err = ends.err[0],
        .own_group = spec->own_group,
    };
    return 0;
}

/* --- ending ------------------------------------------------------------------------------------------------------ */

/* Adds the children of PID to KIN; the kernel lists them in one line. */
static unsigned add_children(pid_t pid, pid_t *kin, unsigned count)
{
    char path[64];
    FILE *file;
    int child;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return count;
    while (count < KIN_MAX && fscanf(file, "%d", &child) == 1)
        kin[count++] = (pid_t)child;
    fclose(file);
    return count;
}

/* Kills the child (not yet reaped, so that its number is its own) and what it started. A shell may stand between us and
 * ssh, in our own process group because ssh may ask on the terminal. */
static void kill_all(const struct trove__child *child)
{
    pid_t kin[KIN_MAX] = {child->pid};
    unsigned count = 1;

    if (child->own_group) {
        kill(-child->pid, SIGKILL);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        count = add_children(kin[i], kin, count);
    for (unsigned i = 0; i < count; i++)
        kill(kin[i], SIGKILL);
}

/* False when somebody else (a host that waits for any child) has reaped it, and its number may be another's by now. */
static bool is_ours(const struct trove__child *child)
{
    siginfo_t info;

    return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

int trove__child_end(struct trove__child *child, int grace_ms)
{
    struct pollfd ended = {.fd = child->pidfd, .events = POLLIN};
    int status = -1;

    trove__fd_close(&child->in);
    trove__fd_close(&child->out);
    trove__fd_close(&child->err);
    if (child->pid > 0) {
        if (ended.fd >= 0 && grace_ms > 0)
            (void)poll(&ended, 1, grace_ms); /* a signal only shortens the grace */
        if (is_ours(child))
            kill_all(child);
        while (waitpid(child->pid, &status, 0) < 0)
            if (errno != EINTR) {
                status = -1;
                break;
            }
    }
    trove__fd_close(&child->pidfd);
    child->pid = -1;
    return status;
}

/* --- a whole run ------------------------------------------------------------------------------------------------- */

/* One step of writing; the input is closed when all is written or nobody reads it. */
static void feed_input(struct trove__child *child, const uint8_t **input, size_t *left)
{
    ssize_t wrote = *left > 0 ? send(child->in, *input, *left, MSG_NOSIGNAL) : 0;

    if (wrote < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (wrote >= 0) {
        *input += wrote;
        *left -= (size_t)wrote;
    }
    if (wrote < 0 || *left == 0)
        trove__fd_close(&child->in);
}

/* One step of reading; the descriptor is closed at end of file. */
static int drain(int *fd, struct trove__bytes *out, size_t max_out)
{
    char buffer[8192];
    ssize_t got = read(*fd, buffer, sizeof(buffer));

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0) {
        trove__fd_close(fd);
        return 0;
    }
    if (out == NULL)
        return 0;
    if ((size_t)got > max_out - out->size)
        return -EFBIG;
    trove__bytes_add(out, buffer, (size_t)got);
    return out->failed ? -ENOMEM : 0;
}

/* Passes bytes both ways until the child has ended and what it wrote is read. Something that it left running may hold its
 * descriptors open: nobody waits for that. */
static int converse(struct trove__child *child, const uint8_t *input, size_t left,
                    struct trove__bytes *out, size_t max_out, struct trove__io *io,
                    struct trove_error *err)
{
    bool ended = false;

    while (!ended && (child->out >= 0 || child->err >= 0 || child->pidfd >= 0)) {
        struct pollfd fds[] = {{.fd = child->out, .events = POLLIN},
                               {.fd = child->err, .events = POLLIN},
                               {.fd = child->in, .events = POLLOUT},
                               {.fd = child->pidfd, .events = POLLIN}};
        int result = trove__io_poll(io, fds, 4, err);

        if (result < 0)
            return result;
        result = 0;
        if (fds[2].revents != 0)
            feed_input(child, &input, &left);
        if (fds[1].revents != 0)
            drain(&child->err, NULL, 0);
        if (fds[0].revents != 0)
            result = drain(&child->out, out, max_out);
        if (result < 0)
            return trove_error_set(err, result,
                                   result == -ENOMEM ? "no memory for a helper program's answer"
                                                     : "a helper program answers without end");
        ended = fds[3].revents != 0 && fds[0].revents == 0;
    }
    return 0;
}

int trove__child_run(const struct trove__child_spec *spec, const void *input, size_t input_size,
                     struct trove__bytes *out, size_t max_out, struct trove__io *io,
                     int *ret_status, struct trove_error *err)
{
    struct trove__child child = TROVE__CHILD_NONE;
    int result = trove__child_start(spec, &child, err), status;

    if (result < 0)
        return result;
    result = converse(&child, input, input_size, out, max_out, io, err);
    status = trove__child_end(&child, result == 0 ? 1000 : 0);
    if (result < 0)
        return result;
    *ret_status = status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    return 0;
}
