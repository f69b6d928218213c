// SPDX-License-Identifier: MIT
/*
 * Goal: what is asked of a server is what the request plans say, byte for byte on the wire: kinds apart, no haves, filters
 * only where they are offered, depth only where a commit may be; and what breaks off is asked for again, without what came.
 * Method: a relay in front of git daemon keeps every request; an ssh of our own breaks off in the middle of a pack.
 */
#include "peer.h"
#include "replay_peer.h"
#include "source_peer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peer server; /* git daemon */

/* A cache whose requests are recorded, one after the other. */
struct asking {
    struct replay_peer relay;
    struct source_peer peer;
    size_t seen; /* exchanges that were looked at */
};

static void one_at_a_time(struct trove_options *options)
{
    options->requests_at_once = 1;
}

static void begin(struct asking *asking, const char *name)
{
    char url[128];

    replay_peer_record(&asking->relay, (unsigned)atoi(strrchr(server.url, ':') + 1));
    snprintf(url, sizeof(url), "git://127.0.0.1:%u/%s", asking->relay.port, name);
    source_peer_open(&asking->peer, url, one_at_a_time);
    asking->seen = 1; /* the first is no command */
}

static void end(struct asking *asking)
{
    source_peer_close(&asking->peer);
    replay_peer_stop(&asking->relay);
}

/* Asks for what REVISIONS of NAME, a list for a shell, name; all must come. */
static void resolve(struct asking *asking, const char *name, enum trove_type type,
                    const char *revisions)
{
    struct trove_want *wants;
    size_t count = source_peer_wants(asking->peer.algo, type, &wants, "git -C '%s/%s' rev-parse %s",
                                     peer_dir, name, revisions);

    assert_int_equal(source_peer_resolve(&asking->peer, wants, count, NULL), count);
    free(wants);
}

/* How often LINE stands in the requests since the last call that took them. */
static unsigned asked(struct asking *asking, const char *text)
{
    unsigned count = 0;

    pthread_mutex_lock(&asking->relay.lock);
    for (size_t i = asking->seen; i < asking->relay.count; i++) {
        const struct replay_bytes *request = &asking->relay.exchanges[i].request;
        const char *at = (const char *)request->data, *stop = at + request->size;
        while ((at = memmem(at, (size_t)(stop - at), text, strlen(text))) != NULL) {
            count++;
            at += strlen(text);
        }
    }
    pthread_mutex_unlock(&asking->relay.lock);
    return count;
}

static void take(struct asking *asking)
{
    pthread_mutex_lock(&asking->relay.lock);
    asking->seen = asking->relay.count;
    pthread_mutex_unlock(&asking->relay.lock);
}

static void asking__one_id(void **state)
{
    static const struct {
        enum trove_type type;
        const char *revision;
        unsigned deepen, filter;
    } cases[] = {
        {TROVE_ANY, "HEAD", 1, 1},          {TROVE_ANY, "HEAD:README", 1, 1},
        {TROVE_COMMIT, "HEAD~1", 1, 1},     {TROVE_TREE, "HEAD^{tree}", 0, 1},
        {TROVE_BLOB, "HEAD:a/file1", 0, 0},
    };
    static const char *const never[] = {"have ", "thin-pack", "include-tag", "shallow ",
                                        "command=ls-refs"};
    struct asking asking;

    (void)state;
    begin(&asking, "r.git");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        resolve(&asking, "r.git", cases[i].type, cases[i].revision);
        assert_int_equal(asked(&asking, "want "), 1);
        assert_int_equal(asked(&asking, "deepen 1\n"), cases[i].deepen);
        assert_int_equal(asked(&asking, "filter tree:0\n"), cases[i].filter);
        assert_int_equal(asked(&asking, "filter"), cases[i].filter);
        assert_int_equal(asked(&asking, "command=fetch\n"), 1);
        assert_int_equal(asked(&asking, "agent=trove/"), 1);
        assert_int_equal(asked(&asking, "object-format=sha1\n"), 1);
        assert_int_equal(asked(&asking, "ofs-delta\n"), 1);
        assert_int_equal(asked(&asking, "no-progress\n"), 1);
        assert_int_equal(asked(&asking, "done\n"), 1);
        for (size_t j = 0; j < sizeof(never) / sizeof(never[0]); j++)
            assert_int_equal(asked(&asking, never[j]), 0);
        take(&asking);
    }
    end(&asking);
}

