// SPDX-License-Identifier: MIT
/*
 * wire.c - see wire.h.
 */
#include "wire.h"
#include <string.h>

bool wire_sent(const struct peer_script *script, const char *text)
{
    return memmem(script->request, script->request_size, text, strlen(text)) != NULL;
}

int wire_no_ref(void *context, const struct trove_git_ref *ref)
{
    (void)context, (void)ref;
    return 0;
}

int wire_no_pack(void *context, const void *bytes, size_t size, struct trove_error *err)
{
    (void)context, (void)bytes, (void)size, (void)err;
    return 0;
}

int wire_count_pack(void *total, const void *bytes, size_t size, struct trove_error *err)
{
    (void)bytes, (void)err;
    *(size_t *)total += size;
    return 0;
}
