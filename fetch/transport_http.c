// SPDX-License-Identifier: MIT
/*
 * transport_http.c - smart HTTP over libcurl: a GET for the advertisement, a POST for each command.
 *
 * What is sent to whom: the first GET may be redirected, to the same scheme or from http to https; the address it ends
 * at is kept. Where host or port changed, name, password, cookies and extra headers stay behind, except what the user
 * configured for the new host. No POST follows a redirect.
 */
#include "core/memory.h"
#include "credential.h"
#include "curl_io.h"
#include "gzip.h"
#include "http_options.h"
#include "logins.h"
#include "protocol.h"
#include "transport.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ZIP_ABOVE_BYTES 1024
#define BODY_MAX_BYTES (1 << 20) /* waiting to be read; past it the transfer pauses */
#define HEADERS_MAX_BYTES (256 << 10)
#define PAGE_MAX_BYTES (16 << 10) /* of an error page */
#define REDIRECTS_MAX 10
#define RETRIES_MAX 3
#define LOGINS_MAX 2
#define RETRY_AFTER_MAX_S 300
#define INFO_REFS "/info/refs"
#define SERVICE "service=git-upload-pack"
#define ADVERTISEMENT "application/x-git-upload-pack-advertisement"
#define RESULT "application/x-git-upload-pack-result"

struct http {
    struct trove__transport base;
    struct trove__curl curl;
    struct trove__url *url; /* the session's; a redirect changes it */
    const struct trove__git_config *config;
    struct trove__io *io; /* of the call under way: libcurl's callbacks count in it */
    bool foreign;         /* a redirect led to another host */

    struct trove__logins *logins;        /* may be NULL */
    struct trove__credential credential; /* from a helper */
    bool approved;                       /* the helpers know that it works */
    unsigned long auth;                  /* what the server takes; 0 while not known */

    struct curl_slist *headers; /* of the request under way */
    struct trove__bytes zipped; /* its body */
    bool is_get;                /* it asks for the advertisement, a short one */
    const char *type;           /* the content type its answer must have */
    uint64_t uploaded;

    long status; /* 0 until the body begins or the answer ends */
    uint64_t header_bytes;
    struct trove__bytes body; /* of the answer; start.. is not yet read */
    size_t start;
    bool paused;
    bool endless; /* more came than an advertisement may have */
};

/* --- libcurl's callbacks ----------------------------------------------------------------------------------------- */

static void learn_status(struct http *http)
{
    if (http->status == 0)
        curl_easy_getinfo(http->curl.easy, CURLINFO_RESPONSE_CODE, &http->status);
}

static void count_received(struct http *http, size_t size)
{
    trove__add_relaxed(&http->base.counters->received_bytes, size);
    trove__io_count(http->io, (int64_t)size);
}

static size_t on_body(char *data, size_t unit, size_t count, void *context)
{
    struct http *http = context;
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
    struct http *http = context;
    size_t size = unit * count;

    (void)data;
    count_received(http, size);
    http->header_bytes += size;
    return http->header_bytes <= HEADERS_MAX_BYTES ? size : 0;
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t upload_total,
                       curl_off_t uploaded)
{
    struct http *http = context;

    (void)total, (void)now, (void)upload_total;
    if ((uint64_t)uploaded > http->uploaded) {
        trove__io_count(http->io, (int64_t)((uint64_t)uploaded - http->uploaded));
        http->uploaded = (uint64_t)uploaded;
    }
    return 0;
}

/* --- one request ------------------------------------------------------------------------------------------------- */

/* The address of a request: WHAT behind the repository's. */
static CURLcode set_address(struct http *http, const char *what, const char *query)
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

static CURLcode set_credentials(struct http *http)
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

