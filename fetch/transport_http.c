// SPDX-License-Identifier: MIT
/*
 * transport_http.c - smart HTTP over libcurl: a GET for the advertisement, a POST for each command.
 *
 * What is sent to whom: the first GET may be redirected, to the same scheme or from http to https; the address it ends
 * at is kept. Where host or port changed, name, password, cookies and extra headers stay behind, except what the user
 * configured for the new host. No POST follows a redirect.
 *
 * What is sent twice: a request whose connection ended before a byte of the answer, because the server closes what was idle
 * for its taste, right when we write, or before we come to write. It is sent once more, over another connection: requests of
 * ours change nothing (RFC 9110, 9.2.2), and libcurl does that for some ends of some connections only.
 */
#include "core/memory.h"
#include "gzip.h"
#include "http_internal.h"
#include "http_options.h"
#include "protocol.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZIP_ABOVE_BYTES 1024
#define BODY_MAX_BYTES (1 << 20) /* waiting to be read; past it the transfer pauses */
#define HEADERS_MAX_BYTES (256 << 10)
#define PAGE_MAX_BYTES (16 << 10) /* of an error page */
#define REDIRECTS_MAX 10
#define ADVERTISEMENT "application/x-git-upload-pack-advertisement"
#define RESULT "application/x-git-upload-pack-result"

/* --- libcurl's callbacks ----------------------------------------------------------------------------------------- */

static void learn_status(struct trove__http *http)
{
    if (http->status == 0)
        curl_easy_getinfo(http->curl.easy, CURLINFO_RESPONSE_CODE, &http->status);
}

static void count_received(struct trove__http *http, size_t size)
{
    trove__add_relaxed(&http->base.counters->received_bytes, size);
    trove__io_count(http->io, (int64_t)size);
}

static size_t on_body(char *data, size_t unit, size_t count, void *context)
{
    struct trove__http *http = context;
    size_t size = unit * count;

    learn_status(http);
    if (http->status == 200 && http->body.size - http->start >= BODY_MAX_BYTES) {
        /* A pause stops the peer, not what a few zipped bytes of his still become. */
        http->endless = http->is_get;
        http->paused = !http->is_get;
        return http->is_get ? CURL_WRITEFUNC_ERROR : CURL_WRITEFUNC_PAUSE;
    }
    count_received(http, size);
    if (http->status != 200 && size > PAGE_MAX_BYTES - http->body.size)
        return CURL_WRITEFUNC_ERROR; /* enough of an error page */
    trove__bytes_add(&http->body, data, size);
    return http->body.failed ? CURL_WRITEFUNC_ERROR : size;
}

static size_t on_header(char *data, size_t unit, size_t count, void *context)
{
    struct trove__http *http = context;
    size_t size = unit * count;

    (void)data;
    count_received(http, size);
    http->header_bytes += size;
    return http->header_bytes <= HEADERS_MAX_BYTES ? size : 0;
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t upload_total,
                       curl_off_t uploaded)
{
    struct trove__http *http = context;

    (void)total, (void)now, (void)upload_total;
    if ((uint64_t)uploaded > http->uploaded) {
        trove__io_count(http->io, (int64_t)((uint64_t)uploaded - http->uploaded));
        http->uploaded = (uint64_t)uploaded;
    }
    return 0;
}

/* --- one request ------------------------------------------------------------------------------------------------- */

/* The address of a request: WHAT behind the repository's. */
static CURLcode set_address(struct trove__http *http, const char *what, const char *query)
{
    const char *base = http->url->text;
    size_t length = strlen(base);
    struct trove__bytes text = {0};
    CURLcode result;

    while (length > 0 && base[length - 1] == '/')
        length--;
    trove__bytes_add(&text, base, length);
    trove__bytes_addf(&text, "%s", what);
    if (query != NULL)
        trove__bytes_addf(&text, "%c%s", strchr(base, '?') != NULL ? '&' : '?', query);
    if (trove__bytes_text(&text) == NULL)
        return CURLE_OUT_OF_MEMORY;
    result = curl_easy_setopt(http->curl.easy, CURLOPT_URL, (const char *)text.data);
    trove__bytes_free(&text);
    return result;
}

static CURLcode set_credentials(struct trove__http *http)
{
    CURL *easy = http->curl.easy;
    bool helped = http->credential.password != NULL;
    CURLcode result =
        curl_easy_setopt(easy, CURLOPT_USERNAME, helped ? http->credential.user : http->url->user);

    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_PASSWORD,
                                  helped ? http->credential.password : http->url->password);
    if (http->url->user != NULL && http->url->password == NULL && !helped) /* half is nothing yet */
        curl_easy_setopt(easy, CURLOPT_USERNAME, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH,
                     http->auth != 0 ? (long)http->auth : (long)CURLAUTH_ANY);
    return result;
}

