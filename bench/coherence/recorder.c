// SPDX-License-Identifier: MIT
/*
 * recorder.c - see recorder.h: what instrumented code calls at each access. Everything is done with the strongest order; one
 * thread runs at a time.
 */
#include "recorder.h"
#undef trove__grace_period
#include <stdlib.h>
#include <string.h>

static _Thread_local struct trace *recording;

void recorder_begin(struct trace *trace)
{
    recording = trace;
}

static inline void note(const void *at, size_t bytes, enum mesi_access access)
{
    if (recording != NULL)
        trace_add(recording, (uintptr_t)at, bytes, access);
}

void trace_add(struct trace *trace, uint64_t address, size_t bytes, enum mesi_access access)
{
    if (bytes == 0)
        return;
    for (uint64_t line = address >> TRACE_LINE_SHIFT;
         line <= (address + bytes - 1) >> TRACE_LINE_SHIFT; line++) {
        if (access == MESI_LOAD && trace->count > 0 && trace->at[trace->count - 1].line == line &&
            trace->at[trace->count - 1].access == MESI_LOAD)
            continue;
        if (trace->count == trace->room) {
            trace->room = trace->room == 0 ? 1024 : trace->room * 2;
            trace->at = realloc(trace->at, trace->room * sizeof(*trace->at));
            if (trace->at == NULL)
                abort();
        }
        trace->at[trace->count++] = (struct trace_access){line, access};
    }
}

/* --- grace periods ------------------------------------------------------------------------------------------------ */

static const void *words[MESI_CACHES_MAX];
static unsigned word_count;

void recorder_thread_begin(void)
{
    if (word_count == MESI_CACHES_MAX)
        abort();
    words[word_count++] = &URCU_TLS(urcu_bp_reader)->ctr;
}

void recorder_forget_threads(void)
{
    word_count = 0;
}

/* What liburcu-bp 0.13 does when readers come and go: it looks at each reader's word, changes the phase that readers copy,
 * and looks at them again. Its list of readers is on other lines, which readers do not touch. */
void recorder_grace_period(void)
{
    for (unsigned i = 0; i < word_count; i++)
        note(words[i], 8, MESI_LOAD);
    note(&urcu_bp_gp.ctr, 8, MESI_STORE);
    for (unsigned i = 0; i < word_count; i++)
        note(words[i], 8, MESI_LOAD);
    trove__grace_period();
}

/* --- what compilers call ------------------------------------------------------------------------------------------ */

#define PLAIN(bytes)                                                                               \
    void __tsan_read##bytes(void *at);                                                             \
    void __tsan_read##bytes(void *at)                                                              \
    {                                                                                              \
        note(at, bytes, MESI_LOAD);                                                                \
    }                                                                                              \
    void __tsan_write##bytes(void *at);                                                            \
    void __tsan_write##bytes(void *at)                                                             \
    {                                                                                              \
        note(at, bytes, MESI_STORE);                                                               \
    }                                                                                              \
    void __tsan_unaligned_read##bytes(void *at);                                                   \
    void __tsan_unaligned_read##bytes(void *at)                                                    \
    {                                                                                              \
        note(at, bytes, MESI_LOAD);                                                                \
    }                                                                                              \
    void __tsan_unaligned_write##bytes(void *at);                                                  \
    void __tsan_unaligned_write##bytes(void *at)                                                   \
    {                                                                                              \
        note(at, bytes, MESI_STORE);                                                               \
    }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(void *at, size_t bytes);
void __tsan_read_range(void *at, size_t bytes)
{
    note(at, bytes, MESI_LOAD);
}

void __tsan_write_range(void *at, size_t bytes);
void __tsan_write_range(void *at, size_t bytes)
{
    note(at, bytes, MESI_STORE);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *from);
void __tsan_func_entry(void *from)
{
    (void)from;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    (void)order;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}

#define FETCH(bits, type, what)                                                                    \
    type __tsan_atomic##bits##_fetch_##what(type *at, type value, int order);                      \
    type __tsan_atomic##bits##_fetch_##what(type *at, type value, int order)                       \
    {                                                                                              \
        (void)order;                                                                               \
        note(at, sizeof(type), MESI_RMW);                                                          \
        return __atomic_fetch_##what(at, value, __ATOMIC_SEQ_CST);                                 \
    }
#define COMPARE(bits, type, strength, weak)                                                        \
    int __tsan_atomic##bits##_compare_exchange_##strength(type *at, type *expected, type value,    \
                                                          int order, int failure);                 \
    int __tsan_atomic##bits##_compare_exchange_##strength(type *at, type *expected, type value,    \
                                                          int order, int failure)                  \
    {                                                                                              \
        (void)order, (void)failure;                                                                \
        note(at, sizeof(type), MESI_RMW);                                                          \
        return __atomic_compare_exchange_n(at, expected, value, weak, __ATOMIC_SEQ_CST,            \
                                           __ATOMIC_SEQ_CST);                                      \
    }
#define ATOMIC(bits, type)                                                                         \
    type __tsan_atomic##bits##_load(const type *at, int order);                                    \
    type __tsan_atomic##bits##_load(const type *at, int order)                                     \
    {                                                                                              \
        (void)order;                                                                               \
        note(at, sizeof(type), MESI_LOAD);                                                         \
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                              \
    }                                                                                              \
    void __tsan_atomic##bits##_store(type *at, type value, int order);                             \
    void __tsan_atomic##bits##_store(type *at, type value, int order)                              \
    {                                                                                              \
        (void)order;                                                                               \
        note(at, sizeof(type), MESI_STORE);                                                        \
        __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                             \
    }                                                                                              \
    type __tsan_atomic##bits##_exchange(type *at, type value, int order);                          \
    type __tsan_atomic##bits##_exchange(type *at, type value, int order)                           \
    {                                                                                              \
        (void)order;                                                                               \
        note(at, sizeof(type), MESI_RMW);                                                          \
        return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                                   \
    }                                                                                              \
    FETCH(bits, type, add)                                                                         \
    FETCH(bits, type, sub)                                                                         \
    FETCH(bits, type, and)                                                                         \
    FETCH(bits, type, or)                                                                          \
    FETCH(bits, type, xor)                                                                         \
    COMPARE(bits, type, strong, false)                                                             \
    COMPARE(bits, type, weak, true)
ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

/* --- memory, a range at a time ------------------------------------------------------------------------------------ */

void *__real_memcpy(void *to, const void *from, size_t bytes);
void *__wrap_memcpy(void *to, const void *from, size_t bytes);
void *__wrap_memcpy(void *to, const void *from, size_t bytes)
{
    note(from, bytes, MESI_LOAD);
    note(to, bytes, MESI_STORE);
    return __real_memcpy(to, from, bytes);
}

void *__real_memset(void *at, int value, size_t bytes);
void *__wrap_memset(void *at, int value, size_t bytes);
void *__wrap_memset(void *at, int value, size_t bytes)
{
    note(at, bytes, MESI_STORE);
    return __real_memset(at, value, bytes);
}

int __real_memcmp(const void *a, const void *b, size_t bytes);
int __wrap_memcmp(const void *a, const void *b, size_t bytes);
int __wrap_memcmp(const void *a, const void *b, size_t bytes)
{
    note(a, bytes, MESI_LOAD);
    note(b, bytes, MESI_LOAD);
    return __real_memcmp(a, b, bytes);
}
