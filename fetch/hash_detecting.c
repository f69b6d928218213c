// SPDX-License-Identifier: MIT
/*
 * hash_detecting.c - SHA-1 with collision detection, libgit2's: bytes made by one of the known attacks are an error
 * instead of an id.
 *
 * libgit2 wants to be initialised once; it is at the first hash, and it stays so: a host may be hashing on another
 * thread while the process exits, and libgit2 counts its initialisations, so a host that uses it too is not disturbed.
 * git_odb_hash() reads only its arguments; its context lives on the stack.
 */
#include <errno.h>
#include <git2/global.h>
#include <git2/odb.h>
#include <pthread.h>
#include <trove/hash.h>

static pthread_once_t git2_once = PTHREAD_ONCE_INIT;
static int git2_status; /* of git_libgit2_init(); written once under git2_once */

_Static_assert((int)TROVE_COMMIT == (int)GIT_OBJECT_COMMIT && (int)TROVE_TAG == (int)GIT_OBJECT_TAG,
               "both take their types from pack entries");

static void git2_start(void)
{
    git2_status = git_libgit2_init();
}

static int detecting_object_id(void *context, enum trove_type type, const void *data, size_t size,
                               struct trove_oid *ret_id)
{
    git_oid sum;

    (void)context;
    pthread_once(&git2_once, git2_start);
    if (git2_status < 0)
        return -ENOMEM;
    /* libgit2 refuses NULL even for no bytes. It has no other way to fail here than a collision. */
    if (git_odb_hash(&sum, data == NULL ? "" : data, size, (git_object_t)type) < 0)
        return -EBADMSG;
    memset(ret_id, 0, sizeof(*ret_id));
    memcpy(ret_id->bytes, sum.id, sizeof(sum.id));
    return 0;
}

const struct trove_hash *trove_hash_sha1_detecting(void)
{
    static const struct trove_hash hash = {.algo = TROVE_SHA1, .object_id = detecting_object_id};

    return &hash;
}