/* A tree, its folders and its blobs, of known kinds and all at once: a request for each kind. */
static void asking__kinds_apart(void **state)
{
    struct asking asking;
    struct trove_want *trees, *blobs, *both;
    size_t tree_count, blob_count;

    (void)state;
    begin(&asking, "r.git");
    tree_count =
        source_peer_wants(asking.peer.algo, TROVE_TREE, &trees,
                          "cd '%s/r.git'; git rev-parse HEAD^{tree} HEAD:a HEAD:a/b", peer_dir);
    blob_count = source_peer_wants(asking.peer.algo, TROVE_BLOB, &blobs,
                                   "cd '%s/r.git'; git rev-parse HEAD:README HEAD:a/file1"
                                   " HEAD:a/b/file2",
                                   peer_dir);
    both = calloc(tree_count + blob_count, sizeof(*both));
    for (size_t i = 0; i < tree_count; i++) { /* they alternate */
        both[2 * i] = trees[i];
        both[2 * i + 1] = blobs[i];
    }
    assert_int_equal(source_peer_resolve(&asking.peer, both, tree_count + blob_count, NULL),
                     tree_count + blob_count);
    assert_int_equal(asked(&asking, "command=fetch\n"), 2);
    assert_int_equal(asked(&asking, "filter tree:0\n"), 1);
    assert_int_equal(asked(&asking, "want "), 6);
    free(trees);
    free(blobs);
    free(both);
    end(&asking);
}

/* A server that offers no filters is sent none, and one that lists what it lets be wanted is asked all the same. */
static void asking__servers_that_offer_less(void **state)
{
    struct asking asking;
    struct trove_want *wants;
    size_t count;

    (void)state;
    begin(&asking, "plain.git");
    count = source_peer_wants(asking.peer.algo, TROVE_ANY, &wants,
                              "git -C '%s/plain.git' rev-list --objects HEAD~9 | cut -d' ' -f1",
                              peer_dir);
    assert_true(count > 100);
    assert_int_equal(source_peer_resolve(&asking.peer, wants, count, NULL), count);
    assert_int_equal(asked(&asking, "filter"), 0);
    assert_in_range(asked(&asking, "command=fetch\n"), 1, 3);
    free(wants);
    end(&asking);
}

static void asking__a_revision(void **state)
{
    struct trove_fetch_options options = {.want_count = 1, .depth = 1};
    struct trove_fetch_result result;
    struct trove_git_revision revision;
    struct trove_error err = {0};
    struct trove_want want = {.type = TROVE_COMMIT};
    struct asking asking;

    (void)state;
    begin(&asking, "r.git");
    assert_int_equal(
        trove_git_revision(asking.peer.git, asking.peer.cache, "side", NULL, &revision, &err), 0);
    assert_int_equal(asked(&asking, "command=ls-refs\n"), 1);
    assert_int_equal(asked(&asking, "peel\n"), 1);
    assert_int_equal(asked(&asking, "symrefs\n"), 1);
    assert_int_equal(asked(&asking, "ref-prefix "), 6);
    assert_int_equal(asked(&asking, "ref-prefix refs/heads/side\n"), 1);
    assert_int_equal(asked(&asking, "command=fetch\n"), 0);
    take(&asking);
    want.id = revision.id;
    options.wants = &want;
    assert_int_equal(trove_fetch(asking.peer.cache, &options, NULL, &result, &err), 0);
    assert_int_equal(asked(&asking, "command=fetch\n"), 1);
    assert_int_equal(asked(&asking, "deepen 1\n"), 1);
    assert_int_equal(asked(&asking, "filter"), 0);
    end(&asking);
}

