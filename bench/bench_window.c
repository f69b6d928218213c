// SPDX-License-Identifier: MIT
/*
 * bench_window.c - what bounds how many lookups a core has under way at once?
 *
 * Question  What does a lookup, reduced to two dependent lines and one comparison of what it found, cost more when 20
 *           instructions of one kind are added that have nothing to wait for?
 * Fixed     2^18 buckets of a line and 2^20 objects of 128 bytes in huge pages, as far as the kernel gives them; random
 *           places, each new; one thread.
 * Varied    the kind: nothing, nops, integer results, comparisons (flags alone), vector results, loads of a line that is
 *           in the first cache.
 * Method    rounds; in a round each kind's 2^17 lookups once, in turn; nanoseconds of the thread's time a lookup, medians
 *           over the rounds. The sum of what was found is checked.
 */
#include "bench/keys.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#if defined(__x86_64__)

#define BUCKETS ((size_t)1 << 18)
#define OBJECTS ((size_t)1 << 20)
#define LOOKUPS ((size_t)1 << 17)
#define HUGE_PAGE ((size_t)2 << 20)
#define ROUNDS 11

struct object {
    uint64_t size, rest[15];
};

struct bucket {
    const struct object *slots[8];
};

static struct bucket *buckets;
static struct object *objects;
static uint32_t *places; /* of slots */

#define LOOKUP_LOOP(name, added)                                                                   \
    static __attribute__((noinline)) uint64_t name(void)                                           \
    {                                                                                              \
        uint64_t sum = 0, scratch __attribute__((unused));                                         \
                                                                                                   \
        for (size_t i = 0; i < LOOKUPS; i++) {                                                     \
            uint32_t place = places[i];                                                            \
            const struct object *object = buckets[place >> 3].slots[place & 7];                    \
                                                                                                   \
            added;                                                                                 \
            if (object->size != 0) /* predicted, as a comparison of ids is */                      \
                sum += object->size;                                                               \
        }                                                                                          \
        return sum;                                                                                \
    }

#define TWENTY(instruction) ".rept 20\n\t" instruction "\n\t.endr"
#define NOPS __asm__ __volatile__(TWENTY("nop"))
#define INTEGERS __asm__ __volatile__(TWENTY("lea 1(%1), %0") : "=&r"(scratch) : "r"(i))
#define FLAGS __asm__ __volatile__(TWENTY("cmp $1, %0") : : "r"(i) : "cc")
#define VECTORS __asm__ __volatile__(TWENTY("paddd %%xmm14, %%xmm15") : : : "xmm15")
#define LOADS                                                                                      \
    __asm__ __volatile__(TWENTY("mov (%1), %0") : "=&r"(scratch) : "r"(&buckets) : "memory")

LOOKUP_LOOP(with_nothing, (void)0)
LOOKUP_LOOP(with_nops, NOPS)
LOOKUP_LOOP(with_integers, INTEGERS)
LOOKUP_LOOP(with_flags, FLAGS)
LOOKUP_LOOP(with_vectors, VECTORS)
LOOKUP_LOOP(with_loads, LOADS)

static const struct {
    const char *name;
    uint64_t (*run)(void);
} kinds[] = {
    {"nothing more", with_nothing},        {"20 nops", with_nops},
    {"20 integer results", with_integers}, {"20 comparisons", with_flags},
    {"20 vector results", with_vectors},   {"20 loads", with_loads},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void *huge(size_t size)
{
    unsigned char *memory =
        mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    memory += HUGE_PAGE - (uintptr_t)memory % HUGE_PAGE;
    madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

static void fill(void)
{
    buckets = huge(BUCKETS * sizeof(*buckets));
    objects = huge(OBJECTS * sizeof(*objects));
    places = huge(LOOKUPS * sizeof(*places));
    for (size_t i = 0; i < OBJECTS; i++)
        objects[i].size = 80;
    for (size_t i = 0; i < BUCKETS * 8; i++)
        buckets[i / 8].slots[i % 8] = &objects[bench_mix(i) % OBJECTS];
}

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double measure(size_t kind, size_t seed)
{
    double begin;

    for (size_t i = 0; i < LOOKUPS; i++)
        places[i] = (uint32_t)(bench_mix(seed * LOOKUPS + i) % (BUCKETS * 8));
    begin = now_ns();
    if (kinds[kind].run() != LOOKUPS * 80) {
        fprintf(stderr, "bench_window: a lookup went wrong\n");
        exit(1);
    }
    return (now_ns() - begin) / (double)LOOKUPS;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(void)
{
    static double times[KINDS][ROUNDS];

    fill();
    for (size_t r = 0; r < ROUNDS; r++) {
        measure(r % KINDS, r); /* whoever runs first pays for all */
        for (size_t k = 0; k < KINDS; k++)
            times[(r + k) % KINDS][r] = measure((r + k) % KINDS, r * KINDS + k + ROUNDS);
    }
    printf("%-20s %12s %8s %8s\n", "ns a lookup, with", "median", "least", "most");
    for (size_t k = 0; k < KINDS; k++) {
        qsort(times[k], ROUNDS, sizeof(times[k][0]), compare);
        printf("%-20s %12.1f %8.1f %8.1f\n", kinds[k].name, times[k][ROUNDS / 2], times[k][0],
               times[k][ROUNDS - 1]);
    }
    return 0;
}

#else

int main(void)
{
    fprintf(stderr, "bench_window: for x86-64 alone\n");
    return 0;
}

#endif
