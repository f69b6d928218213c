// SPDX-License-Identifier: MIT
/*
 * capture.c - fork, exec, read until the end.
 */
#include "capture.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_all(int fd, struct capture *capture)
{
    size_t capacity = 65536;
    ssize_t got;

    capture->bytes = malloc(capacity);
    while ((got = read(fd, capture->bytes + capture->size, capacity - capture->size - 1)) > 0) {
        capture->size += (size_t)got;
        if (capacity - capture->size < 4096) {
            capacity *= 2;
            capture->bytes = realloc(capture->bytes, capacity);
        }
    }
    capture->bytes[capture->size] = '\0';
}

static void run_child(const char *const *argv, const int *ends, int loud)
{
    int nothing = open("/dev/null", O_RDWR);

    dup2(nothing, STDIN_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    if (!loud)
        dup2(nothing, STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

struct capture capture_run(const char *const *argv, int loud)
{
    struct capture capture = {.status = -1};
    int ends[2];
    int status;
    pid_t child;

    if (pipe(ends) < 0)
        return capture;
    child = fork();
    if (child == 0)
        run_child(argv, ends, loud);
    close(ends[1]);
    read_all(ends[0], &capture);
    close(ends[0]);
    if (child > 0 && waitpid(child, &status, 0) == child)
        capture.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return capture;
}

void capture_free(struct capture *capture)
{
    free(capture->bytes);
    capture->bytes = NULL;
}