/* A folder of a revision: trees down to it with the commit, nothing else. */
static void asking__a_path(void **state)
{
    struct trove_git_revision revision;
    struct trove_error err = {0};
    struct asking asking;

    (void)state;
    begin(&asking, "r.git");
    assert_int_equal(
        trove_git_revision(asking.peer.git, asking.peer.cache, "HEAD:a/b", NULL, &revision, &err),
        0);
    assert_int_equal(revision.type, TROVE_TREE);
    assert_int_equal(asked(&asking, "command=fetch\n"), 1);
    assert_int_equal(asked(&asking, "filter combine:blob:none+tree:2\n"), 1);
    end(&asking);
}

/* --- what breaks off --------------------------------------------------------------------------------------------- */

/* Goal: a transfer that breaks off keeps what it brought and asks for the rest; one that always breaks ends.
 * Method: an ssh that cuts what the server says, as often as files named `cut` are there to be removed. Nobody but the
 * cutter holds the output, so that its end is the end. */
static void asking__what_broke_off_goes_on(void **state)
{
    struct source_peer peer;
    struct trove_git_stats stats;
    struct trove_want *wants;
    int statuses[1000];
    char url[512];
    size_t count, found, whole = 0;

    (void)state;
    snprintf(url, sizeof(url),
             "f() { if rm %s/cut 2>/dev/null || test -e %s/always;"
             " then exec bash -c 'exec stdbuf -o0 head -c 15000 < <(sh -c \"$0\")' \"$2\";"
             " else exec sh -c \"$2\"; fi; }; f",
             peer_dir, peer_dir);
    setenv("GIT_SSH_COMMAND", url, 1);
    setenv("GIT_SSH_VARIANT", "simple", 1);
    snprintf(url, sizeof(url), "ssh://there%s/big", peer_dir);
    for (int always = 0; always < 2; always++) {
        peer_shell("cd '%s'; : >cut; test %d = 0 || : >always", peer_dir, always);
        source_peer_open(&peer, url, one_at_a_time);
        count = source_peer_wants(peer.algo, TROVE_BLOB, &wants,
                                  "git -C '%s/big' ls-tree -r HEAD | cut -c13-52 | head -1000",
                                  peer_dir);
        assert_int_equal(count, 1000);
        /* The first batches are small; these ids leave together. */
        found = source_peer_resolve(&peer, wants, count, statuses);
        trove_git_stats(peer.git, &stats);
        for (size_t i = 0; i < count; i++) {
            whole += statuses[i] == 0;
            if (!always || (statuses[i] != -EIO && statuses[i] != -ECONNRESET))
                assert_int_equal(statuses[i], 0);
        }
        assert_int_equal(whole, found);
        assert_int_equal(stats.pack_objects, found); /* none twice */
        if (!always)
            assert_int_equal(found, 1000);
        assert_true(stats.connections >= 2);
        whole = 0;
        free(wants);
        source_peer_close(&peer);
    }
    unsetenv("GIT_SSH_COMMAND");
    unsetenv("GIT_SSH_VARIANT");
}

/* Goal: a word of the address is not taken for the server's: a server that ends without one is no server that refuses
 * a filter or does not have an id.
 * Method: an ssh that speaks the capabilities and ends once it was asked; an address full of such words. */
static void asking__words_of_the_address(void **state)
{
    struct source_peer peer;
    struct trove_git_stats stats;
    struct trove_want *wants;
    int statuses[20];
    size_t count;

    (void)state;
    setenv("GIT_SSH_COMMAND",
           "printf '000eversion 2\\n000cls-refs\\n0019fetch=shallow filter\\n0000';"
           "head -c 100 >/dev/null #",
           1);
    setenv("GIT_SSH_VARIANT", "simple", 1);
    for (int kind = 0; kind < 2; kind++) {
        source_peer_open(&peer, "ssh://there/filter/tree/missing-object", one_at_a_time);
        count = source_peer_wants(peer.algo, kind == 0 ? TROVE_BLOB : TROVE_TREE, &wants,
                                  "for i in $(seq 20); do printf '%%040d\\n' $i; done");
        assert_int_equal(count, 20);
        assert_int_equal(source_peer_resolve(&peer, wants, count, statuses), 0);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(statuses[i], -ECONNRESET);
        trove_git_stats(peer.git, &stats);
        assert_in_range(stats.requests, 2, 3); /* once more, and where a connection had died */
        free(wants);
        source_peer_close(&peer);
    }
    unsetenv("GIT_SSH_COMMAND");
    unsetenv("GIT_SSH_VARIANT");
}

