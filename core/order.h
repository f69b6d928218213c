// SPDX-License-Identifier: MIT
/*
 * order.h - the only way to touch a word that threads share: C11 atomics with the memory order in the name.
 *
 * A default order does not exist here, so that the orders in use can be seen and searched for. Each release and acquire
 * carries the label of its edge at the call, `[E3 publish-entry]`, and so does its partner; a relaxed access says why a
 * stale value is harmless. A build that defines TROVE_ORDER_POINT(word) sees every access before it happens (schedule
 * explorers, single steppers); otherwise the hook is nothing.
 *
 * The compare-and-swap forms take a pointer to the expected value and write the value found there on failure, as C11's
 * do. Their failure order is relaxed except where the name says otherwise: a caller that follows a pointer found by a
 * failed exchange uses the acq_rel form, whose failure order is acquire.
 */
#ifndef TROVE_CORE_ORDER_H
#define TROVE_CORE_ORDER_H

#include <stdatomic.h>

#ifndef TROVE_ORDER_POINT
#define TROVE_ORDER_POINT(word) ((void)0)
#endif

/* Two lines: the adjacent-line prefetcher pulls lines in pairs, so words of different writers sit this far apart. */
#define TROVE__FALSE_SHARING_BYTES 128
#define TROVE__LINE_BYTES 64

#define trove__load_relaxed(word)                                                                  \
    (TROVE_ORDER_POINT(word), atomic_load_explicit((word), memory_order_relaxed))
#define trove__load_acquire(word)                                                                  \
    (TROVE_ORDER_POINT(word), atomic_load_explicit((word), memory_order_acquire))
#define trove__load_seq_cst(word)                                                                  \
    (TROVE_ORDER_POINT(word), atomic_load_explicit((word), memory_order_seq_cst))

#define trove__store_relaxed(word, value)                                                          \
    (TROVE_ORDER_POINT(word), atomic_store_explicit((word), (value), memory_order_relaxed))
#define trove__store_release(word, value)                                                          \
    (TROVE_ORDER_POINT(word), atomic_store_explicit((word), (value), memory_order_release))
#define trove__store_seq_cst(word, value)                                                          \
    (TROVE_ORDER_POINT(word), atomic_store_explicit((word), (value), memory_order_seq_cst))

#define trove__exchange_relaxed(word, value)                                                       \
    (TROVE_ORDER_POINT(word), atomic_exchange_explicit((word), (value), memory_order_relaxed))
#define trove__exchange_acquire(word, value)                                                       \
    (TROVE_ORDER_POINT(word), atomic_exchange_explicit((word), (value), memory_order_acquire))
#define trove__exchange_acq_rel(word, value)                                                       \
    (TROVE_ORDER_POINT(word), atomic_exchange_explicit((word), (value), memory_order_acq_rel))
#define trove__exchange_seq_cst(word, value)                                                       \
    (TROVE_ORDER_POINT(word), atomic_exchange_explicit((word), (value), memory_order_seq_cst))

#define trove__add_relaxed(word, value)                                                            \
    (TROVE_ORDER_POINT(word), atomic_fetch_add_explicit((word), (value), memory_order_relaxed))
#define trove__add_acq_rel(word, value)                                                            \
    (TROVE_ORDER_POINT(word), atomic_fetch_add_explicit((word), (value), memory_order_acq_rel))
#define trove__add_seq_cst(word, value)                                                            \
    (TROVE_ORDER_POINT(word), atomic_fetch_add_explicit((word), (value), memory_order_seq_cst))
#define trove__sub_relaxed(word, value)                                                            \
    (TROVE_ORDER_POINT(word), atomic_fetch_sub_explicit((word), (value), memory_order_relaxed))
#define trove__sub_release(word, value)                                                            \
    (TROVE_ORDER_POINT(word), atomic_fetch_sub_explicit((word), (value), memory_order_release))
#define trove__sub_acq_rel(word, value)                                                            \
    (TROVE_ORDER_POINT(word), atomic_fetch_sub_explicit((word), (value), memory_order_acq_rel))
#define trove__sub_seq_cst(word, value)                                                            \
    (TROVE_ORDER_POINT(word), atomic_fetch_sub_explicit((word), (value), memory_order_seq_cst))
#define trove__or_relaxed(word, value)                                                             \
    (TROVE_ORDER_POINT(word), atomic_fetch_or_explicit((word), (value), memory_order_relaxed))
#define trove__or_acq_rel(word, value)                                                             \
    (TROVE_ORDER_POINT(word), atomic_fetch_or_explicit((word), (value), memory_order_acq_rel))
#define trove__or_seq_cst(word, value)                                                             \
    (TROVE_ORDER_POINT(word), atomic_fetch_or_explicit((word), (value), memory_order_seq_cst))
#define trove__and_acq_rel(word, value)                                                            \
    (TROVE_ORDER_POINT(word), atomic_fetch_and_explicit((word), (value), memory_order_acq_rel))

/* Strong: they fail only when another value was there. */
#define trove__cas_relaxed(word, expected, value)                                                  \
    (TROVE_ORDER_POINT(word),                                                                      \
     atomic_compare_exchange_strong_explicit((word), (expected), (value), memory_order_relaxed,    \
                                             memory_order_relaxed))
#define trove__cas_acquire(word, expected, value)                                                  \
    (TROVE_ORDER_POINT(word),                                                                      \
     atomic_compare_exchange_strong_explicit((word), (expected), (value), memory_order_acquire,    \
                                             memory_order_relaxed))
#define trove__cas_release(word, expected, value)                                                  \
    (TROVE_ORDER_POINT(word),                                                                      \
     atomic_compare_exchange_strong_explicit((word), (expected), (value), memory_order_release,    \
                                             memory_order_relaxed))
#define trove__cas_acq_rel(word, expected, value)                                                  \
    (TROVE_ORDER_POINT(word),                                                                      \
     atomic_compare_exchange_strong_explicit((word), (expected), (value), memory_order_acq_rel,    \
                                             memory_order_acquire))
#define trove__cas_seq_cst(word, expected, value)                                                  \
    (TROVE_ORDER_POINT(word),                                                                      \
     atomic_compare_exchange_strong_explicit((word), (expected), (value), memory_order_seq_cst,    \
                                             memory_order_seq_cst))

/*
 * Fences. ThreadSanitizer follows none, so where it watches (TROVE_RCU_VISIBLE) the full fence is an access to one word
 * that everybody shares, which orders at least as much, and the acquire fence is nothing: code that uses it loads with
 * acquire itself in that build. TROVE_ORDER_EXPLORED says that the tool follows fences.
 */
#if defined(TROVE_RCU_VISIBLE) && !defined(TROVE_ORDER_EXPLORED)
extern atomic_uint trove__fence_word;
#define trove__fence_acquire() ((void)0)
#define trove__fence_seq_cst() ((void)trove__add_seq_cst(&trove__fence_word, 0))
#else
#define trove__fence_acquire() atomic_thread_fence(memory_order_acquire)
#define trove__fence_seq_cst() atomic_thread_fence(memory_order_seq_cst)
#endif

#endif
