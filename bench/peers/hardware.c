// SPDX-License-Identifier: MIT
/*
 * hardware.c - two random lines an operation, over the footprint of trove's table and of its objects, and nothing else.
 *
 * Configuration  as many lines as trove's table has (peer_trove_lines), and a block of 128 bytes for each object. No hash: the
 *                id's first words are as random as one. `dependent`: the first line holds the number of the second, as any
 *                table that holds pointers must. `independent`: both are known from the id, which no table can do.
 * Misses         have no meaning here.
 */
#include <sys/mman.h>

#include "bench/peers.h"

struct lines {
    const uint64_t *table;           /* one word of each line is used */
    const struct peer_object *block; /* PEER_BLOCK bytes each */
    uint64_t line_mask, block_mask;
};

/* Which of the two this lane asks for decides the file's two sets of loops. */
static inline size_t block_size_at(const struct lines *lines, uint64_t index)
{
    const char *blocks = (const char *)lines->block;

    return ((const struct peer_object *)(const void *)(blocks +
                                                       (index & lines->block_mask) * PEER_BLOCK))
        ->size;
}

static inline size_t find_dependent(const struct lines *lines, const struct trove_oid *id)
{
    uint64_t word;

    memcpy(&word, id->bytes, sizeof(word));
    return block_size_at(lines, lines->table[(word & lines->line_mask) * 8]);
}

static inline size_t find_independent(const struct lines *lines, const struct trove_oid *id)
{
    uint64_t words[2];

    memcpy(words, id->bytes, sizeof(words));
    /* The upper half of what the table holds is 0. */
    return block_size_at(lines, words[1]) + (lines->table[(words[0] & lines->line_mask) * 8] >> 32);
}

static uint64_t dependent_plain(struct peer_lane *lane, const struct trove_oid *ids, size_t count)
{
    const struct lines lines = *(const struct lines *)lane->table;
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += find_dependent(&lines, &ids[i]);
    return sum;
}

static uint64_t dependent_chain(struct peer_lane *lane, const struct trove_oid *ids, size_t count)
{
    const struct lines lines = *(const struct lines *)lane->table;
    uint64_t sum = 0;
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        size = find_dependent(&lines, &ids[i + (size & 1)]);
        sum += size;
    }
    return sum;
}

static uint64_t independent_plain(struct peer_lane *lane, const struct trove_oid *ids, size_t count)
{
    const struct lines lines = *(const struct lines *)lane->table;
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += find_independent(&lines, &ids[i]);
    return sum;
}

static uint64_t independent_chain(struct peer_lane *lane, const struct trove_oid *ids, size_t count)
{
    const struct lines lines = *(const struct lines *)lane->table;
    uint64_t sum = 0;
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        size = find_independent(&lines, &ids[i + (size & 1)]);
        sum += size;
    }
    return sum;
}

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        peer_die("hardware", "no memory");
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

static size_t power_of_two(size_t least)
{
    size_t power = 1;

    while (power < least)
        power *= 2;
    return power;
}

static void *open_lines(size_t objects)
{
    struct lines *lines = malloc(sizeof(*lines));
    size_t line_count = power_of_two(peer_trove_lines > 0 ? peer_trove_lines : objects / 2);
    size_t block_count = power_of_two(objects);
    uint64_t *table = map(line_count * 64);
    char *blocks = map(block_count * PEER_BLOCK);

    if (lines == NULL)
        peer_die("hardware", "no memory");
    for (size_t i = 0; i < line_count; i++)
        table[i * 8] = bench_mix(i) >> 32;
    for (size_t i = 0; i < block_count; i++) {
        struct peer_object *block = (struct peer_object *)(void *)(blocks + i * PEER_BLOCK);

        block->size = BENCH_OBJECT_BYTES;
    }
    *lines = (struct lines){table, (const struct peer_object *)(const void *)blocks, line_count - 1,
                            block_count - 1};
    return lines;
}

static struct peer hardware_dependent = {
    .name = "hardware dependent",
    .rank = 100,
    .traits = PEER_HARDWARE | PEER_LARGE,
    .open = open_lines,
    .plain = dependent_plain,
    .chain = dependent_chain,
};

static struct peer hardware_independent = {
    .name = "hardware independent",
    .rank = 101,
    .traits = PEER_HARDWARE | PEER_LARGE,
    .shares = &hardware_dependent,
    .plain = independent_plain,
    .chain = independent_chain,
};

PEER_REGISTER(hardware_dependent)
PEER_REGISTER(hardware_independent)
