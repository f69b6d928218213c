// SPDX-License-Identifier: MIT
/*
 * test_revision_syntax.c - how revisions are written, and the order in which names are looked up.
 */
#include "fetch/refs.h"
#include "fetch/revision_syntax.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID "0123456789abcdef0123456789ABCDEF01234567"

/* Writes what the parser understood: "base|~2|^1|{tree}|:path", or the errno's name. */
static const char *understood(const char *revision)
{
    static char text[4096];
    struct trove__revision_base base;
    struct trove__revision_step step;
    const char *at = "";
    size_t n;
    int status = trove__revision_base(TROVE_SHA1, revision, &base, &at, NULL);

    n = (size_t)snprintf(text, sizeof(text), "%s%s", status == 0 && base.is_id ? "id" : "",
                         status == 0 && base.looks_like_id ? "?" : "");
    if (status == 0)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", base.name);
    while (status == 0 && *at != '\0') {
        status = trove__revision_step(&at, &step, NULL);
        if (status < 0)
            break;
        switch (step.kind) {
        case TROVE__STEP_PARENT:
            n += (size_t)snprintf(text + n, sizeof(text) - n, "|^%u", step.number);
            break;
        case TROVE__STEP_ANCESTOR:
            n += (size_t)snprintf(text + n, sizeof(text) - n, "|~%u", step.number);
            break;
        case TROVE__STEP_PEEL:
            n += (size_t)snprintf(text + n, sizeof(text) - n, "|{%s}", trove_type_name(step.type));
            break;
        case TROVE__STEP_OBJECT:
            n += (size_t)snprintf(text + n, sizeof(text) - n, "|{object}");
            break;
        case TROVE__STEP_PATH:
            n += (size_t)snprintf(text + n, sizeof(text) - n, "|:%s", step.path);
        }
    }
    if (status == -ENOENT)
        return "ENOENT";
    if (status == -ENOTSUP)
        return "ENOTSUP";
    return status == 0 ? text : "another error";
}

static void syntax__what_is_understood(void **state)
{
    static const char *const cases[][2] = {
        {"HEAD", "HEAD"},
        {"@", "HEAD"},
        {"@~2", "HEAD|~2"},
        {"refs/heads/main", "refs/heads/main"},
        {ID, "id"},
        {ID "^", "id|^1"},
        {"HEAD~", "HEAD|~1"},
        {"HEAD~0", "HEAD|~0"},
        {"HEAD~12^^2~3", "HEAD|~12|^1|^2|~3"},
        {"HEAD^0", "HEAD|^0"},
        {"v1^{}", "v1|{any}"},
        {"v1^{commit}^{tree}:a/b", "v1|{commit}|{tree}|:a/b"},
        {"v1^{object}", "v1|{object}"},
        {"HEAD:", "HEAD|:"},
        {"HEAD:a:b~1^{x}", "HEAD|:a:b~1^{x}"},
        {"1234", "?1234"},
        {"v1.0-3-gdeadbeef", "?v1.0-3-gdeadbeef"},
        {"abc", "abc"},
        {"x-gab", "x-gab"},
        {"a.b/c+d=e,f", "a.b/c+d=e,f"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(understood(cases[i][0]), cases[i][1]);
}

static void syntax__what_is_not(void **state)
{
    static const char *const absent[] = {
        "",
        "^HEAD",
        "~1",
        "HEAD~x",
        "HEAD^{blub}",
        "HEAD^{",
        "HEAD^!",
        "HEAD^@",
        "HEAD^-1",
        "a..b",
        "a...b",
        "a b",
        "a\nb",
        "-x",
        "a//b",
        "/a",
        "a/",
        "a/.b",
        ".a",
        "a*",
        "a[b",
        "HEAD~2147483648",
        "HEAD^99999999999999999999",
        "HEAD~1x",
        "HEAD^{any}",
    };
    static const char *const remote[] = {"HEAD@{1}", "@{u}", "main@{yesterday}:x", ":a",
                                         ":/text",   ":1:a", "HEAD^{/text}"};

    (void)state;
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        assert_string_equal(understood(absent[i]), "ENOENT");
    for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
        assert_string_equal(understood(remote[i]), "ENOTSUP");
}

static void syntax__names_without_end_are_refused(void **state)
{
    char name[TROVE__REF_NAME_MAX + 2];

    (void)state;
    memset(name, 'a', sizeof(name));
    name[TROVE__REF_NAME_MAX] = '\0';
    assert_string_equal(understood(name), "ENOENT");
    name[TROVE__REF_NAME_MAX - 1] = '\0';
    assert_int_equal(strlen(understood(name)),
                     TROVE__REF_NAME_MAX - 1 + 1); /* all hex digits: "?" */
}

static void see(struct trove__ref_lookup *lookup, const char *name, int fill)
{
    struct trove_git_ref ref = {.name = name, .symref_target = ""};

    memset(ref.id.bytes, fill, 20);
    assert_int_equal(trove__ref_lookup_see(lookup, &ref), 0);
}

/* Goal: the first rule that matches wins, in whatever order the server lists its refs; longer names are not it. */
static void refs__git_order(void **state)
{
    static const char *const names[] = {
        "x", "refs/x", "refs/tags/x", "refs/heads/x", "refs/remotes/x", "refs/remotes/x/HEAD"};
    struct trove__ref_lookup lookup;

    (void)state;
    trove__ref_lookup_init(&lookup, "x");
    see(&lookup, "refs/heads/xy", 9);
    see(&lookup, "refs/tags/x/y", 9);
    see(&lookup, "x", 0); /* unborn */
    assert_int_equal(lookup.found, TROVE__REF_RULES);
    for (int i = TROVE__REF_RULES - 1; i >= 0; i--) {
        see(&lookup, names[i], i + 1);
        assert_int_equal(lookup.found, i);
        assert_int_equal(lookup.id.bytes[19], i + 1);
    }
    see(&lookup, names[3], 4);
    assert_int_equal(lookup.found, 0);
    assert_int_equal(lookup.matches, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax__what_is_understood),
        cmocka_unit_test(syntax__what_is_not),
        cmocka_unit_test(syntax__names_without_end_are_refused),
        cmocka_unit_test(refs__git_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
