// SPDX-License-Identifier: MIT
/*
 * http_options.h - git's configuration and environment for http(s), as options of a libcurl handle.
 */
#ifndef TROVE_FETCH_HTTP_OPTIONS_H
#define TROVE_FETCH_HTTP_OPTIONS_H

#include "git_config.h"
#include <curl/curl.h>

/* Sets what does not depend on one request: certificates, proxy, cookies, agent, netrc, HTTP version. FOREIGN: a redirect
 * led to another host, to which only what was configured for that host goes. 0 or -ENOMEM. */
int trove__http_set_options(CURL *easy, const struct trove__git_config *config,
                            const struct trove__url *url, bool foreign, struct trove_error *err);

/* *LIST with HEADER added; 0, or -ENOMEM with the list as it was. */
int trove__http_add_header(struct curl_slist **list, const char *header);
/* The same with the user's http.extraHeader. */
int trove__http_add_extra_headers(struct curl_slist **list, const struct trove__git_config *config,
                                  const struct trove__url *url, bool foreign);

#endif
