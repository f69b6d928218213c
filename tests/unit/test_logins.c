// SPDX-License-Identifier: MIT
/*
 * Goal: however many connections a server asks for a name and password, the user is asked once; who waits for the answer
 * may be cancelled, and so may who asks; an answer that is refused is asked for once more where it was not given just now.
 * Method: a real server with eight connections at once, and a program that counts its calls; helpers that answer when the
 * test lets them; scripts of servers that change their mind.
 */
#include "failing_allocator.h"
#include "fetch/logins.h"
#include "fetch/session_pool.h"
#include "in_child.h"
#include "wire.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CROWD 8
#define ASKS                                                                                       \
    SAY("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")
#define POST AFTER("done\n0000")

/* A helper that logs what it is asked and answers with what the file "password" holds, ... */
static void answer_at_once(void)
{
    peer_shell("rm -f '%s/log'", peer_dir);
    peer_config(peer_dir,
                "[credential]\n\thelper = \"!f() { cat >/dev/null; echo $1 >>'%s/log'; "
                "test $1 = get && echo username=me && echo password=$(cat '%s/password'); }; f\"\n",
                peer_dir, peer_dir);
}

/* ... or, the n-th time, with what is written into the pipe "gate.<n>". */
static void answer_when_told(void)
{
    peer_shell("cd '%s'; rm -f log gate.*; mkfifo gate.1 gate.2", peer_dir);
    peer_config(peer_dir,
                "[credential]\n\thelper = \"!f() { cat >/dev/null; echo $1 >>'%s/log'; "
                "test $1 = get || return; read -r a <'%s/gate.'$(grep -c get '%s/log'); "
                "test -z $a || { echo username=me; echo password=$a; }; }; f\"\n",
                peer_dir, peer_dir, peer_dir);
}

static void set_password(const char *password)
{
    peer_shell("echo %s >'%s/password'", password, peer_dir);
}

/* What the helper was asked, in one line. */
static void expect_log(const char *expected)
{
    char *log = peer_output("tr '\\n' ' ' <'%s/log'", peer_dir);

    assert_string_equal(log, expected);
    free(log);
}

/* Waits until the helper asks for the N-th time. */
static int open_gate(unsigned n)
{
    char path[600];
    int fd;

    snprintf(path, sizeof(path), "%s/gate.%u", peer_dir, n);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void pass(int gate, const char *answer)
{
    assert_int_equal(write(gate, answer, strlen(answer)), strlen(answer));
    close(gate);
}

/* --- a real server ----------------------------------------------------------------------------------------------- */

struct crowd {
    struct trove__pool *pool;
    pthread_barrier_t all_have_one;
};

static void *connect_one(void *argument)
{
    struct crowd *crowd = argument;
    struct trove__pooled *pooled;
    struct trove_error err = {0};
    bool reused;

    if (trove__pool_take(crowd->pool, NULL, &pooled, &reused, &err) != 0)
        fail_msg("%s", err.message);
    pthread_barrier_wait(&crowd->all_have_one);
    trove__pool_give(crowd->pool, pooled);
    return NULL;
}

static void logins__many_connections_ask_once(void **state)
{
    const struct trove__session_options options = {.low_speed_bytes = 1000,
                                                   .low_speed_seconds = 30};
    struct trove__session_stats stats;
    pthread_t threads[CROWD];
    struct crowd crowd;
    struct peer server;
    char path[600], *calls;

    (void)state;
    peer_shell("cd '%s'; printf '%%s\\n' '#!/bin/sh' 'echo \"$1\" >>%s/calls'"
               " 'case $1 in User*) echo me;; *) echo s3cret;; esac' >ask; chmod +x ask",
               peer_dir, peer_dir);
    snprintf(path, sizeof(path), "%s/ask", peer_dir);
    setenv("GIT_ASKPASS", path, 1);
    peer_start(&server, "http --auth me:s3cret", peer_dir);
    snprintf(path, sizeof(path), "%sone.git", server.url);
    assert_int_equal(trove__pool_create(path, &options, &crowd.pool), 0);
    pthread_barrier_init(&crowd.all_have_one, NULL, CROWD);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, connect_one, &crowd), 0);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    trove__pool_stats(crowd.pool, &stats);
    assert_int_equal(stats.connections, CROWD);
    calls = peer_output("cut -d' ' -f1 '%s/calls' | tr '\\n' ' '", peer_dir);
    assert_string_equal(calls, "Username Password ");
    free(calls);
    pthread_barrier_destroy(&crowd.all_have_one);
    trove__pool_destroy(crowd.pool);
    peer_stop(&server);
    setenv("GIT_ASKPASS", "false", 1);
}

