// SPDX-License-Identifier: MIT
/*
 * plain_memory.c - the memory of a run, and its plain accesses: races between them, and accesses to what is free.
 *
 * The explored sources are compiled with -fsanitize=thread, and this is the runtime that they call: each plain access comes
 * in here, and is held against the vector clocks, byte by byte. Only memory of the run is looked at: what threads share is
 * there. Each thread allocates from a part of the arena of its own, so that addresses are the same in each run.
 */
#include "explored.h"
#include "explorer_internal.h"
#include <stdlib.h>

#undef memset
#undef memcpy
#undef memcmp

#define PART_BYTES (ARENA_BYTES / THREADS)
#define UNIT_BYTES 32
#define PAGE_BYTES 256
#define BLOCKS_MAX 4096
#define NOT_MAPPED (64 << 10) /* the first so many bytes, on every Linux */

static _Alignas(4096) char arena[ARENA_BYTES];
static size_t part_used[THREADS];

/* An allocation. */
static struct block {
    uint32_t start, bytes;
    uint32_t made_by, made_at;
    bool is_free;
} blocks[BLOCKS_MAX];
static unsigned block_count;
static uint16_t block_of[ARENA_BYTES / UNIT_BYTES]; /* from 1 */

/* When a byte was last written and read as plain memory. */
static struct shadow {
    uint16_t written_at, writer;
    uint16_t read_at[EXPLORER_THREADS];
} shadows[ARENA_BYTES];
static uint64_t page_run[ARENA_BYTES / PAGE_BYTES]; /* whose the page's shadows are */

static const void *statics[STATICS];
static unsigned static_count;

void plain_memory_begin(void)
{
    for (unsigned i = 0; i < block_count; i++)
        for (uint32_t at = blocks[i].start; at < blocks[i].start + blocks[i].bytes;
             at += UNIT_BYTES)
            block_of[at / UNIT_BYTES] = 0;
    memset(part_used, 0, sizeof(part_used));
    block_count = 0;
}

static bool in_arena(const void *address)
{
    return (const char *)address >= arena && (const char *)address < arena + ARENA_BYTES;
}

static void check_pointer(const void *address)
{
    if ((uintptr_t)address < NOT_MAPPED)
        complain("access through a null pointer");
}

uint32_t place_of(const void *address)
{
    unsigned i = 0;

    check_pointer(address);
    if (in_arena(address))
        return (uint32_t)((const char *)address - arena);
    while (i < static_count && statics[i] != address)
        i++;
    if (i == STATICS)
        complain("more than %u static words", STATICS);
    if (i == static_count)
        statics[static_count++] = address;
    return (uint32_t)(ARENA_BYTES + i);
}

/* --- allocation --------------------------------------------------------------------------------------------------- */

void *explorer_alloc(size_t size, size_t align)
{
    size_t unit = align > UNIT_BYTES ? align : UNIT_BYTES, *used = &part_used[run.current];
    size_t start = (*used + unit - 1) & ~(unit - 1);
    size_t bytes = (size + UNIT_BYTES - 1) & ~(size_t)(UNIT_BYTES - 1);
    struct block *block = &blocks[block_count];

    if (block_count == BLOCKS_MAX || start + bytes + UNIT_BYTES > PART_BYTES)
        complain("a thread needs more memory than there is for it");
    *used = start + bytes + UNIT_BYTES; /* a unit that is nobody's */
    start += run.current * PART_BYTES;
    block_count++;
    *block = (struct block){(uint32_t)start, (uint32_t)bytes, run.current,
                            self()->view.before.at[run.current], false};
    for (size_t at = start; at < start + bytes; at += UNIT_BYTES)
        block_of[at / UNIT_BYTES] = (uint16_t)block_count;
    return arena + start;
}

static struct block *block_at(const void *address, size_t size)
{
    size_t at = (size_t)((const char *)address - arena);
    unsigned number = block_of[at / UNIT_BYTES];
    struct block *block;

    if (number == 0)
        complain("access outside all allocations");
    block = &blocks[number - 1];
    if (at + size > block->start + block->bytes)
        complain("access past the end of an allocation");
    if (block->is_free)
        complain("access to memory that is free");
    return block;
}

static struct shadow *shadow_at(size_t at)
{
    size_t page = at / PAGE_BYTES;

    if (page_run[page] != run.number) {
        page_run[page] = run.number;
        memset(&shadows[page * PAGE_BYTES], 0, PAGE_BYTES * sizeof(struct shadow));
    }
    return &shadows[at];
}

static bool is_before(unsigned thread, unsigned at)
{
    return at <= self()->view.before.at[thread];
}

static bool was_read_before(const struct shadow *shadow)
{
    for (unsigned i = 1; i < THREADS; i++)
        if (!is_before(i, shadow->read_at[i - 1]))
            return false;
    return true;
}

