// SPDX-License-Identifier: MIT
/*
 * rcu_threads.c - which thread is in a section that a grace period of liburcu-bp waits for: records of the threads that called
 * trove. See rcu.h; the back end of rcu.c has records of its own.
 *
 * WHAT       liburcu-bp gives each thread a word that its sections write. A record remembers where it is, and whose; written
 *            once for a thread, so that sections cost nothing more. Who asks compares the words with liburcu's phase, as its
 *            grace period does: a section of the other phase is one that it waits for.
 * INVARIANTS I1 records are never freed, only handed on to later threads. I2 `tid` is 0 in a record that is not complete.
 *            I3 liburcu never gives the memory of its words back while it is loaded; another thread may get one.
 * ROLES      a thread: take, fill and give back its own record. askers: read all.
 * PROTOCOL   fill: pointers, then tid. give back: tid 0, then taken 0. An asker reads tid, the pointers, what they point at, and
 *            tid again: unchanged, all of it was of that thread.
 *            The depth of a thread's own sections is in its thread-local storage, written without any order, and gone with the
 *            thread. So the kernel reads it, as it would for a debugger, and says so if it is not there.
 * EDGES
 *   E1 taken    give_back() release -> take() acquire            the record, to the thread that has it next
 *   E2 known    trove__thread_know() release -> look_at() acquire    the pointers of a complete record, both ways round the tid
 *   E3 pages    add_page() release -> first_page() acquire       a page of free records
 * PROGRESS   lock-free but for liburcu's registration and the kernel.
 * LIMITS     A thread that used liburcu-bp itself before it called trove, and does nothing in trove but read, is not known. Where
 *            process_vm_readv() is forbidden, the host's own sections count as trove's.
 * TESTS      tests/unit/test_holdup.c, tests/explore/test_explore_holder.c
 */
#include "core/rcu.h"

#ifndef TROVE_RCU_VISIBLE

#include "core/order.h"
#include <assert.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <urcu/static/urcu-bp.h>

#define PAGE_BYTES 4096

struct record {
    _Alignas(TROVE__LINE_BYTES) atomic_uint taken;
    atomic_int tid;                     /* I2 */
    _Atomic(const atomic_ulong *) word; /* liburcu's; it stores there as to any shared word */
    _Atomic(const unsigned *) depth;    /* of the thread's own sections; never read directly */
};

#define RECORDS (PAGE_BYTES / sizeof(struct record) - 1)

struct page {
    struct page *next;
    struct record records[RECORDS];
};

static_assert(sizeof(struct page) <= PAGE_BYTES, "a page of records is a page");
static_assert(offsetof(struct urcu_bp_reader, ctr) == 0, "the word comes first");

/* Static for the process, as threads are. */
static _Atomic(struct page *) pages;
static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static bool has_exit_key;

/* --- a thread's own record ---------------------------------------------------------------------------------------- */

static void give_back(void *memory)
{
    struct record *record = memory;

    /* RELEASE [E2 known]: what an asker finds changed later was changed after this. Pairs with look_at(). */
    trove__store_release(&record->tid, 0);
    /* RELEASE [E1 taken]: pairs with take(). */
    trove__store_release(&record->taken, 0);
}

static void make_exit_key(void)
{
    has_exit_key = pthread_key_create(&exit_key, give_back) == 0;
}

static struct page *first_page(void)
{
    /* ACQUIRE [E3 pages]: pairs with add_page(). */
    return trove__load_acquire(&pages);
}

/* Zeroed by the kernel: free records. They outlive every cache and allocator, so they come from neither. */
static struct page *add_page(void)
{
    struct page *page =
        mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return NULL;
    page->next = first_page();
    /* RELEASE [E3 pages]: pairs with first_page(); the pages of others stay in the release sequence. */
    while (!trove__cas_acq_rel(&pages, &page->next, page))
        ;
    return page;
}