static int set_headers(struct trove__http *http, bool post, bool zipped)
{
    struct curl_slist *list = NULL;
    int result = trove__http_add_header(&list, "Git-Protocol: version=2");

    if (result == 0 && post)
        result =
            trove__http_add_header(&list, "Content-Type: application/x-git-upload-pack-request");
    if (result == 0 && post)
        result = trove__http_add_header(&list, "Accept: " RESULT);
    if (result == 0 && post)
        result = trove__http_add_header(&list, "Expect:");
    if (result == 0 && zipped)
        result = trove__http_add_header(&list, "Content-Encoding: gzip");
    if (result == 0)
        result = trove__http_add_extra_headers(&list, http->config, http->url, http->foreign);
    if (result < 0) {
        curl_slist_free_all(list);
        return result;
    }
    curl_slist_free_all(http->headers);
    http->headers = list;
    curl_easy_setopt(http->curl.easy, CURLOPT_HTTPHEADER, list);
    return 0;
}

/* BODY NULL: the GET. */
static int describe(struct trove__http *http, const void *body, size_t size,
                    struct trove_error *err)
{
    CURL *easy = http->curl.easy;
    bool zipped = body != NULL && size > ZIP_ABOVE_BYTES;
    int result;

    trove__curl_stop(&http->curl); /* one that failed half-way may still hold what changes now */
    result = zipped ? trove__gzip(&http->zipped, body, size) : 0;
    if (result == 0)
        result = set_headers(http, body != NULL, zipped);
    if (result == 0 && (set_address(http, body != NULL ? "/git-upload-pack" : TROVE__HTTP_INFO_REFS,
                                    body != NULL ? NULL : TROVE__HTTP_SERVICE) != CURLE_OK ||
                        set_credentials(http) != CURLE_OK))
        result = -ENOMEM;
    if (result < 0)
        return trove_error_set(err, result, "no memory for a request");
    if (body == NULL) {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    } else {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, zipped ? (const void *)http->zipped.data : body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(zipped ? http->zipped.size : size));
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING,
                         NULL); /* packs are compressed as they are */
    }
    http->is_get = body == NULL;
    http->is_unheard = false;
    http->type = body != NULL ? RESULT : ADVERTISEMENT;
    return 0;
}

/* The connection ended, or could be used no more, before a byte of the answer came. */
static bool was_unheard(const struct trove__http *http)
{
    switch (http->curl.result) {
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return http->header_bytes == 0;
    default:
        return false;
    }
}

/* Why the transfer failed: for want of memory of ours, or as libcurl says. */
static int transfer_failed(const struct trove__http *http, struct trove_error *err)
{
    if (http->body.failed)
        return trove_error_set(err, -ENOMEM, "no memory for an answer");
    if (http->endless)
        return trove_error_set(err, -EFBIG, "the server advertises capabilities without end");
    return trove__curl_failed(&http->curl, err);
}

/* Sends what was described and waits until the body of the answer begins, or the answer ends. */
static int exchange(struct trove__http *http, struct trove_error *err)
{
    long request = 0, connections = 0;
    curl_off_t uploaded = 0;
    int result;

    http->status = 0;
    http->header_bytes = http->uploaded = 0;
    http->start = 0;
    http->paused = http->endless = false;
    trove__bytes_clear(&http->body);
    result = trove__curl_start(&http->curl, err);
    /* An error's page is read whole; of a good answer the first bytes are enough. */
    for (bool wait = false;
         result == 0 && http->curl.running && !(http->status == 200 && http->body.size > 0);
         wait = true)
        result = trove__curl_step(&http->curl, wait, http->io, err);
    if (result < 0)
        return result;
    if (!http->curl.running && http->curl.result != CURLE_OK &&
        (http->status == 0 || (http->status == 200 && http->body.size == 0) || http->body.failed)) {
        http->is_unheard = was_unheard(http);
        return transfer_failed(http, err); /* what came before it broke is read first */
    }
    learn_status(http);
    curl_easy_getinfo(http->curl.easy, CURLINFO_REQUEST_SIZE, &request);
    curl_easy_getinfo(http->curl.easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    curl_easy_getinfo(http->curl.easy, CURLINFO_NUM_CONNECTS, &connections);
    trove__add_relaxed(&http->base.counters->sent_bytes, (uint64_t)request + (uint64_t)uploaded);
    trove__add_relaxed(&http->base.counters->connections, (uint64_t)connections);
    return 0;
}

/* A handle that knows of no host yet: no connection, cookie or login. */
static int set_up(struct trove__http *http, struct trove_error *err)
{
    CURL *easy;
    int result = trove__curl_open(&http->curl, err);

    if (result < 0)
        return result;
    easy = http->curl.easy;
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, http);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, http);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    return trove__http_set_options(easy, http->config, http->url, http->foreign, err);
}

static int send_once(struct trove__http *http, const void *body, size_t size,
                     struct trove_error *err)
{
    int result = http->curl.easy != NULL ? 0 : set_up(http, err);