/* --- who asks, and who waits ------------------------------------------------------------------------------------- */

struct asker {
    pthread_t thread;
    struct trove__logins *logins;
    const struct trove__url *url;
    struct trove_until until;
    struct trove__credential credential;
    struct trove_error err;
    int status;
};

static void *ask(void *argument)
{
    struct asker *asker = argument;
    struct trove__io io;

    trove__io_begin(&io, &asker->until, 0, 0);
    asker->status =
        trove__logins_get(asker->logins, asker->url, &io, &asker->credential, &asker->err);
    return NULL;
}

static void start(struct asker *asker, struct trove__logins *logins, const struct trove__url *url,
                  struct trove_cancel *cancel)
{
    *asker = (struct asker){.logins = logins, .url = url, .until = {TROVE_NO_DEADLINE, cancel}};
    assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
}

/* Joins ASKER, who must have got PASSWORD, or, with NULL, STATUS. */
static void join(struct asker *asker, const char *password, int status)
{
    pthread_join(asker->thread, NULL);
    if (asker->status != status)
        fail_msg("%d instead of %d: %s", asker->status, status, asker->err.message);
    if (password != NULL)
        assert_string_equal(asker->credential.password, password);
    trove__credential_clear(&asker->credential);
}

static void wait_for_waiting(struct trove__logins *logins, unsigned count)
{
    unsigned waiting;

    do {
        sched_yield();
        pthread_mutex_lock(&logins->lock);
        waiting = logins->waiting;
        pthread_mutex_unlock(&logins->lock);
    } while (waiting != count);
}

static void begin(struct trove__logins *logins, struct trove__url *url)
{
    assert_int_equal(trove__url_parse("http://example.com/x.git", url, NULL), 0);
    trove__logins_init(logins);
}