/* --- what servers say -------------------------------------------------------------------------------------------- */

struct said {
    char text[256];
    size_t size;
};

static void keep(void *context, const char *text, size_t size)
{
    struct said *said = context;

    assert_true(size < sizeof(said->text) - said->size);
    memcpy(said->text + said->size, text, size);
    said->size += size;
}

/* Goal: progress reaches the caller without escapes, and is asked for only then; its lines stay apart. */
static void asking__progress_is_made_printable(void **state)
{
#define CAPS "000eversion 2\n000cls-refs\n0012fetch=shallow\n0000"
#define TEXT "\x1b[2J\xc2\x9b\x9b\a\x7f 50%\r100%\n"
    static const struct peer_step steps[] = {{PEER_READ_UNTIL, "version=2", 9},
                                             {PEER_SEND, CAPS, sizeof(CAPS) - 1},
                                             {PEER_READ_UNTIL, "done\n0000", 9},
                                             /* A character is cut, once between two packets. */
                                             {PEER_SEND,
                                              "000dpackfile\n0018\2" TEXT "0006\2\xd0"
                                              "0010\2"
                                              "\xbf\xd0\xbe \xe2\x82\xac\xe2\x82\n\x90"
                                              "0005\1",
                                              13 + 24 + 6 + 16 + 5},
                                             {PEER_CLOSE, NULL, 0}};
    struct said said = {.size = 0};
    struct trove_git_options options;
    struct trove_options cache_options;
    struct trove_git *git;
    struct trove *cache;
    struct trove_oid id = {{1}};
    struct trove_result result;
    struct trove_error err = {0};
    struct peer_script script;
    char url[64];

    (void)state;
    assert_int_equal(sizeof(TEXT) - 1, 0x18 - 5);
    peer_script_start(&script, steps);
    snprintf(url, sizeof(url), "git://127.0.0.1:%u/x", script.port);
    trove_git_options_init(&options);
    options.progress = keep;
    options.progress_context = &said;
    assert_int_equal(trove_git_open(url, &options, NULL, &git, &err), 0);
    trove_options_init(&cache_options);
    cache_options.hash = trove_git_hash(git);
    cache_options.source = trove_git_source(git);
    assert_int_equal(trove_open(&cache_options, &cache, &err), 0);
    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, &err), -ECONNRESET);
    trove_git_close(git);
    assert_int_equal(trove_close(cache, NULL), 0);
    peer_script_stop(&script);
    /* A break that brought nothing is tried once more. */
#define SHOWN "?[2J????? 50%\r100%\n\xd0\xbf\xd0\xbe \xe2\x82\xac??\n?"
    assert_string_equal(said.text, SHOWN SHOWN);
    assert_null(memmem(script.request, script.request_size, "no-progress", 11));
}

static int set_up(void **state)
{
    peer_set_up(state);
    source_peer_make(peer_dir, "r.git", "sha1");
    peer_shell(
        "cd '%s'; cp -r r.git plain.git; git -C plain.git config uploadpack.allowFilter false;"
        "git -C plain.git config uploadpack.allowAnySHA1InWant false;"
        "mkdir big; cd big; git init -q;"
        "for i in $(seq 1000); do echo $i $i >f$i; done; git add -A; git commit -qm big",
        peer_dir);
    peer_start(&server, "git", peer_dir);
    return 0;
}

static int tear_down(void **state)
{
    peer_stop(&server);
    return peer_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asking__one_id),
        cmocka_unit_test(asking__kinds_apart),
        cmocka_unit_test(asking__servers_that_offer_less),
        cmocka_unit_test(asking__a_revision),
        cmocka_unit_test(asking__a_path),
        cmocka_unit_test(asking__what_broke_off_goes_on),
        cmocka_unit_test(asking__words_of_the_address),
        cmocka_unit_test(asking__progress_is_made_printable),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
