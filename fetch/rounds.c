// SPDX-License-Identifier: MIT
/*
 * rounds.c - the bookkeeping of a request for ids.
 *
 * INVARIANTS
 *   I1 ids[] keeps the order of the wants, last one first; sorted[] has their indexes in the order of the ids.
 *   I2 the current batch holds WAITING ids only, from position batch_start up to before batch_end.
 *   I3 each pass over ids[] sends every WAITING id once; a pass that brought nothing is followed by one of single ids,
 *      and that one is the last. So at most TROVE__ROUNDS_MAX passes.
 *   I4 a refusal makes an id ABSENT or halves `limit`, and the question is asked once: whatever a server answers, there is an
 *      end.
 *
 * The last want goes out first because callers find ids from the top of a tree down: a folder that is sent before the
 * folder it lies in has been packed before a filter can leave it out, and one round is enough.
 */
#include "rounds.h"

#include <errno.h>
#include <stdlib.h>

#include "core/memory.h"

/* One id that is not there is usual, and costs one request more. A question and what follows it cost two. */
enum { ASK_AFTER_REFUSALS = 2, ASK_ABOUT_MORE_THAN = 2 };

enum state { WAITING, ARRIVED, ABSENT };

struct trove__rounds {
    size_t count;
    struct trove_oid *ids;
    uint8_t *states;
    uint32_t *sorted;
    struct trove_oid *batch;
    size_t batch_start, batch_end, batch_count;
    size_t limit;         /* ids in one batch; shrinks when the server refuses without a name */
    size_t pass_arrived;  /* in this pass */
    size_t batch_arrived; /* in this batch */
    unsigned pass, breaks, barren;
    bool alone; /* this pass sends single ids */
    unsigned refusals;
    bool asked;
    uint8_t *acknowledged; /* beside states[] */
};

static int compare_positions(const void *a, const void *b, void *context)
{
    const struct trove_oid *ids = context;

    return memcmp(&ids[*(const uint32_t *)a], &ids[*(const uint32_t *)b], sizeof(*ids));
}