    if (result == 0)
        result = describe(http, body, size, err);
    return result == 0 ? exchange(http, err) : result;
}

/* How often a request was sent again, and why. */
struct repeats {
    unsigned redirects, busy, logins, unheard;
};

/* After RESULT of sending, which was not an answer with 200: 0 when the request may be sent again, or why not. */
static int prepare_again(struct trove__http *http, int result, struct repeats *repeats,
                         struct trove_error *err)
{
    if (result < 0) {
        if (!http->is_unheard || repeats->unheard++ > 0)
            return result;
        if (err != NULL)
            *err = (struct trove_error){0};
        return 0;
    }
    if (http->status == 401)
        return trove__http_unauthorized(http, repeats->logins++, err);
    if (http->status == 429 || http->status == 503)
        return trove__http_wait_to_retry(http, repeats->busy++, err);
    if (http->is_get && http->status / 100 == 3 && repeats->redirects++ < REDIRECTS_MAX)
        return trove__http_redirect(http, err);
    return trove__http_bad_status(http, err);
}

/* Sends a request until it is answered with 200. */
static int request(struct trove__http *http, const void *body, size_t size, struct trove_error *err)
{
    struct repeats repeats = {0};

    for (;;) {
        int result = send_once(http, body, size, err);

        if (result == 0 && http->status == 200)
            break;
        result = prepare_again(http, result, &repeats, err);
        if (result < 0)
            return result;
        trove__add_relaxed(&http->base.counters->round_trips, 1);
    }
    trove__http_learn_auth(http);
    if (http->credential.password != NULL && !http->approved) {
        trove__logins_report(http->logins, &http->credential, true, http->io);
        http->approved = true;
    }
    return trove__http_check_type(http, err);
}

/* --- the transport ----------------------------------------------------------------------------------------------- */

static int http_send(struct trove__transport *transport, const void *body, size_t size,
                     struct trove__io *io, struct trove_error *err)
{
    struct trove__http *http = (struct trove__http *)transport;

    http->io = io;
    return request(http, body, size, err);
}

static ssize_t http_read(struct trove__transport *transport, void *buffer, size_t size,
                         struct trove__io *io, struct trove_error *err)
{
    struct trove__http *http = (struct trove__http *)transport;
    int result = 0;
    size_t ready;

    http->io = io;
    if (http->start == http->body.size && !http->body.failed) {
        trove__bytes_clear(&http->body);
        http->start = 0;
    }
    if (http->paused && http->body.size - http->start < BODY_MAX_BYTES / 4) {
        http->paused = false;
        curl_easy_pause(http->curl.easy, CURLPAUSE_CONT);
    }
    for (bool wait = false; result == 0 && http->curl.running && http->start == http->body.size;
         wait = true)
        result = trove__curl_step(&http->curl, wait, io, err);
    if (result < 0)
        return result;
    ready = http->body.size - http->start;
    if (ready == 0 && http->curl.result != CURLE_OK)
        return transfer_failed(http, err);
    if (ready > size)
        ready = size;
    if (ready > 0)
        memcpy(buffer, http->body.data + http->start, ready);
    http->start += ready;
    return (ssize_t)ready;
}

static void http_complaint(struct trove__transport *transport, struct trove__io *io, char *ret_text,
                           size_t capacity)
{
    (void)transport, (void)io, (void)capacity;
    ret_text[0] = '\0'; /* a short body is all that a failed http-backend leaves */
}

static void http_close(struct trove__transport *transport, bool polite)
{
    struct trove__http *http = (struct trove__http *)transport;

    (void)polite;
    if (http->curl.easy !=
        NULL) /* it tells of progress once more at its end, when the last call's io is gone */
        curl_easy_setopt(http->curl.easy, CURLOPT_NOPROGRESS, 1L);
    trove__curl_close(&http->curl);
    curl_slist_free_all(http->headers);
    trove__credential_clear(&http->credential);
    trove__bytes_free(&http->zipped);
    trove__bytes_free(&http->body);
    trove__free(http);
}

static const struct trove__transport_ops http_ops = {
    .send = http_send,
    .read = http_read,
    .complaint = http_complaint,
    .close = http_close,
};

int trove__http_open(const struct trove__connect *connect, struct trove__io *io,
                     struct trove__transport **ret, struct trove_error *err)
{
    struct trove__http *http = trove__calloc(1, sizeof(*http));
    int result;

    if (http == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a connection");
    http->base.ops = &http_ops;
    http->base.counters = connect->counters;
    http->base.stateless = true;
    http->url = connect->url;
    http->config = connect->config;
    http->logins = connect->logins;
    http->io = io;
    result = request(http, NULL, 0, err);
    if (result < 0) {
        http_close(&http->base, false);
        return result;
    }
    *ret = &http->base;
    return 0;
}
