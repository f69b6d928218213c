// SPDX-License-Identifier: MIT
/*
 * http_answer.c - what an answer over HTTP makes necessary: a name and password, another address, patience; or why not.
 */
#include "http_internal.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define RETRIES_MAX 3
#define LOGINS_MAX 2
#define RETRY_AFTER_MAX_S 300

void trove__http_learn_auth(struct trove__http *http)
{
    long offered = 0;

    curl_easy_getinfo(http->curl.easy, CURLINFO_HTTPAUTH_AVAIL, &offered);
    if (offered == 0)
        return;
    http->auth = (unsigned long)offered & CURLAUTH_DIGEST  ? CURLAUTH_DIGEST
                 : (unsigned long)offered & CURLAUTH_BASIC ? CURLAUTH_BASIC
                                                           : (unsigned long)offered;
}

static void forget_credential(struct trove__http *http)
{
    trove__credential_clear(&http->credential);
    http->base.secret = NULL;
    http->approved = false;
}

/* What others gave us, or what was good once, may be out of date: then it is asked for anew; what was asked for just now is
 * wrong. */
int trove__http_unauthorized(struct trove__http *http, unsigned before, struct trove_error *err)
{
    int result;

    trove__http_learn_auth(http);
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

int trove__http_wait_to_retry(struct trove__http *http, unsigned attempt, struct trove_error *err)
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

int trove__http_redirect(struct trove__http *http, struct trove_error *err)
{
    static const char tail[] = TROVE__HTTP_INFO_REFS "?" TROVE__HTTP_SERVICE;
    const char *follow = NULL;
    char *location = NULL;
    struct trove__url url;
    size_t length;
    bool crosses;
    int result = trove__git_config_http(http->config, http->url, "followredirects", false, &follow);

    if (result < 0)
        return trove_error_set(err, result, "no memory for a redirect");
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
    }
    return 0;
}

int trove__http_bad_status(struct trove__http *http, struct trove_error *err)
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
static bool is_plain_files(const struct trove__http *http)
{
    static const size_t digits[] = {40, 64};

    for (size_t i = 0; i < 2; i++)
        if (http->body.size > digits[i] && http->body.data[digits[i]] == '\t' &&
            strspn((const char *)http->body.data, "0123456789abcdef") == digits[i])
            return true;
    return false;
}

int trove__http_check_type(const struct trove__http *http, struct trove_error *err)
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