void explorer_free(void *memory)
{
    struct block *block = block_at(memory, 1);

    for (uint32_t at = block->start; at < block->start + block->bytes; at++) {
        const struct location *location = location_find(at);
        const struct shadow *shadow = shadow_at(at);

        if (!is_before(shadow->writer, shadow->written_at) || !was_read_before(shadow) ||
            (location != NULL && !location_is_settled(location, true)))
            complain("memory is freed that another thread may still use");
    }
    block->is_free = true;
}

bool explorer_is_free(const void *memory)
{
    unsigned number = block_of[(size_t)((const char *)memory - arena) / UNIT_BYTES];

    return number != 0 && blocks[number - 1].is_free;
}

/* --- accesses ----------------------------------------------------------------------------------------------------- */

static void access_byte(size_t at, bool writes)
{
    struct shadow *shadow = shadow_at(at);
    const struct location *location = location_find((uint32_t)at);

    if (!is_before(shadow->writer, shadow->written_at) || (writes && !was_read_before(shadow)) ||
        (location != NULL && !location_is_settled(location, writes)))
        complain("data race: a plain %s at byte %zu of an allocation", writes ? "write" : "read",
                 at - blocks[block_of[at / UNIT_BYTES] - 1].start);
    if (writes) {
        shadow->writer = (uint16_t)run.current;
        shadow->written_at = self()->view.before.at[run.current];
    } else {
        shadow->read_at[run.current - 1] = self()->view.before.at[run.current];
    }
}

static void access_plain(const void *address, size_t size, bool writes)
{
    size_t at = (size_t)((const char *)address - arena);
    const struct block *block;

    if (size == 0)
        return;
    check_pointer(address);
    if (!in_arena(address))
        return;
    block = block_at(address, size);
    if (!in_thread())
        return; /* all happened before, or will happen after */
    if (!is_before(block->made_by, block->made_at))
        complain("data race: a plain access to memory whose making did not happen before");
    for (size_t i = 0; i < size; i++)
        access_byte(at + i, writes);
}

void check_word(const void *word, unsigned size, bool writes, uint32_t *ret_made_by,
                uint32_t *ret_made_at)
{
    const struct shadow *shadow;
    const struct block *block;

    *ret_made_by = *ret_made_at = 0;
    if (!in_arena(word))
        return;
    block = block_at(word, size);
    *ret_made_by = block->made_by;
    *ret_made_at = block->made_at;
    if (!in_thread())
        return;
    if (!is_before(block->made_by, block->made_at))
        complain("a word is used whose making did not happen before");
    shadow = shadow_at((size_t)((const char *)word - arena));
    if (!is_before(shadow->writer, shadow->written_at) || (writes && !was_read_before(shadow)))
        complain("data race: a word is used that is accessed as plain memory");
}

/* --- what the compiler's instrumentation and explored.h call -------------------------------------------------------- */

void *explored_memset(void *to, int byte, size_t size)
{
    struct block *block;

    if (!in_arena(to))
        return memset(to, byte, size);
    block = block_at(to, size);
    if (size >= PAGE_BYTES && (const char *)to == arena + block->start &&
        block->made_by == run.current)
        block->made_at = self()->view.before.at[run.current]; /* all of it is new now */
    else
        access_plain(to, size, true);
    return memset(to, byte, size);
}

void *explored_memcpy(void *to, const void *from, size_t size)
{
    access_plain(from, size, false);
    access_plain(to, size, true);
    return memcpy(to, from, size);
}

int explored_memcmp(const void *a, const void *b, size_t size)
{
    access_plain(a, size, false);
    access_plain(b, size, false);
    return memcmp(a, b, size);
}

#define INSTRUMENTED(size)                                                                         \
    void __tsan_read##size(const void *address);                                                   \
    void __tsan_read##size(const void *address)                                                    \
    {                                                                                              \
        access_plain(address, size, false);                                                        \
    }                                                                                              \
    void __tsan_write##size(const void *address);                                                  \
    void __tsan_write##size(const void *address)                                                   \
    {                                                                                              \
        access_plain(address, size, true);                                                         \
    }                                                                                              \
    void __tsan_unaligned_read##size(const void *address);                                         \
    void __tsan_unaligned_read##size(const void *address)                                          \
    {                                                                                              \
        access_plain(address, size, false);                                                        \
    }                                                                                              \
    void __tsan_unaligned_write##size(const void *address);                                        \
    void __tsan_unaligned_write##size(const void *address)                                         \
    {                                                                                              \
        access_plain(address, size, true);                                                         \
    }

INSTRUMENTED(1)
INSTRUMENTED(2)
INSTRUMENTED(4)
INSTRUMENTED(8)
INSTRUMENTED(16)

void __tsan_read_range(const void *address, unsigned long size);
void __tsan_read_range(const void *address, unsigned long size)
{
    access_plain(address, size, false);
}

void __tsan_write_range(const void *address, unsigned long size);
void __tsan_write_range(const void *address, unsigned long size)
{
    access_plain(address, size, true);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(const void *caller);
void __tsan_func_entry(const void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}
