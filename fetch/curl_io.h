// SPDX-License-Identifier: MIT
/*
 * curl_io.h - libcurl's transfers within our deadlines, tokens and low-speed limits.
 */
#ifndef TROVE_FETCH_CURL_IO_H
#define TROVE_FETCH_CURL_IO_H

#include "io.h"
#include <curl/curl.h>

/* One handle in a multi of its own. */
struct trove__curl {
    CURLM *multi;
    CURL *easy;
    char message[CURL_ERROR_SIZE]; /* libcurl's own words for the last failure */
    bool running;                  /* between start and the end of the transfer */
    CURLcode result;               /* once it has ended */
};

int trove__curl_open(struct trove__curl *curl, struct trove_error *err); /* 0 or -ENOMEM */
void trove__curl_close(struct trove__curl *curl);                        /* all zero is fine */

/* Starts the transfer that EASY describes; stop ends it early. */
int trove__curl_start(struct trove__curl *curl, struct trove_error *err);
void trove__curl_stop(struct trove__curl *curl);

/* Lets the transfer go on; with WAIT sleeps until something happens. Callbacks run within. Returns 0, or why not to wait
 * any longer. */
int trove__curl_step(struct trove__curl *curl, bool wait, struct trove__io *io,
                     struct trove_error *err);

/* What a transfer's failure means: a negative errno, *ERR with libcurl's words. */
int trove__curl_failed(const struct trove__curl *curl, struct trove_error *err);

#endif
