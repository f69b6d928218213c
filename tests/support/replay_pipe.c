// SPDX-License-Identifier: MIT
/*
 * replay_pipe.c - an ssh that leads to a port of this machine: `replay_pipe -P PORT HOST COMMAND` passes bytes between it
 * and standard input and output until the server closes. A program of its own, of the C library alone: it starts in a
 * fraction of what a test takes to start.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

/* False at the end. */
static bool pass(int from, int to)
{
    char buffer[16384];
    ssize_t got = read(from, buffer, sizeof(buffer));

    return got > 0 && write(to, buffer, (size_t)got) == got;
}

int main(int argc, char **argv)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = -1, .events = POLLIN}};

    if (argc < 3)
        return 2;
    fds[1].fd = connect_to(atoi(argv[2]));
    if (fds[1].fd < 0)
        return 1;
    while (poll(fds, 2, -1) > 0)
        if (fds[1].revents != 0 ? !pass(fds[1].fd, STDOUT_FILENO) : !pass(STDIN_FILENO, fds[1].fd))
            return 0;
    return 1;
}
