// SPDX-License-Identifier: MIT
/*
 * test_rounds.c - the bookkeeping of a request for ids, against servers that leave ids out or refuse them.
 */
#include "fetch/rounds.h"
#include "support.h"
#include <errno.h>
#include <string.h>

#define WANTS 1000

static struct trove_oid id_of(unsigned number)
{
    struct trove_oid id = {{0}};

    /* Not in the order of the numbers. */
    id.bytes[0] = (uint8_t)(number * 37);
    memcpy(id.bytes + 4, &number, sizeof(number));
    return id;
}

static unsigned number_of(const struct trove_oid *id)
{
    unsigned number;

    memcpy(&number, id->bytes + 4, sizeof(number));
    return number;
}

static struct trove__rounds *make(unsigned count)
{
    static struct trove_want wants[WANTS];
    struct trove__rounds *rounds;

    for (unsigned i = 0; i < count; i++)
        wants[i].id = id_of(i);
    assert_int_equal(trove__rounds_create(wants, count, &rounds), 0);
    return rounds;
}

/* How a pretended server treats each id. */
enum fate {
    GOOD,     /* comes at once */
    SHADOWED, /* is left out of an answer that brings the id before it */
    LEFT_OUT, /* never comes in company */
    ABSENT,   /* never comes, without a word */
    BOGUS,    /* refused by name */
    UNNAMED,  /* refused without a name */
};

struct server {
    enum fate fates[WANTS];
    bool came[WANTS];
    unsigned requests, largest, questions;
    bool tells; /* which ids it has, when asked */
};

/* Answers one batch. */
static void answer(struct server *server, struct trove__rounds *rounds, const struct trove_oid *ids,
                   size_t count)
{
    bool in_batch[WANTS] = {false};

    server->requests++;
    if (count > server->largest)
        server->largest = (unsigned)count;
    for (size_t i = 0; i < count; i++) {
        unsigned number = number_of(&ids[i]);
        assert_false(server->came[number]); /* nothing that came is asked for again */
        assert_false(in_batch[number]);
        in_batch[number] = true;
        if (server->fates[number] == BOGUS) {
            assert_true(trove__rounds_refused(rounds, &ids[i]));
            return;
        }
        if (server->fates[number] == UNNAMED) {
            trove__rounds_refused_unnamed(rounds);
            return;
        }
    }
    for (size_t i = 0; i < count; i++) {
        unsigned number = number_of(&ids[i]);
        enum fate fate = server->fates[number];
        if (fate == ABSENT || (fate == LEFT_OUT && count > 1) ||
            (fate == SHADOWED && number > 0 && in_batch[number - 1]))
            continue;
        server->came[number] = true;
        trove__rounds_arrived(rounds, &ids[i]);
        trove__rounds_arrived(rounds, &ids[i]); /* twice is harmless */
    }
    trove__rounds_answered(rounds);
}

/* It is asked what it has. */
static void answer_question(struct server *server, struct trove__rounds *rounds)
{
    struct trove_oid stranger = id_of(WANTS + 1);
    const struct trove_oid *ids;
    size_t count = trove__rounds_ask(rounds, &ids), absent = 0;

    server->requests++;
    server->questions++;
    for (size_t i = 0; i < count; i++) {
        unsigned number = number_of(&ids[i]);
        assert_false(server->came[number]);
        if (server->fates[number] == BOGUS || server->fates[number] == UNNAMED)
            absent++;
        else
            assert_true(trove__rounds_acknowledged(rounds, &ids[i]));
    }
    assert_false(trove__rounds_acknowledged(rounds, &stranger));
    assert_int_equal(trove__rounds_believe(rounds, &ids), absent);
    for (size_t i = 0; i < absent; i++)
        assert_true(server->fates[number_of(&ids[i])] >= BOGUS);
}

static void run(struct server *server, unsigned count)
{
    struct trove__rounds *rounds = make(count);
    struct trove_oid stranger = id_of(WANTS + 1);
    const struct trove_oid *ids;
    size_t n;

    trove__rounds_arrived(rounds, &stranger);
    assert_false(trove__rounds_refused(rounds, &stranger));
    while ((n = trove__rounds_next(rounds, &ids)) != 0) {
        answer(server, rounds, ids, n);
        if (server->tells && trove__rounds_should_ask(rounds))
            answer_question(server, rounds);
    }
    assert_int_equal(trove__rounds_next(rounds, &ids), 0);
    for (unsigned i = 0; i < count; i++) {
        enum fate fate = server->fates[i];
        assert_int_equal(server->came[i], fate == GOOD || fate == SHADOWED || fate == LEFT_OUT);
    }
    trove__rounds_destroy(rounds);
}

