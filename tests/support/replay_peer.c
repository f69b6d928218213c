// SPDX-License-Identifier: MIT
/*
 * replay_peer.c - a recorded conversation, played back and cut.
 */
#include "replay_peer.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_to(unsigned port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void add_bytes(struct replay_bytes *to, const void *data, size_t size)
{
    to->data = realloc(to->data, to->size + size);
    if (to->data == NULL)
        abort();
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

static bool send_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Waits for bytes of A or B (which may be -1). Returns their count, 0 when it is over; *RET_FROM is the descriptor. */
static ssize_t read_either(struct replay_peer *peer, int a, int b, uint8_t *buffer, size_t size,
                           int *ret_from)
{
    struct pollfd fds[] = {{.fd = peer->stop[0], .events = POLLIN},
                           {.fd = a, .events = POLLIN},
                           {.fd = b, .events = POLLIN}};
    ssize_t got;

    if (poll(fds, 3, -1) < 0 || fds[0].revents != 0)
        return 0;
    *ret_from = fds[1].revents != 0 ? a : b;
    got = read(*ret_from, buffer, size);
    return got > 0 ? got : 0;
}

/* --- recording --------------------------------------------------------------------------------------------------- */

static void relay(struct replay_peer *peer, int client)
{
    int server = connect_to(peer->upstream), from = -1;
    bool answering = true; /* a request after an answer begins a new exchange */
    uint8_t buffer[16384];
    ssize_t got;

    while ((got = read_either(peer, client, server, buffer, sizeof(buffer), &from)) > 0) {
        if (from == client && answering && peer->count == REPLAY_EXCHANGES_MAX)
            abort();
        pthread_mutex_lock(&peer->lock);
        if (from == client && answering)
            peer->count++;
        answering = from == server;
        struct replay_exchange *exchange = &peer->exchanges[peer->count - 1];
        add_bytes(answering ? &exchange->answer : &exchange->request, buffer, (size_t)got);
        pthread_mutex_unlock(&peer->lock);
        if (!send_all(from == client ? server : client, buffer, (size_t)got))
            break;
    }
    close(server);
}

/* --- playing ----------------------------------------------------------------------------------------------------- */

/* False when the connection is to be closed now. */
static bool answer(struct replay_peer *peer, int client, const struct replay_bytes *bytes)
{
    size_t size = bytes->size;
    bool cut;

    pthread_mutex_lock(&peer->lock);
    cut = peer->left <= size && peer->left != SIZE_MAX;
    if (cut) {
        size = peer->left;
        peer->left = SIZE_MAX;
        peer->was_cut = true;
    } else if (peer->left != SIZE_MAX) {
        peer->left -= size;
    }
    pthread_mutex_unlock(&peer->lock);
    return send_all(client, bytes->data, size) && !cut;
}

static const struct replay_exchange *find(const struct replay_peer *peer,
                                          const struct replay_bytes *request)
{
    for (size_t i = 0; i < peer->count; i++) {
        const struct replay_bytes *known = &peer->exchanges[i].request;
        if (known->size == request->size && memcmp(known->data, request->data, known->size) == 0)
            return &peer->exchanges[i];
    }
    return NULL;
}

static void play(struct replay_peer *peer, int client)
{
    struct replay_bytes request = {0};
    uint8_t buffer[16384];
    int from;
    ssize_t got;
    bool open = !peer->speaks_first || answer(peer, client, &peer->exchanges[0].answer);

    while (open && (got = read_either(peer, client, -1, buffer, sizeof(buffer), &from)) > 0) {
        const struct replay_exchange *exchange;
        add_bytes(&request, buffer, (size_t)got);
        exchange = find(peer, &request);
        if (exchange == NULL)
            continue;
        request.size = 0;
        open = answer(peer, client, &exchange->answer);
    }
    free(request.data);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static void set_busy(struct replay_peer *peer, bool busy)
{
    pthread_mutex_lock(&peer->lock);
    peer->busy = busy;
    pthread_cond_signal(&peer->idle);
    pthread_mutex_unlock(&peer->lock);
}

static void *serve(void *argument)
{
    struct replay_peer *peer = argument;

    for (;;) {
        struct pollfd fds[] = {{.fd = peer->stop[0], .events = POLLIN},
                               {.fd = peer->listener, .events = POLLIN}};
        int client;

        poll(fds, 2, -1);
        if (fds[0].revents != 0)
            return NULL;
        client = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            continue;
        set_busy(peer, true);
        if (peer->upstream != 0)
            relay(peer, client);
        else
            play(peer, client);
        close(client);
        set_busy(peer, false);
    }
}

static void start_thread(struct replay_peer *peer)
{
    assert_int_equal(pipe2(peer->stop, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&peer->thread, NULL, serve, peer), 0);
}

static void stop_thread(struct replay_peer *peer)
{
    assert_int_equal(write(peer->stop[1], "x", 1), 1);
    pthread_join(peer->thread, NULL);
    close(peer->stop[0]);
    close(peer->stop[1]);
}

void replay_peer_record(struct replay_peer *peer, unsigned upstream)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);

    memset(peer, 0, sizeof(*peer));
    peer->upstream = upstream;
    peer->left = SIZE_MAX;
    pthread_mutex_init(&peer->lock, NULL);
    pthread_cond_init(&peer->idle, NULL);
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(peer->listener, 16), 0);
    assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &length), 0);
    peer->port = ntohs(address.sin_port);
    start_thread(peer);
}

void replay_peer_play(struct replay_peer *peer, bool speaks_first)
{
    stop_thread(peer);
    peer->speaks_first = speaks_first;
    peer->upstream = 0;
    assert_true(peer->count > 0);
    start_thread(peer);
}

void replay_peer_stop(struct replay_peer *peer)
{
    stop_thread(peer);
    close(peer->listener);
    for (size_t i = 0; i < peer->count; i++) {
        free(peer->exchanges[i].request.data);
        free(peer->exchanges[i].answer.data);
    }
    pthread_cond_destroy(&peer->idle);
    pthread_mutex_destroy(&peer->lock);
}

void replay_peer_cut(struct replay_peer *peer, size_t bytes)
{
    pthread_mutex_lock(&peer->lock);
    peer->left = bytes;
    peer->was_cut = false;
    pthread_mutex_unlock(&peer->lock);
}

void replay_peer_settle(struct replay_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    while (peer->busy)
        pthread_cond_wait(&peer->idle, &peer->lock);
    pthread_mutex_unlock(&peer->lock);
}

bool replay_peer_was_cut(struct replay_peer *peer)
{
    bool was_cut;

    pthread_mutex_lock(&peer->lock);
    was_cut = peer->was_cut;
    pthread_mutex_unlock(&peer->lock);
    return was_cut;
}

size_t replay_peer_bytes(const struct replay_peer *peer)
{
    size_t size = 0;

    for (size_t i = 0; i < peer->count; i++)
        size += peer->exchanges[i].answer.size;
    return size;
}

void replay_peer_be_ssh(void)
{
    char program[512];
    ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - sizeof("replay_pipe"));

    assert_true(size > 0);
    program[size] = '\0';
    memcpy(strrchr(program, '/') + 1, "replay_pipe", sizeof("replay_pipe"));
    assert_int_equal(access(program, X_OK), 0);
    setenv("GIT_SSH", program, 1);
    setenv("GIT_SSH_VARIANT", "putty", 1); /* -P PORT HOST COMMAND */
}

void replay_peer_be_no_ssh(void)
{
    unsetenv("GIT_SSH");
    unsetenv("GIT_SSH_VARIANT");
}