static struct record *take_in(struct page *page)
{
    for (size_t i = 0; i < RECORDS; i++) {
        unsigned nobody = 0;

        /* ACQUIRE [E1 taken]: pairs with give_back(). */
        if (trove__cas_acquire(&page->records[i].taken, &nobody, 1))
            return &page->records[i];
    }
    return NULL;
}

static struct record *take(void)
{
    struct record *record = NULL;

    for (struct page *page = first_page(); page != NULL && record == NULL; page = page->next)
        record = take_in(page);
    while (record == NULL) { /* others may take all of a new page first */
        struct page *page = add_page();
        if (page == NULL)
            return NULL;
        record = take_in(page);
    }
    return record;
}

_Thread_local unsigned trove__section_depth;

static void know_once(void)
{
    struct record *record;

    pthread_once(&exit_key_once, make_exit_key);
    if (!has_exit_key || pthread_getspecific(exit_key) != NULL)
        return;
    record = take();
    if (record == NULL || pthread_setspecific(exit_key, record) != 0) {
        if (record != NULL)
            give_back(record);
        return; /* a thread without a name */
    }
    /* RELEASE [E2 known], all three: pair with look_at(). */
    trove__store_release(&record->word, (const atomic_ulong *)(void *)URCU_TLS(urcu_bp_reader));
    trove__store_release(&record->depth, &trove__section_depth);
    trove__store_release(&record->tid, gettid());
}

#ifdef __SANITIZE_ADDRESS__
_Thread_local bool trove__thread_known;
#endif

void trove__thread_know(void)
{
#ifdef __SANITIZE_ADDRESS__
    trove__thread_known = true;
#endif
    if (URCU_TLS(urcu_bp_reader) == NULL)
        urcu_bp_register();
    know_once();
}

void trove__threads_after_fork(void)
{
    struct record *own = has_exit_key ? pthread_getspecific(exit_key) : NULL;

    for (struct page *page = first_page(); page != NULL; page = page->next)
        for (size_t i = 0; i < RECORDS; i++)
            if (&page->records[i] != own)
                give_back(&page->records[i]);
    if (own != NULL)
        trove__store_release(&own->tid, gettid()); /* [E2 known]: one thread is left */
}

/* --- who asks ----------------------------------------------------------------------------------------------------- */

/* Whether liburcu's WORD is that of a section that a grace period waits for. */
static bool is_old(const atomic_ulong *word)
{
    /* RELAXED, both: a moment's look, repeated by whoever wants to know more. */
    unsigned long section = trove__load_relaxed((atomic_ulong *)(uintptr_t)word);
    unsigned long now = trove__load_relaxed((atomic_ulong *)(void *)&urcu_bp_gp.ctr);

    return (section & URCU_BP_GP_CTR_NEST_MASK) != 0 &&
           ((section ^ now) & URCU_BP_GP_CTR_PHASE) != 0;
}

static bool is_outside(const unsigned *depth)
{
    unsigned value = 0;
    struct iovec here = {&value, sizeof(value)}, there = {(void *)(uintptr_t)depth, sizeof(value)};

    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == sizeof(value) && value == 0;
}

static bool look_at(struct record *record, struct trove__holder *ret_holder)
{
    /* ACQUIRE [E2 known], all four: pair with know_once() and give_back(). */
    int tid = trove__load_acquire(&record->tid);
    const atomic_ulong *word = trove__load_acquire(&record->word);
    const unsigned *depth = trove__load_acquire(&record->depth);

    if (tid == 0 || !is_old(word))
        return false;
    *ret_holder = (struct trove__holder){.tid = tid, .is_trove = !is_outside(depth)};
    return trove__load_acquire(&record->tid) == tid && is_old(word);
}

bool trove__grace_holder(struct trove__holder *ret_holder)
{
    struct trove__holder holder;
    bool found = false;

    for (struct page *page = first_page(); page != NULL; page = page->next)
        for (size_t i = 0; i < RECORDS; i++) {
            if (!look_at(&page->records[i], &holder))
                continue;
            *ret_holder = holder;
            found = true;
            if (holder.is_trove)
                return true;
        }
    return found;
}

#endif