static void rounds__all_good_is_one_request(void **state)
{
    struct server server = {.requests = 0};

    (void)state;
    run(&server, WANTS);
    assert_int_equal(server.requests, 1);
    assert_int_equal(server.largest, WANTS);
}

/* Every second id is shadowed by the one before it: two requests. A chain of shadows: each round ends one link, until
 * the last pass asks for what is left alone. */
static void rounds__shadowed_ids_come_in_later_rounds(void **state)
{
    struct server pairs = {.requests = 0}, chain = {.requests = 0};

    (void)state;
    for (unsigned i = 0; i < WANTS; i++) {
        pairs.fates[i] = i % 2 ? SHADOWED : GOOD;
        chain.fates[i] = SHADOWED;
    }
    run(&pairs, WANTS);
    assert_int_equal(pairs.requests, 2);
    run(&chain, 100);
    assert_int_equal(chain.requests, TROVE__ROUNDS_MAX - 1 + 100 - (TROVE__ROUNDS_MAX - 1));
}

static void rounds__what_never_comes_in_company_goes_alone(void **state)
{
    struct server server = {.requests = 0};

    (void)state;
    server.fates[3] = server.fates[500] = LEFT_OUT;
    server.fates[4] = ABSENT;
    run(&server, WANTS);
    assert_int_equal(server.requests, 1 + 1 + 3);
}

static void rounds__bogus_ids_are_taken_out(void **state)
{
    struct server server = {.requests = 0};

    (void)state;
    server.fates[0] = server.fates[77] = server.fates[WANTS - 1] = BOGUS;
    run(&server, WANTS);
    assert_int_equal(server.requests, 4);
    memset(&server, 0, sizeof(server));
    server.fates[0] = BOGUS;
    run(&server, 1);
    assert_int_equal(server.requests, 1);
}

static void rounds__refusals_without_a_name_halve_the_batch(void **state)
{
    struct server server = {.requests = 0};

    (void)state;
    server.fates[123] = UNNAMED;
    run(&server, 256);
    assert_in_range(server.requests, 8,
                    8 + 256); /* found by halving; what follows goes in small batches */
}

/* Goal: however many ids are refused, named or not, a server that tells which it has is asked once, and four requests are
 * enough; what it leaves out of its answers arrives as ever. */
static void rounds__the_server_tells_which_it_has(void **state)
{
    static const unsigned strides[] = {1, 2, 10, 100, 500};

    (void)state;
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        for (int unnamed = 0; unnamed < 2; unnamed++) {
            struct server server = {.tells = true};
            for (unsigned j = 0; j < WANTS; j += strides[i])
                server.fates[j] = unnamed ? UNNAMED : BOGUS;
            run(&server, WANTS);
            assert_int_equal(server.questions, 1);
            assert_int_equal(server.requests, strides[i] == 1 ? 3 : 4);
        }
    }
    struct server shadows = {.tells = true};
    for (unsigned i = 0; i < WANTS; i++)
        shadows.fates[i] = i % 10 == 0 ? BOGUS : i % 2 ? SHADOWED : GOOD;
    run(&shadows, WANTS);
    assert_int_equal(shadows.requests, 5);
}

/* Goal: one refused id, or two of four, are no reason to ask; and it is asked once, though what it says is of no use. */
static void rounds__when_to_ask(void **state)
{
    struct trove__rounds *rounds = make(10);
    const struct trove_oid *ids;
    struct trove_oid id;

    (void)state;
    for (unsigned refused = 0; refused < 9; refused++) {
        assert_int_equal(trove__rounds_next(rounds, &ids), 10 - refused);
        assert_int_equal(trove__rounds_should_ask(rounds), refused == 2);
        if (refused == 2)
            assert_int_equal(trove__rounds_ask(rounds, &ids), 8);
        assert_int_equal(trove__rounds_next(rounds, &ids), 10 - refused);
        id = ids[0];
        assert_true(trove__rounds_refused(rounds, &id));
    }
    trove__rounds_destroy(rounds);
    rounds = make(4);
    for (unsigned refused = 0; refused < 4; refused++) {
        assert_false(trove__rounds_should_ask(rounds));
        assert_int_equal(trove__rounds_next(rounds, &ids), 4 - refused);
        id = ids[0];
        assert_true(trove__rounds_refused(rounds, &id));
    }
    trove__rounds_destroy(rounds);
}