static int set_headers(struct http *http, bool post, bool zipped)
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
static int describe(struct http *http, const void *body, size_t size, struct trove_error *err)
{
    CURL *easy = http->curl.easy;
    bool zipped = body != NULL && size > ZIP_ABOVE_BYTES;
    int result;

    trove__curl_stop(&http->curl); /* one that failed half-way may still hold what changes now */
    result = zipped ? trove__gzip(&http->zipped, body, size) : 0;
    if (result == 0)
        result = set_headers(http, body != NULL, zipped);
    if (result == 0 && (set_address(http, body != NULL ? "/git-upload-pack" : INFO_REFS,
                                    body != NULL ? NULL : SERVICE) != CURLE_OK ||
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
    http->type = body != NULL ? RESULT : ADVERTISEMENT;
    return 0;
}

/* Why the transfer failed: for want of memory of ours, or as libcurl says. */
static int transfer_failed(const struct http *http, struct trove_error *err)
{
    if (http->body.failed)
        return trove_error_set(err, -ENOMEM, "no memory for an answer");
    if (http->endless)
        return trove_error_set(err, -EFBIG, "the server advertises capabilities without end");
    return trove__curl_failed(&http->curl, err);
}

/* Sends what was described and waits until the body of the answer begins, or the answer ends. */
static int exchange(struct http *http, struct trove_error *err)
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
        (http->status == 0 || (http->status == 200 && http->body.size == 0) || http->body.failed))
        return transfer_failed(http, err); /* what came before it broke is read first */
    learn_status(http);
    curl_easy_getinfo(http->curl.easy, CURLINFO_REQUEST_SIZE, &request);
    curl_easy_getinfo(http->curl.easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    curl_easy_getinfo(http->curl.easy, CURLINFO_NUM_CONNECTS, &connections);
    trove__add_relaxed(&http->base.counters->sent_bytes, (uint64_t)request + (uint64_t)uploaded);
    trove__add_relaxed(&http->base.counters->connections, (uint64_t)connections);
    return 0;
}

/* --- what an answer may make necessary --------------------------------------------------------------------------- */

/* The strongest of what the server offers that a name and password can do; asked for at once from now on. */
static void learn_auth(struct http *http)
{
    long offered = 0;

    curl_easy_getinfo(http->curl.easy, CURLINFO_HTTPAUTH_AVAIL, &offered);
    if (offered == 0)
        return;
    http->auth = (unsigned long)offered & CURLAUTH_DIGEST  ? CURLAUTH_DIGEST
                 : (unsigned long)offered & CURLAUTH_BASIC ? CURLAUTH_BASIC
                                                           : (unsigned long)offered;
}

static void forget_credential(struct http *http)
{
    trove__credential_clear(&http->credential);
    http->base.secret = NULL;
    http->approved = false;
}

/* The server asks for a name and password, after BEFORE times in this request. What others gave us, or what was good once,
 * may be out of date: then it is asked for anew; what was asked for just now is wrong. */
static int unauthorized(struct http *http, unsigned before, struct trove_error *err)
{
    int result;

    learn_auth(http);
    if (http->credential.password != NULL) {
        bool is_fresh = !http->credential.is_shared && !http->approved;
        trove__logins_report(http->logins, &http->credential, false, http->io);
        forget_credential(http);
        if (is_fresh || before >= LOGINS_MAX)
            return trove_error_set(err, -EACCES,
                                   "authentication failed: the server refuses the name "
                                   "and password of the credential helper");
    }
    if (http->url->password != NULL)
        return trove_error_set(err, -EACCES,
                               "authentication failed: the server refuses the name "
                               "and password in the address");
    result = trove__logins_get(http->logins, http->url, http->io, &http->credential, err);
    http->base.secret = http->credential.password;
    return result;
}

/* Sleeps as long as the server asks, within the deadline. */
static int wait_to_retry(struct http *http, unsigned attempt, struct trove_error *err)
{
    curl_off_t seconds = 0;
    int64_t wait_ms, now = trove_now_ns();

    curl_easy_getinfo(http->curl.easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds <= 0)
        seconds = 1 << attempt;
    wait_ms = seconds <= RETRY_AFTER_MAX_S /* jitter: not everybody at once */
                  ? seconds * 1000 + now / 1000 % (seconds * 250)
                  : -1; /* any number that a server can write */
    if (attempt >= RETRIES_MAX || wait_ms < 0 ||
        (http->io->until.deadline_ns != TROVE_NO_DEADLINE &&
         http->io->until.deadline_ns - now < wait_ms * 1000000))
        return trove_error_set(err, -EAGAIN,
                               "the server is busy (HTTP %ld) and asks to come back in %lld s",
                               http->status, (long long)seconds);
    return trove__io_sleep(http->io, wait_ms, err);
}

/* A handle that knows of no host yet: no connection, cookie or login. */
static int set_up(struct http *http, struct trove_error *err)
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

/* The address that a redirect of the GET leads to becomes ours. */
static int redirect(struct http *http, struct trove_error *err)
{
    static const char tail[] = INFO_REFS "?" SERVICE;
    const char *follow = trove__git_config_http(http->config, http->url, "followredirects", false);
    char *location = NULL;
    struct trove__url url;
    size_t length;
    bool crosses;
    int result;

    curl_easy_getinfo(http->curl.easy, CURLINFO_REDIRECT_URL, &location);
    length = location != NULL ? strlen(location) : 0;
    if (follow != NULL && strcasecmp(follow, "initial") != 0 && !trove__git_config_is_true(follow))
        return trove_error_set(err, -EIO,
                               "the server redirects, and http.followRedirects forbids it");
    if (length < sizeof(tail) || strcmp(location + length - (sizeof(tail) - 1), tail) != 0)
        return trove_error_set(err, -EIO,
                               "the server redirects to something that is no repository");
    location[length - (sizeof(tail) - 1)] = '\0';
    result = trove__url_parse(location, &url, err);
    if (result < 0)
        return result;
    if (url.scheme != http->url->scheme &&
        !(http->url->scheme == TROVE__HTTP && url.scheme == TROVE__HTTPS)) {
        trove__url_clear(&url);
        return trove_error_set(err, -EIO, "the server redirects to another scheme");
    }
    crosses = !trove__url_same_origin(http->url, &url);
    trove__url_follow(http->url, &url);
    if (crosses) {
        http->foreign = true;
        http->auth = 0;
        forget_credential(http);
        /* libcurl would send cookies to any port of a host, and keep options that nothing replaces. */
        trove__curl_close(&http->curl);
        return set_up(http, err);
    }
    return 0;
}

static int bad_status(struct http *http, struct trove_error *err)
{
    const char *type = NULL;
    char page[TROVE_ERROR_MESSAGE_BYTES / 2] = "";
    long status = http->status;
    int code = status == 401 || status == 403 || status == 407 ? -EACCES : -EIO;
    const char *meaning = status == 404   ? " (no such repository)"
                          : status == 403 ? " (forbidden)"
                          : status == 407 ? " (the proxy asks for a name and password)"
                          : status >= 500 ? " (the server failed)"
                                          : "";

    curl_easy_getinfo(http->curl.easy, CURLINFO_CONTENT_TYPE, &type);
    if (type != NULL && strncasecmp(type, "text/plain", 10) == 0) /* other pages are for browsers */
        trove__visible(page, sizeof(page), http->body.data, http->body.size, TROVE__ERROR_LINES);
    trove__redact(page, http->base.secret);
    return trove_error_set(err, code, "HTTP %ld%s%s%s", status, meaning,
                           page[0] != '\0' ? ": " : "", page);
}

/* Whether the answer begins as info/refs of a repository that is served as plain files: "<id>\t<ref>". */
static bool is_plain_files(const struct http *http)
{
    static const size_t digits[] = {40, 64};

    for (size_t i = 0; i < 2; i++)
        if (http->body.size > digits[i] && http->body.data[digits[i]] == '\t' &&
            strspn((const char *)http->body.data, "0123456789abcdef") == digits[i])
            return true;
    return false;
}

/* A login page is not a pack. */
static int check_type(const struct http *http, struct trove_error *err)
{
    const char *type = NULL;
    char shown[80] = "nothing";
    size_t length = strlen(http->type);

    curl_easy_getinfo(http->curl.easy, CURLINFO_CONTENT_TYPE, &type);
    if (type != NULL && strncasecmp(type, http->type, length) == 0 &&
        (type[length] == '\0' || type[length] == ';' || type[length] == ' '))
        return 0;
    if (is_plain_files(http))
        return trove_error_set(err, -ENOTSUP,
                               "the server offers plain files only (git's dumb HTTP protocol), and "
                               "git protocol version 2 is needed");
    if (type != NULL)
        trove__visible(shown, sizeof(shown), type, strlen(type), 1);
    return trove_error_set(err, -EPROTO, "not an answer of a git server: the content is %s", shown);
}

/* Sends a request until it is answered with 200. */
static int request(struct http *http, const void *body, size_t size, struct trove_error *err)
{
    unsigned redirects = 0, retries = 0, logins = 0;
    int result;

    for (;;) {
        result = describe(http, body, size, err);
        if (result == 0)
            result = exchange(http, err);
        if (result < 0)
            return result;
        if (http->status == 200)
            break;
        if (http->status == 401)
            result = unauthorized(http, logins++, err);
        else if (http->status == 429 || http->status == 503)
            result = wait_to_retry(http, retries++, err);
        else if (body == NULL && http->status / 100 == 3 && redirects++ < REDIRECTS_MAX)
            result = redirect(http, err);
        else
            result = bad_status(http, err);
        if (result < 0)
            return result;
        trove__add_relaxed(&http->base.counters->round_trips, 1);
    }
    learn_auth(http);
    if (http->credential.password != NULL && !http->approved) {
        trove__logins_report(http->logins, &http->credential, true, http->io);
        http->approved = true;
    }
    return check_type(http, err);
}

/* --- the transport ----------------------------------------------------------------------------------------------- */

static int http_send(struct trove__transport *transport, const void *body, size_t size,
                     struct trove__io *io, struct trove_error *err)
{
    struct http *http = (struct http *)transport;

    http->io = io;
    return request(http, body, size, err);
}

static ssize_t http_read(struct trove__transport *transport, void *buffer, size_t size,
                         struct trove__io *io, struct trove_error *err)
{
    struct http *http = (struct http *)transport;
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
    struct http *http = (struct http *)transport;

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
    struct http *http = trove__calloc(1, sizeof(*http));
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
    result = set_up(http, err);
    if (result == 0)
        result = request(http, NULL, 0, err);
    if (result < 0) {
        http_close(&http->base, false);
        return result;
    }
    *ret = &http->base;
    return 0;
}
