// SPDX-License-Identifier: MIT
/*
 * test_keyed_hash.c - of the hash that this file is compiled for (words; blocks in test_keyed_hash_blocks): ids that somebody chose spread as random ones do, and every bit of id and secret counts.
 */
#include "core/keyed_hash.h"
#include "support.h"
#include <stdio.h>
#include <string.h>

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static void fill(void *bytes, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)mix(seed * 1000003 + i);
}

static struct trove__secret secret_of(uint64_t seed)
{
    struct trove__secret secret;

    fill(&secret, sizeof(secret), seed + 1);
    return secret;
}

static uint64_t hash_of(const struct trove__secret *secret, const uint8_t *id, enum trove_algo algo)
{
    const struct trove__needle needle = trove__needle_of(id, algo);

    return trove__keyed_hash(secret, &needle, algo);
}

#if defined(TROVE__NEEDLE_BLOCKS)
#define KIND "blocks"
static bool can_run(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("aes");
}
static unsigned secret_words(enum trove_algo algo)
{
    (void)algo;
    return 8;
}
/* Of the last key but one, what the last round carries into the half that is not used. */
#define IDLE_BITS 64
#else
#define KIND "words"
static bool can_run(void)
{
    return true;
}
static unsigned secret_words(enum trove_algo algo)
{
    return algo == TROVE_SHA1 ? 4 : 5;
}
#define IDLE_BITS 0
#endif

#define FLIPS 2000

/* Goal: each bit of the id moves each bit of the hash in half of the cases. Method: FLIPS random ids and secrets for each
 * bit; a count is a binomial of mean 1000 and deviation 22, there are 26,624 of them, and seven deviations are allowed. */
static void keyed_hash__every_id_bit_moves_every_bit(void **state)
{
    (void)state;
    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++) {
        for (unsigned bit = 0; bit < trove_oid_bytes(algo) * 8; bit++) {
            unsigned counts[64] = {0};

            for (unsigned t = 0; t < FLIPS; t++) {
                struct trove__secret secret = secret_of(t);
                uint8_t id[32];
                uint64_t before, changed;

                fill(id, sizeof(id), t + 7777777);
                before = hash_of(&secret, id, algo);
                id[bit / 8] ^= (uint8_t)(1 << bit % 8);
                changed = before ^ hash_of(&secret, id, algo);
                for (unsigned out = 0; out < 64; out++)
                    counts[out] += changed >> out & 1;
            }
            for (unsigned out = 0; out < 64; out++)
                assert_in_range(counts[out], FLIPS / 2 - 7 * 22, FLIPS / 2 + 7 * 22);
        }
    }
}

/* Goal: no bit of the secret is idle but for those that must be. Method: 64 ids for each; k2's highest bit counts only for ids whose rest is odd. */
static void keyed_hash__every_secret_bit_counts(void **state)
{
    (void)state;
    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++) {
        unsigned words = secret_words(algo), idle = 0;

        for (unsigned bit = 0; bit < words * 64; bit++) {
            unsigned changed = 0;

            for (unsigned t = 0; t < 64; t++) {
                struct trove__secret secret = secret_of(t);
                uint8_t id[32];
                uint64_t before;

                fill(id, sizeof(id), t + 999);
                before = hash_of(&secret, id, algo);
                secret.key[bit / 64] ^= (uint64_t)1 << bit % 64;
                changed += hash_of(&secret, id, algo) != before;
            }
            if (changed == 0)
                idle++;
            else
                assert_in_range(changed, 12, 64);
        }
        assert_int_equal(idle, IDLE_BITS);
    }
}

/* A word of N, as a stranger might choose it to make positions line up. */
#define SHAPES 44
static uint64_t shape_of(unsigned shape, unsigned n)
{
    if (shape < 20) /* counters at a stride of a power of two */
        return (uint64_t)n << shape;
    if (shape < 40) /* the same in a word of ones */
        return ~((uint64_t)n << (shape - 20));
    switch (shape) {
    case 40:
        return __builtin_bswap32(n); /* most significant byte first */
    case 41:
        return n ^ n >> 1; /* a Gray code */
    case 42:
        return n * (uint64_t)0x9e3779b1; /* a stride that is no power of two */
    default:
        return n * (uint64_t)n;
    }
}

