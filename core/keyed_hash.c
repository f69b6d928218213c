// SPDX-License-Identifier: MIT
/*
 * keyed_hash.c - where the secret of keyed_hash.h comes from.
 */
#include "core/keyed_hash.h"
#include <errno.h>
#include <sys/random.h>

int trove__secret_draw(struct trove__secret *ret_secret)
{
    struct trove__secret secret;
    unsigned char *at = (unsigned char *)&secret;
    size_t left = sizeof(secret);

    while (left > 0) {
        ssize_t n = getrandom(at, left, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        left -= (size_t)n;
    }
    *ret_secret = secret;
    return 0;
}
