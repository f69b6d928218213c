// SPDX-License-Identifier: MIT
/*
 * explored.h - included before everything in the explored build: C11's atomics, as core/order.h uses them, become calls into
 * the explorer, and so does what can sleep or look at the clock.
 *
 * Each access is a site of its own in a table that the linker makes, so that a mutant can weaken one without compiling
 * anything again. Plain accesses come in by themselves: the compiler instruments them as for ThreadSanitizer, and
 * plain_memory.c is the runtime that it calls.
 */
#ifndef TROVE_TESTS_EXPLORED_H
#define TROVE_TESTS_EXPLORED_H

/* Accesses nest, and so do their sites. */
#pragma GCC diagnostic ignored "-Wshadow"

#define TROVE_ORDER_EXPLORED 1 /* order.h: fences are fences */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum explored_kind {
    EXPLORED_LOAD,
    EXPLORED_STORE,
    EXPLORED_ADD, /* and the next three: what is done to the word */
    EXPLORED_OR,
    EXPLORED_AND,
    EXPLORED_EXCHANGE,
    EXPLORED_CAS,
    EXPLORED_FENCE,
    EXPLORED_NOTHING, /* a fence that a mutant took away */
};

/* One access in the sources. The orders are C11's, as written and as explored: a mutant's are weaker. */
struct explored_site {
    const char *file, *function;
    int line;
    enum explored_kind kind, kind_now;
    int order, failure;
    int order_now, failure_now;
};

uint64_t explored_load(const struct explored_site *site, const void *word, unsigned size);
void explored_store(const struct explored_site *site, void *word, unsigned size, uint64_t value);
uint64_t explored_change(const struct explored_site *site, void *word, unsigned size,
                         uint64_t operand);
bool explored_cas(const struct explored_site *site, void *word, unsigned size, void *expected,
                  uint64_t value);
void explored_fence(const struct explored_site *site);
void explored_init(void *word, unsigned size, uint64_t value);

/* The calls that come afterwards find these instead of the C library's. */
void *explored_memset(void *to, int byte, size_t size);
void *explored_memcpy(void *to, const void *from, size_t size);
int explored_memcmp(const void *a, const void *b, size_t size);
long explored_syscall(long number, ...);
int explored_yield(void);
int explored_create(unsigned long *ret_thread, void *(*start)(void *context), void *context);
int explored_join(unsigned long thread);
int explored_clock(struct timespec *ret_now);
int explored_mutex_make(const void *mutex);
int explored_lock(const void *mutex);
int explored_trylock(const void *mutex);
int explored_unlock(const void *mutex);
int explored_key_make(pthread_key_t *ret_key, void (*end)(void *value));
int explored_key_set(pthread_key_t key, const void *value);
void *explored_key_get(pthread_key_t key);

#define EXPLORED_SITE(kind, order, failure)                                                        \
    static struct explored_site explored_here = {__FILE__, __func__, __LINE__, kind,   kind,       \
                                                 order,    failure,  order,    failure};           \
    static struct explored_site *const explored_entry                                              \
        __attribute__((section("explored_sites"), used)) = &explored_here;                         \
    (void)explored_entry

/* The type of what WORD points to, without _Atomic. */
#define EXPLORED_TYPE(word) __typeof__((void)0, *(word))

#define EXPLORED_CHANGE(kind, word, operand, order)                                                \
    __extension__({                                                                                \
        EXPLORED_SITE(kind, order, 0);                                                             \
        (EXPLORED_TYPE(word))(uintptr_t) explored_change(                                          \
            &explored_here, (void *)(word), sizeof(*(word)), (uint64_t)(uintptr_t)(operand));      \
    })

#undef atomic_init
#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_thread_fence

#define atomic_init(word, value)                                                                   \
    explored_init((void *)(word), sizeof(*(word)), (uint64_t)(uintptr_t)(value))
#define atomic_load_explicit(word, order)                                                          \
    __extension__({                                                                                \
        EXPLORED_SITE(EXPLORED_LOAD, order, 0);                                                    \
        (EXPLORED_TYPE(word))(uintptr_t)                                                           \
            explored_load(&explored_here, (const void *)(word), sizeof(*(word)));                  \
    })