/* Which words of the id have it: each alone, pairs, all. The last word is SHA-1's half one. */
#define PLACES 6
static void id_of_family(unsigned family, unsigned n, uint8_t id[32])
{
    static const uint8_t places[PLACES] = {1, 2, 4, 3, 5, 7};
    uint64_t words[4] = {0};

    for (unsigned w = 0; w < 3; w++)
        if (places[family % PLACES] >> w & 1)
            words[w] = shape_of(family / PLACES, n);
    memcpy(id, words, 32);
}

#define FAMILIES (SHAPES * PLACES)
#define IDS 2048
#define BUCKETS 256 /* top bits */

struct spread {
    unsigned fullest, twins;
};

/* How ids of a family spread: the fullest of BUCKETS, and how many share bucket and tag with another. */
static struct spread spread_of(unsigned family, const struct trove__secret *secret,
                               enum trove_algo algo)
{
    static unsigned char seen[BUCKETS * 65536 / 8];
    static uint64_t hashes[IDS];
    unsigned loads[BUCKETS] = {0};
    struct spread spread = {0};

    for (unsigned n = 0; n < IDS; n++) {
        uint8_t id[32];

        id_of_family(family, n, id);
        hashes[n] = hash_of(secret, id, algo);
    }
    for (unsigned n = 0; n < IDS; n++) {
        unsigned bucket = (unsigned)(hashes[n] >> 56),
                 place = bucket << 16 | (unsigned)(hashes[n] & 0xffff);

        if (++loads[bucket] > spread.fullest)
            spread.fullest = loads[bucket];
        spread.twins += seen[place / 8] >> place % 8 & 1;
        seen[place / 8] |= (unsigned char)(1 << place % 8);
    }
    for (unsigned n = 0; n < IDS; n++)
        seen[(hashes[n] >> 56 << 16 | (hashes[n] & 0xffff)) / 8] = 0;
    return spread;
}

/*
 * Goal: chosen ids fill no bucket, and no bucket and tag, more than random ones. Method: 264 families, 40 secrets. A load
 * is about Poisson of mean 8: above 36 once in 10^12 buckets. Twins have a mean of 0.13.
 */
static void keyed_hash__chosen_ids_spread(void **state)
{
    (void)state;
    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++) {
        struct spread worst = {0};

        for (unsigned s = 0; s < 40; s++) {
            struct trove__secret secret = secret_of(s + 31337);

            for (unsigned family = 0; family < FAMILIES; family++) {
                struct spread spread = spread_of(family, &secret, algo);

                if (spread.fullest > worst.fullest)
                    worst.fullest = spread.fullest;
                if (spread.twins > worst.twins)
                    worst.twins = spread.twins;
            }
        }
        printf("fullest bucket %u (mean %u), most twins %u\n", worst.fullest, IDS / BUCKETS,
               worst.twins);
        assert_in_range(worst.fullest, IDS / BUCKETS, 36);
        assert_in_range(worst.twins, 0, 8);
    }
}

/* Goal: two secrets of one process differ. */
static void keyed_hash__secrets_differ(void **state)
{
    struct trove__secret a, b;

    (void)state;
    assert_int_equal(trove__secret_draw(&a), 0);
    assert_int_equal(trove__secret_draw(&b), 0);
    for (unsigned i = 0; i < 8; i++)
        assert_true(a.key[i] != b.key[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keyed_hash__every_id_bit_moves_every_bit),
        cmocka_unit_test(keyed_hash__every_secret_bit_counts),
        cmocka_unit_test(keyed_hash__chosen_ids_spread),
        cmocka_unit_test(keyed_hash__secrets_differ),
    };

    if (!can_run()) {
        printf("SKIPPED: this machine has no instructions for the hash of %s\n", KIND);
        return 0;
    }
    printf("the hash of %s\n", KIND);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
