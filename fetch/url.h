// SPDX-License-Identifier: MIT
/*
 * url.h - where a repository is: a path or a URL taken apart and checked. Pure: nothing is looked up, nothing opened.
 *
 * Whatever parses can be handed to git, ssh and libcurl as an argument: no user, host or path begins with '-', none
 * holds a line break or NUL, and only the schemes below exist (no ext::, no fd::).
 */
#ifndef TROVE_FETCH_URL_H
#define TROVE_FETCH_URL_H

#include "bytes.h"
#include <trove/error.h>

enum trove__scheme {
    TROVE__LOCAL = 1, /* a path, or file:// */
    TROVE__SSH,       /* ssh://, git+ssh://, ssh+git://, [user@]host:path */
    TROVE__GIT,       /* git:// */
    TROVE__HTTP,
    TROVE__HTTPS,
};

struct trove__url {
    enum trove__scheme scheme;
    char *text; /* for messages, and for libcurl: of http(s) without user and password */
    char *user, *password, *host, *port, *path; /* decoded; NULL where there is none */
    bool moved;                                 /* a redirect led to another host, port or scheme */
};

/* True for the path of a folder here: no scheme, no host before a colon. TEXT may be any. */
bool trove__url_is_path(const char *text);

/* Takes TEXT apart as git does. *RET is own: trove__url_clear(). Returns 0, -EINVAL (refused; *ERR says why), -ENOMEM. */
int trove__url_parse(const char *text, struct trove__url *ret, struct trove_error *err);
void trove__url_clear(struct trove__url *url); /* all zero is fine */

/* True when both name the same scheme, host and port: credentials may go to both. */
bool trove__url_same_origin(const struct trove__url *a, const struct trove__url *b);
/* URL becomes TARGET (emptied), where a redirect led: user and password stay only on the same host and port. */
void trove__url_follow(struct trove__url *url, struct trove__url *target);
/* The port in digits, the scheme's own where none is given; "" for local paths. */
const char *trove__url_port(const struct trove__url *url);

/* Adds TEXT, an address as somebody wrote it (well-formed or not), to OUT without what may be a name and password. */
void trove__url_show(struct trove__bytes *out, const char *text);

/* Adds TEXT to OUT as one word of a POSIX shell. */
void trove__shell_quote(struct trove__bytes *out, const char *text);

/* Adds TEXT without line breaks and with %XX decoded; false when a decoded byte is NUL. */
bool trove__url_decode(struct trove__bytes *out, const char *text, size_t length);

#endif
