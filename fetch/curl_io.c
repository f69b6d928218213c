// SPDX-License-Identifier: MIT
/*
 * curl_io.c - libcurl's transfers within our deadlines, tokens and low-speed limits.
 */
#include "curl_io.h"
#include "forking.h"
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode ready;

static void init_once(void)
{
    ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)context, (void)purpose;
    return fd >= 0 ? trove__fd_own(fd) : CURL_SOCKET_BAD;
}

static int close_socket(void *context, curl_socket_t fd)
{
    (void)context;
    trove__fd_close(&fd);
    return 0;
}

int trove__curl_open(struct trove__curl *curl, struct trove_error *err)
{
    pthread_once(&once, init_once);
    if (ready == CURLE_OK) {
        curl->multi = curl_multi_init();
        curl->easy = curl_easy_init();
    }
    if (curl->multi == NULL || curl->easy == NULL) {
        trove__curl_close(curl);
        return trove_error_set(err, -ENOMEM, "no memory for a connection");
    }
    curl_easy_setopt(curl->easy, CURLOPT_NOSIGNAL, 1L);
    /* A cancelled look-up of a name is left to its thread instead of waited for. */
    curl_easy_setopt(curl->easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(curl->easy, CURLOPT_ERRORBUFFER, curl->message);
    curl_easy_setopt(curl->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    return 0;
}

void trove__curl_close(struct trove__curl *curl)
{
    if (curl->multi != NULL && curl->easy != NULL)
        trove__curl_stop(curl);
    curl_easy_cleanup(curl->easy);
    curl_multi_cleanup(curl->multi);
    curl->easy = NULL;
    curl->multi = NULL;
}

int trove__curl_start(struct trove__curl *curl, struct trove_error *err)
{
    trove__curl_stop(curl);
    curl->message[0] = '\0';
    curl->result = CURLE_OK;
    if (curl_multi_add_handle(curl->multi, curl->easy) != CURLM_OK)
        return trove_error_set(err, -ENOMEM, "no memory for a transfer");
    curl->running = true;
    return 0;
}

void trove__curl_stop(struct trove__curl *curl)
{
    curl_multi_remove_handle(curl->multi, curl->easy); /* nothing when it is not in */
    curl->running = false;
}

/* Sees whether the transfer has ended. */
static void take_messages(struct trove__curl *curl)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(curl->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE) {
            curl->running = false;
            curl->result = message->data.result;
        }
}

int trove__curl_step(struct trove__curl *curl, bool wait, struct trove__io *io,
                     struct trove_error *err)
{
    struct curl_waitfd cancel = {.fd = trove__io_cancel_fd(io), .events = CURL_WAIT_POLLIN};
    unsigned extra = cancel.fd >= 0 ? 1 : 0;
    int result = trove__io_check(io, err), count = 0;

    if (result < 0)
        return result;
    if (wait) {
        int timeout = trove__io_timeout_ms(io);
        int64_t start = trove_now_ns();
        /* libcurl ends the sleep early for timers of its own. */
        if (curl_multi_poll(curl->multi, &cancel, extra, timeout >= 0 ? timeout : 3600000, NULL) !=
            CURLM_OK)
            return trove_error_set(err, -EIO, "waiting for the server failed");
        trove__io_waited(io, trove_now_ns() - start);
    }
    if (curl_multi_perform(curl->multi, &count) != CURLM_OK)
        return trove_error_set(err, -EIO, "libcurl failed");
    take_messages(curl);
    return 0;
}

int trove__curl_failed(const struct trove__curl *curl, struct trove_error *err)
{
    const char *words = curl->message[0] != '\0' ? curl->message : curl_easy_strerror(curl->result);
    int code = -EIO;

    switch (curl->result) {
    case CURLE_COULDNT_CONNECT:
        code = -ECONNREFUSED;
        break;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        code = -ECONNRESET;
        break;
    case CURLE_OPERATION_TIMEDOUT:
        code = -ETIMEDOUT;
        break;
    case CURLE_OUT_OF_MEMORY:
        code = -ENOMEM;
        break;
    case CURLE_URL_MALFORMAT:
        code = -EINVAL;
        break;
    default:
        break;
    }
    return trove_error_set(err, code, "%s", words);
}
