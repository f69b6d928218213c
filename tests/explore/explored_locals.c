// SPDX-License-Identifier: MIT
/*
 * explored_locals.c - thread-local storage for threads that are coroutines: the program's block is exchanged whenever another
 * one goes on, and begins each run as a new thread's does. And what hangs on pthread keys, whose ends a thread calls at its own.
 */
#include "explored.h"
#include "explorer_internal.h"
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#undef memset
#undef memcpy

#define LOCAL_BYTES 4096
#define KEYS 4

static struct {
    char *block;
    const char *initial;
    size_t bytes, initial_bytes;
    char saved[THREADS][LOCAL_BYTES];
} local;

/* Keys are made once, and stay from run to run. */
static struct {
    void (*end)(void *value);
    void *values[THREADS];
} keys[KEYS];
static unsigned key_count;

static int find_local(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];

        if (header->p_type != PT_TLS)
            continue;
        local.block = info->dlpi_tls_data;
        local.bytes = header->p_memsz;
        local.initial = (const char *)info->dlpi_addr + header->p_vaddr; /* what the linker left */
        local.initial_bytes = header->p_filesz;
    }
    return 1; /* the program comes first, and is all that is wanted */
}

void local_begin(void)
{
    if (local.block == NULL)
        dl_iterate_phdr(find_local, NULL);
    if (local.bytes > LOCAL_BYTES)
        abort();
    for (unsigned i = 0; i < THREADS; i++) {
        memset(local.saved[i], 0, local.bytes);
        memcpy(local.saved[i], local.initial, local.initial_bytes);
    }
    if (local.block != NULL)
        memcpy(local.block, local.saved[0], local.bytes);
    for (unsigned i = 0; i < key_count; i++)
        memset(keys[i].values, 0, sizeof(keys[i].values));
}

void local_end(void)
{
    for (unsigned i = 0; i < key_count; i++) {
        void *value = keys[i].values[run.current];

        keys[i].values[run.current] = NULL;
        if (value != NULL)
            keys[i].end(value);
    }
}

int explored_key_make(pthread_key_t *ret_key, void (*end)(void *value))
{
    if (key_count == KEYS)
        return EAGAIN;
    keys[key_count].end = end;
    *ret_key = key_count++;
    return 0;
}

int explored_key_set(pthread_key_t key, const void *value)
{
    keys[key].values[run.current] = (void *)(uintptr_t)value;
    return 0;
}

void *explored_key_get(pthread_key_t key)
{
    return keys[key].values[run.current];
}

void local_exchange(unsigned before, unsigned next)
{
    if (local.bytes == 0)
        return;
    memcpy(local.saved[before], local.block, local.bytes);
    memcpy(local.block, local.saved[next], local.bytes);
}
