// SPDX-License-Identifier: MIT
/*
 * dlopen_program.c - loads libtrove.so, uses it and unloads it, over and over: dlopen_program LIBRARY URL REVISION TEXT
 *
 * Each round a thread that lives on has used the library, so that its exit runs after dlclose(). Some rounds, the last among
 * them, leave a cache open: its fetch threads are there while the library is unloaded, loaded again, and the process exits.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <trove/trove.h>

#define PROGRAM "dlopen_program"
#include "host.h"

#define ROUNDS 20
#define LEAVES_OPEN(round) ((round) % 5 == 4)

struct round {
    void *library;
    char **argv;
    bool leave_open;
    pthread_barrier_t used, unloaded;
};

static void use(void *library, char **argv, bool leave_open)
{
    LOAD(library, trove_options_init);
    LOAD(library, trove_git_open);
    LOAD(library, trove_git_hash);
    LOAD(library, trove_git_source);
    LOAD(library, trove_git_revision);
    LOAD(library, trove_git_close);
    LOAD(library, trove_open);
    LOAD(library, trove_resolve);
    LOAD(library, trove_object_data);
    LOAD(library, trove_unpin);
    LOAD(library, trove_close);
    struct trove_options options;
    struct trove_git_revision named;
    struct trove_result result;
    struct trove_git *git;
    struct trove *cache;
    struct trove_error err;

    trove_options_init_(&options);
    if (trove_git_open_(argv[2], NULL, NULL, &git, &err) != 0)
        fail(err.message);
    options.hash = trove_git_hash_(git);
    options.source = trove_git_source_(git);
    if (trove_open_(&options, &cache, &err) != 0 ||
        trove_git_revision_(git, cache, argv[3], NULL, &named, &err) != 0 ||
        trove_resolve_(cache, &named.id, named.type, NULL, &result, &err) != 0)
        fail(err.message);
    if (strcmp(trove_object_data_(result.object), argv[4]) != 0)
        fail("the object has other bytes");
    trove_unpin_(result.object);
    if (leave_open)
        return;
    trove_git_close_(git);
    if (trove_close_(cache, NULL) != 0)
        fail("close");
}

static void *thread(void *argument)
{
    struct round *round = argument;

    use(round->library, round->argv, round->leave_open);
    pthread_barrier_wait(&round->used);
    pthread_barrier_wait(&round->unloaded);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        fail("usage: LIBRARY URL REVISION TEXT");
    for (int i = 0; i < ROUNDS; i++) {
        struct round round = {.argv = argv, .leave_open = LEAVES_OPEN(i)};
        pthread_t other;

        round.library = load(argv[1]);
        pthread_barrier_init(&round.used, NULL, 2);
        pthread_barrier_init(&round.unloaded, NULL, 2);
        if (pthread_create(&other, NULL, thread, &round) != 0)
            fail("thread");
        use(round.library, argv, round.leave_open);
        pthread_barrier_wait(&round.used);
        if (dlclose(round.library) != 0)
            fail(dlerror());
        pthread_barrier_wait(&round.unloaded);
        pthread_join(other, NULL);
    }
    return 0;
}
