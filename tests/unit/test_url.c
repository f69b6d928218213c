// SPDX-License-Identifier: MIT
/*
 * Goal: addresses are understood as git does, and none that could be taken for an option or another program gets through.
 * Method: a table of addresses and what becomes of them.
 */
#include "fetch/url.h"
#include "peer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void url__understood(void **state)
{
    static const struct {
        const char *text;
        enum trove__scheme scheme;
        const char *user, *host, *port, *path;
    } cases[] = {
        {"/srv/x.git", TROVE__LOCAL, NULL, NULL, NULL, "/srv/x.git"},
        {"x.git", TROVE__LOCAL, NULL, NULL, NULL, "x.git"},
        {"../x y%20", TROVE__LOCAL, NULL, NULL, NULL, "../x y%20"},
        {"./a:b", TROVE__LOCAL, NULL, NULL, NULL, "./a:b"},
        {"file:///srv/a%20b", TROVE__LOCAL, NULL, NULL, NULL, "/srv/a b"},
        {"file://host/srv/a", TROVE__LOCAL, NULL, NULL, NULL, "/srv/a"},
        {"host:x", TROVE__SSH, NULL, "host", NULL, "x"},
        {"me@host:/x/y", TROVE__SSH, "me", "host", NULL, "/x/y"},
        {"host:~me/x", TROVE__SSH, NULL, "host", NULL, "~me/x"},
        {"host:/~me/x", TROVE__SSH, NULL, "host", NULL, "~me/x"},
        {"[::1]:x", TROVE__SSH, NULL, "::1", NULL, "x"},
        {"me@[::1]:x", TROVE__SSH, "me", "::1", NULL, "x"},
        {"[host:22]:x", TROVE__SSH, NULL, "host", "22", "x"},
        {"me@[host:22]:x:y", TROVE__SSH, "me", "host", "22", "x:y"},
        {"ssh://me@host:2222/x", TROVE__SSH, "me", "host", "2222", "/x"},
        {"git+ssh://host/~me/x", TROVE__SSH, NULL, "host", NULL, "~me/x"},
        {"SSH://host/x", TROVE__SSH, NULL, "host", NULL, "/x"},
        {"git://host:9419/x", TROVE__GIT, NULL, "host", "9419", "/x"},
        {"git://[::1]:9419/x", TROVE__GIT, NULL, "::1", "9419", "/x"},
        {"git://host/a%20b", TROVE__GIT, NULL, "host", NULL, "/a b"},
        {"https://me:pw%40@host:8443/x/y.git", TROVE__HTTPS, "me", "host", "8443", "/x/y.git"},
        {"http://host", TROVE__HTTP, NULL, "host", NULL, "/"},
        {"http://host/a%20b?c=d", TROVE__HTTP, NULL, "host", NULL, "/a%20b?c=d"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trove__url url;
        struct trove_error err = {0};
        const char *both[][2] = {{cases[i].user, NULL},
                                 {cases[i].host, NULL},
                                 {cases[i].port, NULL},
                                 {cases[i].path, NULL}};

        if (trove__url_parse(cases[i].text, &url, &err) != 0)
            fail_msg("%s: %s", cases[i].text, err.message);
        both[0][1] = url.user;
        both[1][1] = url.host;
        both[2][1] = url.port;
        both[3][1] = url.path;
        assert_int_equal(url.scheme, cases[i].scheme);
        for (int k = 0; k < 4; k++) {
            assert_int_equal(both[k][0] == NULL, both[k][1] == NULL);
            if (both[k][0] != NULL)
                assert_string_equal(both[k][0], both[k][1]);
        }
        trove__url_clear(&url);
    }
}

static void url__refused(void **state)
{
    static const char *const cases[] = {
        "",
        "-x",
        "--upload-pack=touch x",
        "a\nb",
        "/a\nb",
        "/a\rb",
        "file://-x",
        "file:///a%0ab",
        "file://a\nb/c",
        "file:///a%00b",
        "file://",
        "ext::sh -c x",
        "fd::7",
        "http::x",
        "ext://x",
        "ftp://host/x",
        "javascript://x/",
        "-oProxyCommand=x:y",
        "me@-oProxyCommand=x:y",
        "-me@host:x",
        "host:-x",
        "host:",
        "[::1]x:y",
        ":x",
        "@:x",
        "host:a\nb",
        "host:a\x1b",
        "ssh://-oProxyCommand=x/y",
        "ssh://host",
        "ssh:///x",
        "ssh://me:pw@host/x",
        "ssh://%2dhost/x",
        "ssh://%2dme@host/x",
        "ssh://host:0/x",
        "ssh://host:99999/x",
        "ssh://host:-p/x",
        "ssh://host:2%32/x",
        "ssh://ho st/x",
        "ssh://a%0ab/x",
        "ssh://host/a%0ab",
        "ssh://[::1/x",
        "git://me@host/x",
        "git://host/a%0d%0ab",
        "git://host/%00",
        "http://",
        "http:///x",
        "http://host/a b",
        "http://host/a\nb",
        "http://me:p%0aw@host/",
        "http://host#x/",
        "http://ho\\st/",
        "http://a%2fb/",
        "https://host:443x/",
        "https://-host/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trove__url url = {.scheme = 77};
        struct trove_error err = {0};

        if (trove__url_parse(cases[i], &url, &err) != -EINVAL)
            fail_msg("not refused: %s", cases[i]);
        assert_int_equal(url.scheme, 77);
        assert_non_null(strstr(err.message, "refused"));
    }
}

static void url__no_password_in_text(void **state)
{
    struct trove__url url;

    (void)state;
    assert_int_equal(trove__url_parse("https://me:s3@cret@host/x@y", &url, NULL), 0);
    assert_string_equal(url.text, "https://host/x@y");
    assert_string_equal(url.user, "me");
    assert_string_equal(url.password, "s3@cret");
    trove__url_clear(&url);
}

static void url__follow(void **state)
{
    static const struct {
        const char *to;
        bool stays;
    } cases[] = {
        {"https://host/y", true},   {"https://HOST:443/y", true}, {"https://host:444/y", false},
        {"https://host2/y", false}, {"http://host/y", false},     {"https://a:b@host2/y", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trove__url url, target;

        assert_int_equal(trove__url_parse("https://me:pw@host/x", &url, NULL), 0);
        assert_int_equal(trove__url_parse(cases[i].to, &target, NULL), 0);
        trove__url_follow(&url, &target);
        assert_int_equal(url.moved, !cases[i].stays);
        if (cases[i].stays)
            assert_string_equal(url.password, "pw");
        else
            assert_true(url.user == NULL && url.password == NULL);
        trove__url_clear(&url);
    }
}

/* Goal: whatever was written, what may be a name and password is not shown. */
static void url__show(void **state)
{
    static const char *const cases[][2] = {
        {"https://me:pw@host/x", "https://host/x"},     {"https://a@b:c@host", "https://host"},
        {"ALIAS://me:pw@host/x@y", "ALIAS://host/x@y"}, {"http://me:pw@", "http://"},
        {"https://host/a@b", "https://host/a@b"},       {"/a/b@c://d@e", "/a/b@c://d@e"},
        {"git@host:x.git", "git@host:x.git"},           {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trove__bytes shown = {0};

        trove__url_show(&shown, cases[i][0]);
        assert_string_equal(trove__bytes_text(&shown), cases[i][1]);
        trove__bytes_free(&shown);
    }
}

static void url__shell_quote(void **state)
{
    struct trove__bytes out = {0};

    (void)state;
    trove__shell_quote(&out, "a'b!c $x\\");
    assert_string_equal(trove__bytes_text(&out), "'a'\\''b'\\!'c $x\\'");
    trove__bytes_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url__understood),
        cmocka_unit_test(url__refused),
        cmocka_unit_test(url__no_password_in_text),
        cmocka_unit_test(url__follow),
        cmocka_unit_test(url__show),
        cmocka_unit_test(url__shell_quote),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