#define atomic_store_explicit(word, value, order)                                                  \
    __extension__({                                                                                \
        EXPLORED_SITE(EXPLORED_STORE, order, 0);                                                   \
        explored_store(&explored_here, (void *)(word), sizeof(*(word)),                            \
                       (uint64_t)(uintptr_t)(value));                                              \
    })
#define atomic_exchange_explicit(word, value, order)                                               \
    EXPLORED_CHANGE(EXPLORED_EXCHANGE, word, value, order)
#define atomic_fetch_add_explicit(word, value, order)                                              \
    EXPLORED_CHANGE(EXPLORED_ADD, word, value, order)
#define atomic_fetch_sub_explicit(word, value, order)                                              \
    EXPLORED_CHANGE(EXPLORED_ADD, word, -(uint64_t)(value), order)
#define atomic_fetch_or_explicit(word, value, order)                                               \
    EXPLORED_CHANGE(EXPLORED_OR, word, value, order)
#define atomic_fetch_and_explicit(word, value, order)                                              \
    EXPLORED_CHANGE(EXPLORED_AND, word, value, order)
#define atomic_compare_exchange_strong_explicit(word, expected, value, order, failure)             \
    __extension__({                                                                                \
        EXPLORED_SITE(EXPLORED_CAS, order, failure);                                               \
        explored_cas(&explored_here, (void *)(word), sizeof(*(word)), (void *)(expected),          \
                     (uint64_t)(uintptr_t)(value));                                                \
    })
#define atomic_thread_fence(order)                                                                 \
    __extension__({                                                                                \
        EXPLORED_SITE(EXPLORED_FENCE, order, 0);                                                   \
        explored_fence(&explored_here);                                                            \
    })

#define memset(to, byte, size) explored_memset(to, byte, size)
#define memcpy(to, from, size) explored_memcpy(to, from, size)
#define memcmp(a, b, size) explored_memcmp(a, b, size)
#define syscall(...) explored_syscall(__VA_ARGS__)
#define sched_yield() explored_yield()
#define pthread_create(thread, attributes, start, context)                                         \
    ((void)(attributes), explored_create(thread, start, context))
#define pthread_join(thread, result) ((void)(result), explored_join(thread))
#define pthread_mutex_init(mutex, attributes) ((void)(attributes), explored_mutex_make(mutex))
#define pthread_mutex_destroy(mutex) ((void)(mutex), 0)
#define pthread_mutex_lock(mutex) explored_lock(mutex)
#define pthread_mutex_trylock(mutex) explored_trylock(mutex)
#define pthread_mutex_unlock(mutex) explored_unlock(mutex)
#define pthread_key_create(key, end) explored_key_make(key, end)
#define pthread_setspecific(key, value) explored_key_set(key, value)
#define pthread_getspecific(key) explored_key_get(key)
/* Descriptors are none: each run would leave some. */
#define EXPLORED_FD 12345
#define eventfd(count, flags) ((void)(count), (void)(flags), EXPLORED_FD)
#define epoll_create1(flags) ((void)(flags), EXPLORED_FD)
#define epoll_ctl(poll, operation, fd, event)                                                      \
    ((void)(poll), (void)(operation), (void)(fd), (void)(event), 0)
#define write(fd, from, size) ((void)(fd), (void)(from), (ssize_t)(size))
#define read(fd, to, size) ((void)(fd), (void)(to), (ssize_t)(size))
#define close(fd) ((void)(fd), 0)
#define pthread_detach(thread) ((void)(thread), 0)
#define pthread_atfork(before, parent, child) ((void)(before), (void)(parent), (void)(child), 0)
#define pthread_sigmask(how, set, before) ((void)(how), (void)(set), (void)(before), 0)

/* Small enough that a case comes to the end of one. */
#define TROVE__SEGMENT_CELLS 2
#define TROVE__POOL_CHUNK 2

/* For cases that want it otherwise: how many sleepers are woken without a dispatcher, and whether no thread can be made. Set back
 * before each run. */
extern int explored_wake_few;
extern bool explored_no_threads;
#define TROVE__WAKE_FEW explored_wake_few
#define clock_gettime(clock, now) ((void)(clock), explored_clock(now))

#endif
