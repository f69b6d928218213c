// SPDX-License-Identifier: MIT
/*
 * url.c - paths and URLs taken apart and checked.
 */
#include "url.h"
#include "core/memory.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    enum trove__scheme scheme;
    const char *port;
} schemes[] = {
    {"file", TROVE__LOCAL, ""},     {"ssh", TROVE__SSH, "22"},   {"git+ssh", TROVE__SSH, "22"},
    {"ssh+git", TROVE__SSH, "22"},  {"git", TROVE__GIT, "9418"}, {"http", TROVE__HTTP, "80"},
    {"https", TROVE__HTTPS, "443"},
};
#define SCHEME_COUNT (sizeof(schemes) / sizeof(schemes[0]))

void trove__url_clear(struct trove__url *url)
{
    trove__free(url->text);
    trove__free(url->user);
    trove__free(url->password);
    trove__free(url->host);
    trove__free(url->port);
    trove__free(url->path);
    *url = (struct trove__url){0};
}

static int hex_pair(const char *text, size_t left)
{
    char pair[3] = {0};

    if (left < 2 || !isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
        return -1;
    memcpy(pair, text, 2);
    return (int)strtol(pair, NULL, 16);
}

bool trove__url_decode(struct trove__bytes *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int value = text[i] == '%' ? hex_pair(text + i + 1, length - i - 1) : -1;
        char byte = value >= 0 ? (char)value : text[i];

        if (byte == '\0')
            return false;
        if (value >= 0)
            i += 2;
        trove__bytes_add(out, &byte, 1);
    }
    return true;
}

void trove__shell_quote(struct trove__bytes *out, const char *text)
{
    trove__bytes_add(out, "'", 1);
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '!') /* '!' is special to csh even within quotes */
            trove__bytes_addf(out, "'\\%c'", *text);
        else
            trove__bytes_add(out, text, 1);
    }
    trove__bytes_add(out, "'", 1);
}

/* --- pieces ------------------------------------------------------------------------------------------------------ */

static int refuse(struct trove_error *err, const char *why)
{
    return trove_error_set(err, -EINVAL, "the repository's address is refused: %s", why);
}

