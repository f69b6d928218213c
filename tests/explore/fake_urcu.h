// SPDX-License-Identifier: MIT
/*
 * fake_urcu.h - what core/rcu_threads.c has of liburcu-bp and of the kernel, as test_explore_holder.c has it: words of sections in
 * memory of the run, pages of records, names of threads.
 */
#ifndef TROVE_TESTS_FAKE_URCU_H
#define TROVE_TESTS_FAKE_URCU_H

#define _LGPL_SOURCE 1
#include <sys/mman.h>
#include <sys/uio.h>
#include <urcu/static/urcu-bp.h>
#include <urcu/urcu-bp.h>

extern _Thread_local struct urcu_bp_reader *fake_urcu_bp_reader;
extern struct fake_gp {
    unsigned long ctr;
} fake_urcu_gp;
extern _Thread_local int fake_tid;
void fake_register(void);
void *fake_page(size_t bytes);

#undef URCU_TLS
#define URCU_TLS(name) fake_##name
#define urcu_bp_gp fake_urcu_gp
#define urcu_bp_register() fake_register()
#define mmap(address, bytes, ...) fake_page(bytes)
#define gettid() fake_tid
/* Nothing is said of depths: the kernel may be forbidden to. */
#define process_vm_readv(process, here, count, there, there_count, flags)                          \
    ((void)(here), (void)(there), (ssize_t)-1)

#endif
