// SPDX-License-Identifier: MIT
/*
 * http_internal.h - what the files of the HTTP transport share: one connection, and what its answers make necessary.
 */
#ifndef TROVE_FETCH_HTTP_INTERNAL_H
#define TROVE_FETCH_HTTP_INTERNAL_H

#include "credential.h"
#include "curl_io.h"
#include "logins.h"
#include "transport.h"

#define TROVE__HTTP_INFO_REFS "/info/refs"
#define TROVE__HTTP_SERVICE "service=git-upload-pack"

struct trove__http {
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
    bool is_unheard; /* it failed before a byte of the answer came: it may be sent again */

    long status; /* 0 until the body begins or the answer ends */
    uint64_t header_bytes;
    struct trove__bytes body; /* of the answer; start.. is not yet read */
    size_t start;
    bool paused;
    bool endless; /* more came than an advertisement may have */
};

/* --- http_answer.c: each is 0 when the request may be sent again ---------------------------------------------------- */

/* The strongest of what the server offers that a name and password can do; asked for at once from now on. */
void trove__http_learn_auth(struct trove__http *http);
/* The server asks for a name and password, after BEFORE times in this request. */
int trove__http_unauthorized(struct trove__http *http, unsigned before, struct trove_error *err);
/* Sleeps as long as the server asks, within the deadline. */
int trove__http_wait_to_retry(struct trove__http *http, unsigned attempt, struct trove_error *err);
/* The address that a redirect of the GET leads to becomes ours; libcurl's handle is closed when that is another host. */
int trove__http_redirect(struct trove__http *http, struct trove_error *err);
/* Why nothing helps; negative. */
int trove__http_bad_status(struct trove__http *http, struct trove_error *err);
/* A login page is not a pack. */
int trove__http_check_type(const struct trove__http *http, struct trove_error *err);

#endif