/* LENGTH bytes of TEXT, decoded if asked, as a new string in *RET. */
static int take(const char *text, size_t length, bool decode, char **ret)
{
    struct trove__bytes bytes = {0};
    bool good = true;

    if (decode)
        good = trove__url_decode(&bytes, text, length);
    else
        trove__bytes_add(&bytes, text, length);
    if (good && trove__bytes_text(&bytes) != NULL) {
        *ret = (char *)bytes.data; /* a plain allocation of its own: trove__free() ends it */
        return 0;
    }
    trove__bytes_free(&bytes);
    return good ? -ENOMEM : -EINVAL;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static int take_host(struct trove__url *url, const char *text, size_t length, bool decode,
                     struct trove_error *err)
{
    const char *close = length > 0 && text[0] == '[' ? memchr(text, ']', length) : NULL;
    const char *from = close != NULL ? text + 1 : text;
    size_t host = close != NULL ? (size_t)(close - from) : length, rest = 0;
    const char *colon = close == NULL ? memchr(text, ':', length) : NULL;
    int result;

    if (colon != NULL) {
        host = (size_t)(colon - text);
        rest = length - host;
    } else if (close != NULL) {
        rest = length - host - 2;
        colon = close + 1;
    }
    if (rest > 0 && *colon != ':')
        return refuse(err, "something between host and port");
    result = take(from, host, decode, &url->host);
    if (result == 0 && rest > 1)
        result = take(colon + 1, rest - 1, false, &url->port);
    return result;
}

/* "[user[:password]@]host[:port]" */
static int take_authority(struct trove__url *url, const char *text, size_t length,
                          struct trove_error *err)
{
    const char *at = memrchr(text, '@', length);
    size_t user = at != NULL ? (size_t)(at - text) : 0;
    const char *colon = at != NULL ? memchr(text, ':', user) : NULL;
    size_t name = colon != NULL ? (size_t)(colon - text) : user;
    int result = 0;

    if (at != NULL)
        result = take(text, name, true, &url->user);
    if (result == 0 && colon != NULL)
        result = take(colon + 1, user - name - 1, true, &url->password);
    if (result == 0 && at != NULL) {
        length -= user + 1;
        text = at + 1;
    }
    return result < 0 ? result : take_host(url, text, length, true, err);
}

/* --- checks ------------------------------------------------------------------------------------------------------ */

static bool has_control(const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static bool is_port(const char *port)
{
    size_t length = strspn(port, "0123456789");

    return length > 0 && length <= 5 && port[length] == '\0' && atoi(port) > 0 &&
           atoi(port) <= 65535;
}

static int check_network(const struct trove__url *url, struct trove_error *err)
{
    if (url->host == NULL || url->host[0] == '\0')
        return refuse(err, "no host");
    if (url->host[0] == '-' || (url->user != NULL && url->user[0] == '-'))
        return refuse(err, "a host or user that begins with '-'");
    if (has_control(url->host) || has_control(url->user) || has_control(url->password))
        return refuse(err, "a control character in host, user or password");
    if (strpbrk(url->host, " /\\@?#%<>[]\"'") != NULL)
        return refuse(err, "a host that is none");
    if (url->port != NULL && !is_port(url->port))
        return refuse(err, "a port that is no number from 1 to 65535");
    if (url->password != NULL && url->scheme != TROVE__HTTP && url->scheme != TROVE__HTTPS)
        return refuse(err, "a password, which only http and https can use");
    if (url->user != NULL && url->scheme == TROVE__GIT)
        return refuse(err, "a user, which git:// does not have");
    return 0;
}

static int check(const struct trove__url *url, struct trove_error *err)
{
    int result = url->scheme != TROVE__LOCAL ? check_network(url, err) : 0;

    if (result < 0)
        return result;
    if (url->path == NULL || url->path[0] == '\0')
        return refuse(err, "no path");
    if (url->path[0] == '-')
        return refuse(err, "a path that begins with '-' (write ./- for a file here)");
    if (strpbrk(url->path, "\n\r") != NULL)
        return refuse(err, "a line break in the path");
    if (url->scheme != TROVE__LOCAL && has_control(url->path))
        return refuse(err, "a control character in the path");
    return 0;
}

/* --- the kinds --------------------------------------------------------------------------------------------------- */

/* The length of the name of a scheme or helper at TEXT when MARK follows it, else 0. */
static size_t name_length(const char *text, const char *mark)
{
    size_t length = 0;

    while (isalnum((unsigned char)text[length]) ||
           (length > 0 && text[length] != '\0' && strchr("+-.", text[length]) != NULL))
        length++;
    return length > 0 && strncmp(text + length, mark, strlen(mark)) == 0 ? length : 0;
}

void trove__url_show(struct trove__bytes *out, const char *text)
{
    const char *mark = strstr(text, "://"), *rest = mark != NULL ? mark + 3 : text, *at = NULL;

    if (mark != NULL && text + strcspn(text, "/?#@") == mark + 1) /* no path before it */
        at = memrchr(rest, '@', strcspn(rest, "/?#"));
    trove__bytes_add(out, text, (size_t)(rest - text));
    trove__bytes_addf(out, "%s", at != NULL ? at + 1 : rest);
}

/* The URL without user and password, as messages and libcurl get it. */
static int http_text(struct trove__url *url, const char *text)
{
    struct trove__bytes bytes = {0};

    trove__url_show(&bytes, text);
    if (trove__bytes_text(&bytes) == NULL) {
        trove__bytes_free(&bytes);
        return -ENOMEM;
    }
    url->text = (char *)bytes.data;
    return 0;
}

static int parse_http(struct trove__url *url, const char *text, size_t scheme_size,
                      struct trove_error *err)
{
    const char *rest = text + scheme_size + 3;
    size_t authority = strcspn(rest, "/?#");
    const char *path = rest + authority;
    int result;

    if (has_control(text) || strpbrk(text, " #\\") != NULL)
        return refuse(err, "a control character, space, '#' or backslash");
    result = take_authority(url, rest, authority, err);
    if (result == 0)
        result =
            take(*path == '/' ? path : "/", *path == '/' ? strlen(path) : 1, false, &url->path);
    return result < 0 ? result : http_text(url, text);
}

/* file://, ssh://, git:// */
static int parse_scheme(struct trove__url *url, const char *text, size_t scheme_size,
                        struct trove_error *err)
{
    const char *rest = text + scheme_size + 3, *path = strchr(rest, '/');
    int result;

    if (path == NULL)
        return refuse(err, "no path");
    result =
        url->scheme == TROVE__LOCAL ? 0 : take_authority(url, rest, (size_t)(path - rest), err);
    /* "/~user/x" is below a home folder, not below the root. */
    if (url->scheme != TROVE__LOCAL && path[1] == '~')
        path++;
    return result < 0 ? result : take(path, strlen(path), true, &url->path);
}

/* "[user@]host:path", "[user@][host:port]:path"; nothing is decoded. */
static int parse_scp(struct trove__url *url, const char *text, struct trove_error *err)
{
    const char *open = strchr(text, '['), *close = open != NULL ? strchr(open, ']') : NULL;
    bool bracketed = close != NULL && close[1] == ':' && (open == text || open[-1] == '@');
    const char *colon = bracketed ? close + 1 : strchr(text, ':');
    const char *at = memrchr(text, '@', (size_t)((bracketed ? open : colon) - text));
    const char *host = at != NULL ? at + 1 : text;
    size_t length = (size_t)(colon - host);
    int result;

    if (bracketed) { /* the brackets hold "host", "host:port" or an IPv6 address */
        const char *first = memchr(host, ':', length);
        const char *second =
            first != NULL ? memchr(first + 1, ':', (size_t)(close - first - 1)) : NULL;
        if (second == NULL) {
            host++;
            length -= 2;
        }
    }
    result = take_host(url, host, length, false, err);
    if (result == 0 && at != NULL)
        result = take(text, (size_t)(at - text), false, &url->user);
    colon++;
    if (colon[0] == '/' && colon[1] == '~')
        colon++;
    return result < 0 ? result : take(colon, strlen(colon), false, &url->path);
}

bool trove__url_is_path(const char *text)
{
    size_t colon = strcspn(text, ":"), slash = strcspn(text, "/");

    return text[colon] == '\0' || slash < colon;
}

static int parse(struct trove__url *url, const char *text, struct trove_error *err)
{
    size_t length = name_length(text, "://");

    if (strpbrk(text, "\r\n") != NULL)
        return refuse(err, "a line break");
    if (length > 0) {
        for (size_t i = 0; i < SCHEME_COUNT; i++)
            if (strlen(schemes[i].name) == length &&
                strncasecmp(schemes[i].name, text, length) == 0)
                url->scheme = schemes[i].scheme;
        if (url->scheme == 0)
            return refuse(err, "an unknown scheme (known: file, ssh, git, http, https)");
        if (url->scheme == TROVE__HTTP || url->scheme == TROVE__HTTPS)
            return parse_http(url, text, length, err);
        return parse_scheme(url, text, length, err);
    }
    if (name_length(text, "::") > 0) /* runs a program that the address names: never */
        return refuse(err, "a transport helper (name::address)");
    url->scheme = trove__url_is_path(text) ? TROVE__LOCAL : TROVE__SSH;
    if (url->scheme == TROVE__LOCAL)
        return take(text, strlen(text), false, &url->path);
    return parse_scp(url, text, err);
}

int trove__url_parse(const char *text, struct trove__url *ret, struct trove_error *err)
{
    struct trove__url url = {0};
    struct trove_error why = {0};
    int result = strlen(text) > 64 << 10 ? -EINVAL : parse(&url, text, &why);

    if (result == 0)
        result = check(&url, &why);
    if (result == 0 && url.text == NULL)
        result = take(text, strlen(text), false, &url.text);
    if (result < 0) {
        trove__url_clear(&url);
        if (result == -ENOMEM)
            trove_error_set(&why, result, "no memory for the repository's address");
        else if (why.code == 0)
            refuse(&why, "it is malformed");
        if (err != NULL)
            *err = why;
        return result;
    }
    *ret = url;
    return 0;
}

const char *trove__url_port(const struct trove__url *url)
{
    if (url->port != NULL)
        return url->port;
    for (size_t i = 0; i < SCHEME_COUNT; i++)
        if (schemes[i].scheme == url->scheme)
            return schemes[i].port;
    return "";
}

bool trove__url_same_origin(const struct trove__url *a, const struct trove__url *b)
{
    if (a->scheme != b->scheme || a->host == NULL || b->host == NULL)
        return false;
    return strcasecmp(a->host, b->host) == 0 &&
           atoi(trove__url_port(a)) == atoi(trove__url_port(b));
}

void trove__url_follow(struct trove__url *url, struct trove__url *target)
{
    struct trove__url old = *url;
    bool same = trove__url_same_origin(url, target);

    /* A name or password in a redirect is the server's, not the user's. */
    trove__free(target->user);
    trove__free(target->password);
    *url = *target;
    url->user = same ? old.user : NULL;
    url->password = same ? old.password : NULL;
    url->moved = old.moved || !same;
    *target = (struct trove__url){0};
    if (same)
        old.user = old.password = NULL;
    trove__url_clear(&old);
}
