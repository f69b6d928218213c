// SPDX-License-Identifier: MIT
/*
 * http_options.c - git's configuration and environment for http(s), as options of a libcurl handle.
 */
#include "http_options.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Options that are one string: the environment first, as in git. */
static const struct {
    CURLoption option;
    const char *name, *variable;
} texts[] = {
    {CURLOPT_CAINFO, "sslcainfo", "GIT_SSL_CAINFO"},
    {CURLOPT_CAPATH, "sslcapath", "GIT_SSL_CAPATH"},
    {CURLOPT_SSLCERT, "sslcert", "GIT_SSL_CERT"},
    {CURLOPT_SSLKEY, "sslkey", "GIT_SSL_KEY"},
    {CURLOPT_PROXY, "proxy", NULL},
    {CURLOPT_COOKIEFILE, "cookiefile", NULL},
    {CURLOPT_USERAGENT, "useragent", "GIT_HTTP_USER_AGENT"},
};

static bool is_path(CURLoption option)
{
    return option != CURLOPT_PROXY && option != CURLOPT_USERAGENT;
}

/* A path may begin with "~/". */
static CURLcode set_path(CURL *easy, CURLoption option, const char *value)
{
    const char *home = getenv("HOME");
    struct trove__bytes bytes = {0};
    CURLcode result;

    if (strncmp(value, "~/", 2) != 0 || home == NULL)
        return curl_easy_setopt(easy, option, value);
    trove__bytes_addf(&bytes, "%s%s", home, value + 1);
    if (trove__bytes_text(&bytes) == NULL)
        return CURLE_OUT_OF_MEMORY;
    result = curl_easy_setopt(easy, option, (const char *)bytes.data);
    trove__bytes_free(&bytes);
    return result;
}

static CURLcode get(const struct trove__git_config *config, const struct trove__url *url,
                    const char *name, bool scoped, const char **ret)
{
    return trove__git_config_http(config, url, name, scoped, ret) < 0 ? CURLE_OUT_OF_MEMORY
                                                                      : CURLE_OK;
}

static CURLcode set_texts(CURL *easy, const struct trove__git_config *config,
                          const struct trove__url *url, bool foreign)
{
    CURLcode result = CURLE_OK;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && result == CURLE_OK; i++) {
        bool secret = texts[i].option == CURLOPT_COOKIEFILE;
        const char *value = texts[i].variable != NULL ? getenv(texts[i].variable) : NULL;

        if (value == NULL)
            result = get(config, url, texts[i].name, foreign && secret, &value);
        if (value == NULL)
            continue;
        result = is_path(texts[i].option) ? set_path(easy, texts[i].option, value)
                                          : curl_easy_setopt(easy, texts[i].option, value);
    }
    return result;
}

static CURLcode set_verify(CURL *easy, const struct trove__git_config *config,
                           const struct trove__url *url)
{
    const char *value = NULL;
    CURLcode result = get(config, url, "sslverify", false, &value);
    bool verify =
        getenv("GIT_SSL_NO_VERIFY") == NULL && (value == NULL || trove__git_config_is_true(value));

    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    return result;
}

static CURLcode set_version(CURL *easy, const struct trove__git_config *config,
                            const struct trove__url *url)
{
    const char *version = NULL;
    CURLcode result = get(config, url, "version", false, &version);

    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                                  version != NULL && strcmp(version, "HTTP/1.1") == 0
                                      ? (long)CURL_HTTP_VERSION_1_1
                                      : (long)CURL_HTTP_VERSION_2TLS);
    return result;
}

int trove__http_set_options(CURL *easy, const struct trove__git_config *config,
                            const struct trove__url *url, bool foreign, struct trove_error *err)
{
    /* Some hosts look for "git/" to tell fetches from browsers. */
    CURLcode result = curl_easy_setopt(easy, CURLOPT_USERAGENT, "git/2.0 (trove)");

    if (result == CURLE_OK)
        result = set_texts(easy, config, url, foreign);
    if (result == CURLE_OK)
        result = set_version(easy, config, url);
    if (result == CURLE_OK)
        result = set_verify(easy, config, url);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
    curl_easy_setopt(easy, CURLOPT_PROXYAUTH, (long)CURLAUTH_ANY);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* we look at each redirect ourselves */
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L << 10);
    return result == CURLE_OK
               ? 0
               : trove_error_set(err, result == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL,
                                 "git's http configuration: %s", curl_easy_strerror(result));
}

int trove__http_add_header(struct curl_slist **list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(*list, header);

    if (longer == NULL)
        return -ENOMEM;
    *list = longer;
    return 0;
}

static int add_extra(void *context, const char *value)
{
    return strpbrk(value, "\r\n") == NULL ? trove__http_add_header(context, value) : 0;
}

int trove__http_add_extra_headers(struct curl_slist **list, const struct trove__git_config *config,
                                  const struct trove__url *url, bool foreign)
{
    return trove__git_config_http_each(config, url, "extraheader", foreign, add_extra, list);
}
