// SPDX-License-Identifier: MIT
/*
 * explored_locals.c - thread-local storage for threads that are coroutines: the program's block is exchanged whenever another
 * one goes on, and begins each run as a new thread's does.
 */
#include "explorer_internal.h"
#include <link.h>
#include <stdlib.h>
#include <string.h>

#define LOCAL_BYTES 4096
static struct {
    char *block;
    const char *initial;
    size_t bytes, initial_bytes;
    char saved[THREADS][LOCAL_BYTES];
} local;

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
}

void local_exchange(unsigned before, unsigned next)
{
    if (local.bytes == 0)
        return;
    memcpy(local.saved[before], local.block, local.bytes);
    memcpy(local.block, local.saved[next], local.bytes);
}
