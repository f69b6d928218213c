// SPDX-License-Identifier: MIT
/*
 * region.c - see region.h. A page that was stored into becomes writable, so that the store, and the test, can go on.
 */
#include "region.h"
#include "core/order.h"
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <trove/allocator.h>
#include <trove/cache.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE ((uintptr_t)4096)

static unsigned char *region;
static size_t region_bytes;
static _Atomic size_t used, live; /* bytes handed out; blocks not freed */
static atomic_bool frozen;
static _Thread_local bool outside;
static struct sigaction before;

static _Atomic size_t stores;
static struct region_store kept[REGION_STORES_KEPT];

static bool is_inside(const void *at)
{
    return (uintptr_t)at - (uintptr_t)region < region_bytes;
}

/* --- the allocator ------------------------------------------------------------------------------------------------ */

/* RELAXED throughout: what is handed out goes to other threads by other ways. */
static void *region_alloc(void *context, size_t size, size_t align)
{
    size_t begin, end, seen = trove__load_relaxed(&used);

    (void)context;
    if (outside)
        return aligned_alloc(align, (size + align - 1) / align * align);
    if (trove__load_relaxed(&frozen))
        return NULL;
    do {
        begin = (seen + align - 1) / align * align;
        end = begin + size;
        if (size > region_bytes || end > region_bytes)
            return NULL;
    } while (!trove__cas_relaxed(&used, &seen, end));
    trove__add_relaxed(&live, 1);
    return region + begin;
}

static void region_free(void *context, void *memory, size_t size, size_t align)
{
    (void)context, (void)size, (void)align;
    if (!is_inside(memory))
        free(memory);
    else if (trove__sub_relaxed(&live, 1) == 1) /* RELAXED, both: the last one is alone */
        trove__store_relaxed(&used, 0);
}

static size_t region_usable(void *context, size_t size, size_t align)
{
    (void)context;
    return (size + align - 1) / align * align;
}

void region_thread_init(void)
{
    outside = true;
    trove_thread_init();
    outside = false;
}

/* --- the trap ----------------------------------------------------------------------------------------------------- */

extern const char __executable_start;

static const void *code_of(void *context)
{
#ifdef __x86_64__
    ucontext_t *machine = context;

    return (const void *)((uintptr_t)machine->uc_mcontext.gregs[REG_RIP] -
                          (uintptr_t)&__executable_start);
#else
    (void)context;
    return NULL;
#endif
}

static void caught(int signal, siginfo_t *info, void *context)
{
    size_t n;

    if (!is_inside(info->si_addr) || !trove__load_relaxed(&frozen)) { /* RELAXED: set by the test */
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL); /* comes again */
        return;
    }
    n = trove__add_relaxed(&stores,
                           1); /* RELAXED: a count; the test reads when its threads are gone */
    if (n < REGION_STORES_KEPT)
        kept[n] = (struct region_store){info->si_addr, code_of(context)};
    if (mprotect((void *)((uintptr_t)info->si_addr & ~(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE) !=
        0)
        _exit(EXIT_FAILURE);
}

int region_install(size_t bytes)
{
    static const struct trove_allocator allocator = {
        .alloc = region_alloc, .free = region_free, .usable = region_usable};
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return -errno;
    region = memory;
    region_bytes = bytes;
    return trove_set_allocator(&allocator);
}

/* RELAXED, from here on: threads that read are started after it, and joined before the next. */
static void protect(bool freeze)
{
    if (mprotect(region, region_bytes, freeze ? PROT_READ : PROT_READ | PROT_WRITE) != 0)
        abort();
    trove__store_relaxed(&frozen, freeze);
}

/* The handler is there while it is needed: cmocka has one of its own around each test. */
void region_freeze(void)
{
    const struct sigaction trap = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};

    trove__store_relaxed(&stores, 0);
    if (sigaction(SIGSEGV, &trap, &before) != 0)
        abort();
    protect(true);
}

void region_thaw(void)
{
    protect(false);
    if (sigaction(SIGSEGV, &before, NULL) != 0)
        abort();
}

size_t region_stores(void)
{
    return trove__load_relaxed(&stores);
}

struct region_store region_store(size_t n)
{
    return kept[n];
}

void region_print(void)
{
    for (size_t n = 0; n < region_stores() && n < REGION_STORES_KEPT; n++)
        printf("a store to byte %zu of the region, by the code at %p of the program\n",
               (size_t)((const unsigned char *)kept[n].at - region), kept[n].code);
}
