// SPDX-License-Identifier: MIT
/*
 * test_quote.c - paths as git prints them.
 */
#include "grep/quote.h"
#include "support.h"

static void check(const char *path, bool fully, const char *shown)
{
    struct trove__text text = {0};

    trove__quote_path(path, strlen(path), fully, &text);
    assert_int_equal(text.size, strlen(shown));
    assert_memory_equal(text.bytes, shown, text.size);
    assert_int_equal(trove__quote_needed(path, strlen(path), fully), shown[0] == '"');
    trove__text_deinit(&text);
}

/* Goal: each kind of byte. Method: what git 2.39 prints. */
static void quote__escapes_what_git_escapes(void **state)
{
    (void)state;
    check("plain/with space", true, "plain/with space");
    check("quo\303\251ted", true, "\"quo\\303\\251ted\"");
    check("quo\303\251ted", false, "quo\303\251ted");
    check("a\"b\\c", false, "\"a\\\"b\\\\c\"");
    check("\a\b\t\n\v\f\r", true, "\"\\a\\b\\t\\n\\v\\f\\r\"");
    check("\1\x7f\x1b", false, "\"\\001\\177\\033\"");
    check("\1\377", false, "\"\\001\377\"");
    check("\200end", true, "\"\\200end\"");
}

/* Goal: a text that is full stays as it is and says so. */
static void quote__no_room_is_sticky(void **state)
{
    struct trove__text text = {.limit = 4};

    (void)state;
    trove__quote_path("abcdefgh", 8, true, &text);
    assert_true(text.failure < 0);
    assert_int_equal(text.size, 0);
    trove__text_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quote__escapes_what_git_escapes),
        cmocka_unit_test(quote__no_room_is_sticky),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