static void end(struct trove__logins *logins, struct trove__url *url)
{
    trove__logins_deinit(logins);
    trove__url_clear(url);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

/* One asks and the others wait: all get the answer, or hear that there is none; who comes later asks again then. */
static void logins__others_wait_for_the_answer(void **state)
{
    struct asker askers[CROWD];
    struct trove__logins logins;
    struct trove__url url;

    (void)state;
    for (int good = 0; good < 2; good++) {
        int gate;
        begin(&logins, &url);
        answer_when_told();
        start(&askers[0], &logins, &url, NULL);
        gate = open_gate(1);
        for (int i = 1; i < CROWD; i++)
            start(&askers[i], &logins, &url, NULL);
        wait_for_waiting(&logins, CROWD - 1);
        pass(gate, good ? "secret\n" : "\n");
        for (int i = 0; i < CROWD; i++)
            join(&askers[i], good ? "secret" : NULL, good ? 0 : -EACCES);
        expect_log("get ");
        start(&askers[0], &logins, &url, NULL);
        if (!good)
            pass(open_gate(2), "late\n");
        join(&askers[0], good ? "secret" : "late", 0);
        expect_log(good ? "get " : "get get ");
        end(&logins, &url);
    }
}

/* Who asks is cancelled: one of those who wait asks instead. Who waits runs into its deadline: nobody else is touched. */
static void logins__who_asks_may_go(void **state)
{
    struct asker first, second, late;
    struct trove_cancel *cancel;
    struct trove__logins logins;
    struct trove__url url;
    int gate;

    (void)state;
    begin(&logins, &url);
    answer_when_told();
    assert_int_equal(trove_cancel_create(&cancel), 0);
    start(&first, &logins, &url, cancel);
    gate = open_gate(1);
    late = (struct asker){.logins = &logins, .url = &url, .until = {0, NULL}};
    ask(&late);
    assert_int_equal(late.status, -ETIMEDOUT);
    start(&second, &logins, &url, NULL);
    wait_for_waiting(&logins, 1);
    expect_log("get ");
    trove_cancel(cancel);
    join(&first, NULL, -ECANCELED);
    close(gate);
    pass(open_gate(2), "secret\n");
    join(&second, "secret", 0);
    expect_log("get get ");
    trove_cancel_unref(cancel);
    end(&logins, &url);
}

/* --- fork() ------------------------------------------------------------------------------------------------------- */

static int ask_in_child(void *context)
{
    struct asker *asker = context;

    trove__logins_forget(asker->logins);
    pthread_mutex_unlock(&asker->logins->lock);
    ask(asker);
    return asker->status == 0 && strcmp(asker->credential.password, "child's") == 0 ? 0 : 1;
}

static void *answer_the_second(void *unused)
{
    pass(open_gate(2), "child's\n");
    return unused;
}

/* Goal: a child that is made while somebody asks, and somebody waits for that, does not wait for who is not there: it asks. */
static void logins__a_child_asks_itself(void **state)
{
    struct asker first, second, child;
    struct trove__logins logins;
    struct trove__url url;
    pthread_t answerer;
    int gate;

    (void)state;
    begin(&logins, &url);
    answer_when_told();
    start(&first, &logins, &url, NULL);
    gate = open_gate(1);
    start(&second, &logins, &url, NULL);
    wait_for_waiting(&logins, 1);
    child =
        (struct asker){.logins = &logins, .url = &url, .until = {.deadline_ns = TROVE_NO_DEADLINE}};
    assert_int_equal(pthread_create(&answerer, NULL, answer_the_second, NULL), 0);
    pthread_mutex_lock(&logins.lock); /* as forking.c does */
    assert_int_equal(in_child(ask_in_child, &child), 0);
    pthread_mutex_unlock(&logins.lock);
    pthread_join(answerer, NULL);
    pass(gate, "secret\n");
    join(&first, "secret", 0);
    join(&second, "secret", 0);
    expect_log("get get ");
    end(&logins, &url);
}

/* --- servers that refuse ----------------------------------------------------------------------------------------- */

/* Opens a session with a server that plays STEPS, whose helpers gave "old" to somebody else before if SHARED and say
 * "new" now; then fetches, if that is what POSTS says. Returns the first failure. */
static int meet(const struct peer_step *steps, bool shared, bool posts, struct peer_script *script)
{
    struct trove__session_options options = {.low_speed_bytes = 1000, .low_speed_seconds = 30};
    const struct trove_oid id = {{1}};
    const struct trove__fetch_args args = {.wants = &id, .want_count = 1};
    const struct trove__fetch_events events = {.pack = wire_no_pack};
    struct trove__session *session = NULL;
    struct trove__credential credential;
    struct trove__logins logins;
    struct trove__url url;
    struct trove__io io;
    char text[64];
    int status;

    peer_script_start(script, steps);
    snprintf(text, sizeof(text), "http://127.0.0.1:%u/x.git", script->port);
    assert_int_equal(trove__url_parse(text, &url, NULL), 0);
    trove__io_begin(&io, NULL, 0, 0);
    trove__logins_init(&logins);
    options.logins = &logins;
    answer_at_once();
    set_password("old");
    if (shared) {
        assert_int_equal(trove__logins_get(&logins, &url, &io, &credential, NULL), 0);
        trove__credential_clear(&credential);
        set_password("new");
    }
    status = trove__session_open(text, &options, NULL, &session, NULL);
    set_password("new");
    if (status == 0 && posts)
        status = trove__session_fetch(session, &args, &events, NULL, NULL, NULL, NULL);
    trove__session_close(session);
    trove__logins_deinit(&logins);
    trove__url_clear(&url);
    peer_script_stop(script);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    return status;
}

#define OLD "Authorization: Basic bWU6b2xk\r\n" /* me:old */
#define NEW "Authorization: Basic bWU6bmV3\r\n"

static void logins__a_refused_answer(void **state)
{
    static const struct peer_step once[] = {GET, ASKS, GET, SAY(GET_OK), CLOSE};
    static const struct peer_step never[] = {GET,  ASKS, GET,         ASKS, GET,
                                             ASKS, GET,  SAY(GET_OK), CLOSE};
    static const struct peer_step twice[] = {GET, ASKS, GET, ASKS, GET, SAY(GET_OK), CLOSE};
    static const struct peer_step later[] = {GET,  ASKS, GET,          SAY(GET_OK), POST,
                                             ASKS, POST, SAY(PACK_OK), CLOSE};
    struct peer_script script;

    (void)state;
    assert_int_equal(meet(once, false, false, &script), 0);
    expect_log("get store ");
    assert_int_equal(meet(once, true, false, &script), 0); /* what another connection asked for */
    expect_log("get store ");
    /* Asked for just now, and wrong: that is all, as with git. */
    assert_int_equal(meet(never, false, false, &script), -EACCES);
    expect_log("get erase ");
    /* Another connection's, and wrong: asked for anew, once. */
    assert_int_equal(meet(twice, true, false, &script), 0);
    expect_log("get erase get store ");
    assert_true(wire_sent(&script, NEW) && !wire_sent(&script, OLD));
    assert_int_equal(meet(never, true, false, &script), -EACCES);
    expect_log("get erase get erase ");
    /* It was good, and is no longer. */
    assert_int_equal(meet(later, false, true, &script), 0);
    expect_log("get store erase get store ");
    assert_true(wire_sent(&script, NEW) && !wire_sent(&script, OLD));
}

/* Two connections have the same answer, and both tell what became of it: the helpers hear it once. */
static void logins__helpers_hear_it_once(void **state)
{
    struct trove__credential a, b;
    struct trove__logins logins;
    struct trove__url url;
    struct trove__io io;

    (void)state;
    begin(&logins, &url);
    answer_at_once();
    set_password("old");
    trove__io_begin(&io, NULL, 0, 0);
    assert_int_equal(trove__logins_get(&logins, &url, &io, &a, NULL), 0);
    assert_int_equal(trove__logins_get(&logins, &url, &io, &b, NULL), 0);
    assert_true(!a.is_shared && b.is_shared);
    trove__logins_report(&logins, &b, true, &io);
    trove__logins_report(&logins, &a, true, &io);
    expect_log("get store ");
    trove__logins_report(&logins, &a, false, &io);
    trove__logins_report(&logins, &b, false, &io);
    expect_log("get store erase ");
    trove__credential_clear(&a);
    trove__credential_clear(&b);
    set_password("new");
    assert_int_equal(trove__logins_get(&logins, &url, &io, &a, NULL), 0);
    assert_string_equal(a.password, "new");
    trove__credential_clear(&a);
    end(&logins, &url);
}

/* Whichever allocation fails: -ENOMEM or an answer, and nothing stays behind. */
static void logins__without_memory(void **state)
{
    bool reached = true;

    (void)state;
    answer_at_once();
    set_password("secret");
    for (unsigned n = 1; reached; n++) {
        struct trove__credential credential = {0};
        struct trove__logins logins;
        struct trove__url url;
        struct trove__io io;
        struct trove_error err;
        int status = 0;

        begin(&logins, &url);
        trove__io_begin(&io, NULL, 0, 0);
        failing_allocator_fail_at(n);
        for (int i = 0; i < 2 && status == 0; i++) {
            status = trove__logins_get(&logins, &url, &io, &credential, &err);
            if (status == 0)
                assert_string_equal(credential.password, "secret");
            trove__credential_clear(&credential);
        }
        reached = failing_allocator_stop();
        /* What cannot be kept is asked for again. */
        if (status != 0)
            assert_int_equal(status, -ENOMEM);
        trove__logins_deinit(&logins);
        trove__url_clear(&url);
        assert_int_equal(failing_allocator_live(), 0);
        assert_true(reached || n > 8);
    }
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

static int set_up(void **state)
{
    peer_set_up_repository(state);
    return failing_allocator_install();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logins__many_connections_ask_once),
        cmocka_unit_test(logins__others_wait_for_the_answer),
        cmocka_unit_test(logins__a_child_asks_itself),
        cmocka_unit_test(logins__who_asks_may_go),
        cmocka_unit_test(logins__a_refused_answer),
        cmocka_unit_test(logins__helpers_hear_it_once),
        cmocka_unit_test(logins__without_memory),
    };

    return cmocka_run_group_tests(tests, set_up, peer_tear_down);
}
