// SPDX-License-Identifier: MIT
/*
 * transport_tcp.c - git://: a TCP connection. libcurl looks the name up and connects (all addresses, both families,
 * within the deadline); from then on the socket is ours.
 */
#include "channel.h"
#include "core/memory.h"
#include "curl_io.h"
#include "forking.h"
#include "protocol.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

static void tcp_complaint(struct trove__transport *transport, struct trove__io *io, char *ret_text,
                          size_t capacity)
{
    (void)transport, (void)io, (void)capacity;
    ret_text[0] = '\0'; /* a bare connection has nothing beside its bytes */
}

static void tcp_close(struct trove__transport *transport, bool polite)
{
    struct trove__channel *channel = (struct trove__channel *)transport;

    if (polite)
        (void)send(channel->in, "0000", 4, MSG_NOSIGNAL);
    trove__channel_close(channel);
    trove__free(channel);
}

static const struct trove__transport_ops tcp_ops = {
    .send = trove__channel_send,
    .read = trove__channel_read,
    .complaint = tcp_complaint,
    .close = tcp_close,
};

static int describe(struct trove__curl *curl, const struct trove__url *url, struct trove_error *err)
{
    struct trove__bytes text = {0};
    bool bracket = strchr(url->host, ':') != NULL;
    CURLcode result;

    trove__bytes_addf(&text, "http://%s%s%s:%s/", bracket ? "[" : "", url->host, bracket ? "]" : "",
                      trove__url_port(url));
    if (trove__bytes_text(&text) == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a connection");
    result = curl_easy_setopt(curl->easy, CURLOPT_URL, (const char *)text.data);
    trove__bytes_free(&text);
    curl_easy_setopt(curl->easy, CURLOPT_PROXY, ""); /* http's proxies are not for git:// */
    curl_easy_setopt(curl->easy, CURLOPT_CONNECT_ONLY, 1L);
    return result == CURLE_OK ? 0 : trove_error_set(err, -ENOMEM, "no memory for a connection");
}

/* A connected socket of our own in *RET. */
static int connect_socket(const struct trove__url *url, struct trove__io *io, int *ret,
                          struct trove_error *err)
{
    struct trove__curl curl = {0};
    curl_socket_t socket = CURL_SOCKET_BAD;
    int result = trove__curl_open(&curl, err);

    if (result < 0)
        return result;
    result = describe(&curl, url, err);
    if (result == 0)
        result = trove__curl_start(&curl, err);
    for (bool wait = false; result == 0 && curl.running; wait = true)
        result = trove__curl_step(&curl, wait, io, err);
    if (result == 0 && curl.result != CURLE_OK)
        result = trove__curl_failed(&curl, err);
    if (result == 0 && curl_easy_getinfo(curl.easy, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK)
        *ret = trove__fd_own(fcntl(socket, F_DUPFD_CLOEXEC, 3));
    if (result == 0 && *ret < 0)
        result = trove_error_set(err, socket == CURL_SOCKET_BAD ? -EIO : -errno,
                                 "the connection has no socket");
    trove__curl_close(&curl);
    return result;
}

int trove__tcp_open(const struct trove__connect *connect, struct trove__io *io,
                    struct trove__transport **ret, struct trove_error *err)
{
    const struct trove__url *url = connect->url;
    struct trove__channel *channel = trove__calloc(1, sizeof(*channel));
    struct trove__bytes hello = {0};
    int result;

    if (channel == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a connection");
    channel->base.ops = &tcp_ops;
    channel->base.counters = connect->counters;
    channel->in = channel->out = channel->err = -1;
    result = connect_socket(url, io, &channel->out, err);
    channel->in = channel->out;
    if (result == 0) {
        trove__add_relaxed(&connect->counters->connections, 1);
        result = trove__build_git_request(&hello, url->path, url->host, url->port);
        if (result < 0)
            trove_error_set(err, result, "no memory for a request");
    }
    if (result == 0)
        result = trove__channel_send(&channel->base, hello.data, hello.size, io, err);
    trove__bytes_free(&hello);
    if (result < 0) {
        tcp_close(&channel->base, false);
        return result;
    }
    *ret = &channel->base;
    return 0;
}