/* Goal: an answer that broke off is asked for again, without what it brought; when two in a row brought nothing, not. */
static void rounds__broken_off_answers_go_on(void **state)
{
    struct trove__rounds *rounds = make(WANTS);
    const struct trove_oid *ids;
    size_t n, left = WANTS;

    (void)state;
    for (unsigned i = 1; i < TROVE__ROUNDS_MAX; i++) {
        struct trove_oid first;
        assert_int_equal(trove__rounds_next(rounds, &ids), left);
        first = ids[0];
        trove__rounds_arrived(rounds, &first);
        left--;
        assert_true(trove__rounds_broke_off(rounds));
    }
    n = trove__rounds_next(rounds, &ids);
    assert_int_equal(n, left);
    struct trove_oid last = ids[0];
    trove__rounds_arrived(rounds, &last);
    assert_false(trove__rounds_broke_off(rounds)); /* too often */
    trove__rounds_destroy(rounds);
}

static void rounds__two_barren_breaks_end_it(void **state)
{
    struct trove__rounds *rounds = make(WANTS);
    const struct trove_oid *ids;

    (void)state;
    assert_int_equal(trove__rounds_next(rounds, &ids), WANTS);
    assert_true(trove__rounds_broke_off(rounds));
    assert_int_equal(trove__rounds_next(rounds, &ids), WANTS);
    struct trove_oid first = ids[0];
    trove__rounds_arrived(rounds, &first);
    assert_true(trove__rounds_broke_off(rounds)); /* something came: the count begins again */
    assert_int_equal(trove__rounds_next(rounds, &ids), WANTS - 1);
    assert_true(trove__rounds_broke_off(rounds));
    assert_int_equal(trove__rounds_next(rounds, &ids), WANTS - 1);
    assert_false(trove__rounds_broke_off(rounds));
    trove__rounds_destroy(rounds);
}

static void rounds__one_id_asked_twice_counts_once(void **state)
{
    struct trove_want wants[3] = {{.id = id_of(1)}, {.id = id_of(2)}, {.id = id_of(1)}};
    struct trove__rounds *rounds;
    const struct trove_oid *ids;

    (void)state;
    assert_int_equal(trove__rounds_create(wants, 3, &rounds), 0);
    assert_int_equal(trove__rounds_next(rounds, &ids), 2);
    assert_int_not_equal(number_of(&ids[0]), number_of(&ids[1]));
    trove__rounds_destroy(rounds);
}

/* Goal: the last want leaves first, see rounds.c. */
static void rounds__the_last_want_leaves_first(void **state)
{
    struct trove__rounds *rounds = make(10);
    const struct trove_oid *ids;

    (void)state;
    assert_int_equal(trove__rounds_next(rounds, &ids), 10);
    assert_int_equal(number_of(&ids[0]), 9);
    assert_int_equal(number_of(&ids[9]), 0);
    trove__rounds_destroy(rounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds__all_good_is_one_request),
        cmocka_unit_test(rounds__shadowed_ids_come_in_later_rounds),
        cmocka_unit_test(rounds__what_never_comes_in_company_goes_alone),
        cmocka_unit_test(rounds__bogus_ids_are_taken_out),
        cmocka_unit_test(rounds__refusals_without_a_name_halve_the_batch),
        cmocka_unit_test(rounds__the_server_tells_which_it_has),
        cmocka_unit_test(rounds__when_to_ask),
        cmocka_unit_test(rounds__broken_off_answers_go_on),
        cmocka_unit_test(rounds__two_barren_breaks_end_it),
        cmocka_unit_test(rounds__one_id_asked_twice_counts_once),
        cmocka_unit_test(rounds__the_last_want_leaves_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