/* The first place in sorted[] whose id is not below ID. */
static size_t lower_bound(const struct trove__rounds *rounds, const struct trove_oid *id)
{
    size_t low = 0, high = rounds->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(&rounds->ids[rounds->sorted[middle]], id, sizeof(*id)) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The position of ID in ids[], or count. */
static size_t find(const struct trove__rounds *rounds, const struct trove_oid *id)
{
    size_t place = lower_bound(rounds, id);

    if (place < rounds->count && trove_oid_equal(&rounds->ids[rounds->sorted[place]], id))
        return rounds->sorted[place];
    return rounds->count;
}

/* Of several equal ids only the one that find() gives is asked for. */
static void drop_duplicates(struct trove__rounds *rounds)
{
    for (size_t i = 0; i < rounds->count; i++) {
        if (find(rounds, &rounds->ids[i]) != i)
            rounds->states[i] = ARRIVED;
    }
}

int trove__rounds_create(const struct trove_want *wants, size_t count, struct trove__rounds **ret)
{
    struct trove__rounds *rounds = trove__calloc(1, sizeof(*rounds));

    if (rounds == NULL || count > UINT32_MAX)
        goto fail;
    rounds->count = rounds->limit = count;
    rounds->ids = trove__calloc(count, sizeof(*rounds->ids));
    rounds->batch = trove__calloc(count, sizeof(*rounds->batch));
    rounds->states = trove__calloc(count, sizeof(*rounds->states));
    rounds->sorted = trove__calloc(count, sizeof(*rounds->sorted));
    rounds->acknowledged = trove__calloc(count, sizeof(*rounds->acknowledged));
    if (rounds->ids == NULL || rounds->batch == NULL || rounds->states == NULL ||
        rounds->sorted == NULL || rounds->acknowledged == NULL)
        goto fail;
    for (size_t i = 0; i < count; i++) {
        rounds->ids[i] = wants[count - 1 - i].id;
        rounds->sorted[i] = (uint32_t)i;
    }
    qsort_r(rounds->sorted, count, sizeof(*rounds->sorted), compare_positions, rounds->ids);
    drop_duplicates(rounds);
    *ret = rounds;
    return 0;
fail:
    trove__rounds_destroy(rounds);
    return -ENOMEM;
}

void trove__rounds_destroy(struct trove__rounds *rounds)
{
    if (rounds == NULL)
        return;
    trove__free(rounds->ids);
    trove__free(rounds->batch);
    trove__free(rounds->states);
    trove__free(rounds->sorted);
    trove__free(rounds->acknowledged);
    trove__free(rounds);
}

/* Fills the batch from batch_start on. */
static void fill_batch(struct trove__rounds *rounds)
{
    size_t i, limit = rounds->alone ? 1 : rounds->limit;

    rounds->batch_count = 0;
    for (i = rounds->batch_start; i < rounds->count && rounds->batch_count < limit; i++) {
        if (rounds->states[i] == WAITING)
            rounds->batch[rounds->batch_count++] = rounds->ids[i];
    }
    rounds->batch_end = i;
}

/* True if one more pass may bring what is missing. */
static bool start_next_pass(struct trove__rounds *rounds)
{
    if (rounds->alone)
        return false;
    rounds->pass++;
    rounds->alone = rounds->pass_arrived == 0 || rounds->pass + 1 == TROVE__ROUNDS_MAX;
    rounds->pass_arrived = 0;
    rounds->batch_start = 0;
    return true;
}

size_t trove__rounds_next(struct trove__rounds *rounds, const struct trove_oid **ret_ids)
{
    do {
        fill_batch(rounds);
        if (rounds->batch_count != 0)
            break;
    } while (start_next_pass(rounds));
    *ret_ids = rounds->batch;
    rounds->batch_arrived = 0;
    return rounds->batch_count;
}

void trove__rounds_answered(struct trove__rounds *rounds)
{
    /* An id that went out as the only one and did not come has been asked for alone. */
    if (rounds->batch_count == 1) {
        size_t position = find(rounds, &rounds->batch[0]);
        if (rounds->states[position] == WAITING)
            rounds->states[position] = ABSENT;
    }
    rounds->batch_start = rounds->batch_end;
}

bool trove__rounds_broke_off(struct trove__rounds *rounds)
{
    /* One that brought nothing may have met a server that restarts; two in a row have not. */
    rounds->barren = rounds->batch_arrived > 0 ? 0 : rounds->barren + 1;
    return rounds->barren < 2 && ++rounds->breaks < TROVE__ROUNDS_MAX;
}

bool trove__rounds_refused(struct trove__rounds *rounds, const struct trove_oid *id)
{
    size_t position = find(rounds, id);

    if (position < rounds->batch_start || position >= rounds->batch_end ||
        rounds->states[position] != WAITING)
        return false;
    rounds->refusals++;
    rounds->states[position] = ABSENT;
    return true;
}

void trove__rounds_refused_unnamed(struct trove__rounds *rounds)
{
    rounds->refusals++;
    if (rounds->batch_count == 1)
        rounds->states[find(rounds, &rounds->batch[0])] = ABSENT;
    else
        rounds->limit = rounds->batch_count / 2;
}

bool trove__rounds_should_ask(const struct trove__rounds *rounds)
{
    size_t left = 0;

    if (rounds->asked || rounds->refusals < ASK_AFTER_REFUSALS)
        return false;
    for (size_t i = 0; i < rounds->count; i++)
        left += rounds->states[i] == WAITING;
    return left > ASK_ABOUT_MORE_THAN;
}

size_t trove__rounds_ask(struct trove__rounds *rounds, const struct trove_oid **ret_ids)
{
    size_t count = 0;

    for (size_t i = 0; i < rounds->count; i++) {
        if (rounds->states[i] == WAITING)
            rounds->batch[count++] = rounds->ids[i];
    }
    rounds->asked = true;
    *ret_ids = rounds->batch;
    return count;
}

bool trove__rounds_acknowledged(struct trove__rounds *rounds, const struct trove_oid *id)
{
    size_t position = find(rounds, id);

    if (position == rounds->count || rounds->states[position] != WAITING)
        return false;
    rounds->acknowledged[position] = true;
    return true;
}

size_t trove__rounds_believe(struct trove__rounds *rounds, const struct trove_oid **ret_ids)
{
    size_t count = 0;

    for (size_t i = 0; i < rounds->count; i++) {
        if (rounds->states[i] != WAITING || rounds->acknowledged[i])
            continue;
        rounds->states[i] = ABSENT;
        rounds->batch[count++] = rounds->ids[i];
    }
    rounds->limit = rounds->count; /* whoever was refused is out */
    *ret_ids = rounds->batch;
    return count;
}

void trove__rounds_arrived(struct trove__rounds *rounds, const struct trove_oid *id)
{
    size_t position = find(rounds, id);

    if (position == rounds->count || rounds->states[position] == ARRIVED)
        return;
    rounds->states[position] = ARRIVED;
    rounds->pass_arrived++;
    rounds->batch_arrived++;
}
