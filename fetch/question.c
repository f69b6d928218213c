// SPDX-License-Identifier: MIT
/*
 * question.c - asking a server which of some ids it has.
 *
 * Silence about an id means that it is not there only where the server speaks of such objects at all. So the empty tree
 * is asked for too, which git has in every repository; from others, acknowledged trees and blobs among the wanted ids are
 * as good. Without either nothing is believed, and the ids are asked for one after the other.
 *
 * LIMITS A server that looks at its disk once, when it starts, answers for that moment: so a fresh one is asked. One that
 *        would itself fetch what it promised to somebody (git before 2.39.4) does not acknowledge that. Where the question
 *        cannot be asked (a server without wait-for-done), each id that is not there costs a request: an error that names
 *        the first of N such ids tells log2(N) bits, and which B of 1,000 are missing takes 78 bits for 10 of them, 469
 *        for 100: halving could save at most half of the requests, and costs more where few are missing.
 * TESTS  tests/unit/test_git_source.c, tests/unit/test_rounds.c, tests/unit/test_hostile.c
 */
#include "question.h"

#include <errno.h>
#include <string.h>

#include "core/memory.h"

/* What has been heard of the answer. */
struct hearing {
    struct trove__rounds *rounds;
    struct trove_oid always_there;
    bool credible;   /* it speaks of what is not a commit */
    bool are_leaves; /* the ids are of trees, or of blobs */
};

static void hear(void *context, const struct trove_oid *id)
{
    struct hearing *hearing = context;

    if (trove_oid_equal(id, &hearing->always_there))
        hearing->credible = true;
    if (trove__rounds_acknowledged(hearing->rounds, id) && hearing->are_leaves)
        hearing->credible = true;
}

/* What a server that says something else is good for: it is not asked any more. */
static void note_failure(struct trove_git *git, int status)
{
    if (status != -EPROTO && status != -EFBIG && status != -ENOTSUP)
        return;
    pthread_mutex_lock(&git->lock);
    git->server.tells = false;
    pthread_mutex_unlock(&git->lock);
}

static int ask(struct trove__transfer *transfer, const struct trove_oid *ids, size_t count,
               struct hearing *hearing)
{
    struct trove_git *git = transfer->git;
    struct trove__pooled *pooled;
    int status = trove__pool_take_fresh(git->pool, transfer->until, &pooled, NULL);

    if (status < 0)
        return status;
    trove__git_count_request(git);
    status = trove__session_ask(trove__pooled_session(pooled), ids, count, hear, hearing,
                                transfer->until, NULL);
    trove__pool_give(git->pool, pooled);
    note_failure(git, status);
    return status;
}

static void refuse_unheard(struct trove__transfer *transfer)
{
    const struct trove_oid *ids;
    size_t count = trove__rounds_believe(transfer->rounds, &ids);

    for (size_t i = 0; i < count; i++)
        trove_sink_refuse(transfer->sink, &ids[i], -ENOENT,
                          "the server says which ids it has, and this is none of them");
}

void trove__question_ask(struct trove__transfer *transfer, enum trove_type type)
{
    struct hearing hearing = {.rounds = transfer->rounds,
                              .are_leaves = type == TROVE_TREE || type == TROVE_BLOB};
    const struct trove_hash *hash = transfer->git->hash;
    const struct trove_oid *left;
    size_t count = trove__rounds_ask(transfer->rounds, &left);
    struct trove_oid *ids = trove__calloc(count + 1, sizeof(*ids));

    if (ids == NULL)
        return;
    if (hash->object_id(hash->context, TROVE_TREE, "", 0, &hearing.always_there) == 0) {
        memcpy(ids, left, count * sizeof(*ids));
        ids[count] = hearing.always_there;
        if (ask(transfer, ids, count + 1, &hearing) == 0 && hearing.credible)
            refuse_unheard(transfer);
    }
    trove__free(ids);
}
