// SPDX-License-Identifier: MIT
/*
 * fuzz_url.c - addresses. Properties: nothing that parses can be taken for an option or breaks a line, a password never
 * stands in the text, and what a shell gets quoted it gives back.
 */
#include "fetch/url.h"
#include "fuzz.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void check_part(const char *part, bool may_begin_with_dash)
{
    if (part == NULL)
        return;
    CHECK(may_begin_with_dash || part[0] != '-');
    CHECK(strpbrk(part, "\r\n") == NULL);
}

/* What a shell makes of QUOTED is TEXT. */
static void check_quoted(const char *text)
{
    struct trove__bytes out = {0};
    const char *at;
    bool inside = false;

    trove__shell_quote(&out, text);
    at = trove__bytes_text(&out);
    CHECK(at != NULL);
    for (; *at != '\0'; at++) {
        if (*at == '\'') {
            inside = !inside;
        } else if (!inside) {
            CHECK(*at == '\\' && at[1] == *text);
            at++;
            text++;
        } else {
            CHECK(*at == *text++);
        }
    }
    CHECK(!inside && *text == '\0');
    trove__bytes_free(&out);
}

static void check_url(const struct trove__url *url)
{
    CHECK(url->scheme >= TROVE__LOCAL && url->scheme <= TROVE__HTTPS);
    CHECK(url->path != NULL && url->path[0] != '\0');
    CHECK((url->host != NULL) == (url->scheme != TROVE__LOCAL));
    check_part(url->path, false);
    check_part(url->host, false);
    check_part(url->user, false);
    check_part(url->password, true);
    check_part(url->text, url->scheme == TROVE__LOCAL);
    CHECK(url->port == NULL || (atoi(url->port) > 0 && atoi(url->port) < 65536));
    if (url->scheme == TROVE__HTTP || url->scheme == TROVE__HTTPS) {
        const char *rest = strstr(url->text, "://") + 3;
        CHECK(memchr(rest, '@', strcspn(rest, "/?#")) == NULL);
    } else {
        CHECK(url->password == NULL);
    }
    check_quoted(url->path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct trove__url url;
    struct trove_error err = {0};
    int result;

    CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    result = trove__url_parse(text, &url, &err);
    CHECK(result == 0 || (result == -EINVAL && err.message[0] != '\0'));
    if (result == 0) {
        struct trove__url again;

        check_url(&url);
        /* The text that stands for it means the same place. */
        CHECK(trove__url_parse(url.text, &again, NULL) == 0);
        CHECK(strcmp(again.path, url.path) == 0 && again.scheme == url.scheme);
        trove__url_follow(&again, &url);
        trove__url_clear(&again);
        trove__url_clear(&url);
    }
    free(text);
    return 0;
}
