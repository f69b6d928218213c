// SPDX-License-Identifier: MIT
/*
 * Goal: ids that a server does not have fail alone, and however many they are they cost a few requests: it is asked which
 * it has. What it says then is believed only if it can be, and whatever it answers, what it has arrives.
 * Method: real servers (a process, HTTP) and ids made up among those of 1,000 files; a git server that answers that
 * question oddly, with 12 ids.
 */
#include "fetch/session_pool.h"
#include "peer.h"
#include "source_peer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 1000

static void made_up(struct trove_oid *id, unsigned number)
{
    memset(id->bytes, 0xa5, 20);
    memcpy(id->bytes, &number, sizeof(number));
}

/* Asks for COUNT blobs of the repository BIG at URL, of which every STRIDE-th is made up as of TYPE. Returns
 * in how many requests. */
static uint64_t ask(const char *url, enum trove_type type, size_t count, size_t stride)
{
    struct source_peer peer;
    struct trove_want *wants;
    uint64_t requests;
    int statuses[MOST];
    size_t bad = 0;

    source_peer_open(&peer, url, NULL);
    assert_true(source_peer_wants(peer.algo, type, &wants,
                                  "git -C '%s/big.git' ls-tree -r HEAD | cut -c13-52",
                                  peer_dir) >= count);
    for (size_t i = 0; i < count; i += stride, bad++)
        made_up(&wants[i].id, (unsigned)i);
    assert_int_equal(source_peer_resolve(&peer, wants, count, statuses), count - bad);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(statuses[i], i % stride == 0 ? -ENOENT : 0);
    requests = source_peer_requests(&peer);
    source_peer_close(&peer);
    free(wants);
    return requests;
}

static void few_requests(const char *base)
{
    char url[600];

    snprintf(url, sizeof(url), "%s/big.git", base);
    assert_int_equal(ask(url, TROVE_BLOB, MOST, MOST), 2);     /* one */
    assert_int_equal(ask(url, TROVE_BLOB, MOST, MOST / 2), 4); /* both refused, asked, the rest */
    assert_int_equal(ask(url, TROVE_BLOB, MOST, 100), 4);      /* ten */
    assert_int_equal(ask(url, TROVE_BLOB, MOST, 10), 4);       /* a hundred */
    assert_int_equal(ask(url, TROVE_ANY, MOST, 10), 4);
    assert_int_equal(ask(url, TROVE_BLOB, MOST, 1),
                     3); /* all; nothing is left after the question */
    assert_int_equal(ask(url, TROVE_ANY, MOST, 1), 3);
}

static void question__a_process(void **state)
{
    (void)state;
    few_requests(peer_dir);
}

static void question__http(void **state)
{
    struct peer server;

    (void)state;
    peer_start(&server, "http", peer_dir);
    few_requests(server.url);
    peer_stop(&server);
}

/* Two refused ids of three or four are no reason to ask. */
static void question__few_ids(void **state)
{
    char url[600];

    (void)state;
    snprintf(url, sizeof(url), "%s/big.git", peer_dir);
    assert_int_equal(ask(url, TROVE_BLOB, 4, 2), 3);
    assert_int_equal(ask(url, TROVE_BLOB, 4, 1), 4);
    assert_int_equal(ask(url, TROVE_BLOB, 5, 1), 3);
}

/* Goal: a server that speaks of no object like those asked for is not believed; a liar does not get away with more than a
 * request for each id; nobody is asked for ever. */
static void question__odd_answers(void **state)
{
    static const struct {
        const char *kind;
        uint64_t requests; /* for 12 ids, three of them made up */
    } cases[] = {
        {"no", 3 + 1},       {"silent", 3 + 1 + 1},  {"all", 3 + 1 + 1},
        {"pack", 3 + 1 + 1}, {"endless", 3 + 1 + 1}, {"broken", 3 + 1 + 1},
    };
    char command[600];

    (void)state;
    setenv("GIT_SSH_VARIANT", "simple", 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(command, sizeof(command), "tests/support/liar.py %s '%s/big.git' #", cases[i].kind,
                 peer_dir);
        setenv("GIT_SSH_COMMAND", command, 1);
        assert_int_equal(ask("ssh://there/big.git", TROVE_BLOB, 12, 4), cases[i].requests);
    }
    unsetenv("GIT_SSH_COMMAND");
    unsetenv("GIT_SSH_VARIANT");
}

/* Goal: a server that looked at its disk long ago is not asked what it has: it would not know of what came since. */
static void question__goes_to_a_fresh_server(void **state)
{
    const struct trove__session_options options = {.low_speed_bytes = 1000,
                                                   .low_speed_seconds = 30};
    struct trove__pooled *first, *second;
    struct trove__pool *pool;
    struct peer server;
    char url[600];
    bool reused;

    (void)state;
    peer_start(&server, "http", peer_dir);
    for (int kind = 0; kind < 2;
         kind++) { /* a process that lives on; HTTP, where each request meets another */
        snprintf(url, sizeof(url), "%s/big.git", kind == 0 ? peer_dir : server.url);
        assert_int_equal(trove__pool_create(url, &options, &pool), 0);
        assert_int_equal(trove__pool_take(pool, NULL, &first, &reused, NULL), 0);
        trove__pool_give(pool, first);
        assert_int_equal(trove__pool_take_fresh(pool, NULL, &second, NULL), 0);
        assert_true((first == second) == (kind == 1));
        trove__pool_give(pool, second);
        assert_int_equal(trove__pool_take(pool, NULL, &first, &reused, NULL), 0);
        assert_true(reused);
        trove__pool_give(pool, first);
        trove__pool_destroy(pool);
    }
    peer_stop(&server);
}

static int set_up(void **state)
{
    peer_set_up(state);
    peer_shell(
        "cd '%s'; git init -q --bare -b main big.git; { echo 'commit refs/heads/main';"
        "echo 'committer a <a> 0 +0000'; printf 'data 0\\n'; for i in $(seq %d); do"
        " printf 'M 100644 inline f%%d\\ndata 5\\n%%05d\\n' $i $i; done; } |"
        "git -C big.git fast-import --quiet; git -C big.git config uploadpack.allowFilter true",
        peer_dir, MOST);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(question__a_process),
        cmocka_unit_test(question__http),
        cmocka_unit_test(question__few_ids),
        cmocka_unit_test(question__odd_answers),
        cmocka_unit_test(question__goes_to_a_fresh_server),
    };

    return cmocka_run_group_tests(tests, set_up, peer_tear_down);
}
