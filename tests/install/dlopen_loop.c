// SPDX-License-Identifier: MIT
/*
 * dlopen_loop.c - LIBRARY: more often than there are keys for thread-specific data, loads LIBRARY, uses a cache in three threads,
 * closes it and unloads. One thread outlives each turn's unloading. In the end the process has no more threads, descriptors and
 * keys than after the first turns, and hardly more memory.
 *
 * Mutants that die: a library that is unmapped while its threads live (no `-z nodelete`: it crashes); a key for each thread
 * instead of one (none is left); a cache whose memory close forgets (pages).
 */
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#define PROGRAM "dlopen_loop"
#include "host.h"

#define TURNS 1100   /* PTHREAD_KEYS_MAX is 1024 */
#define FIRST 100    /* turns that may take what is kept */
#define OBJECTS 3000 /* more than fit */
#define PAGES_MAX 256

struct turn {
    void *library;
    struct trove *cache;
    pthread_barrier_t used, unloaded;
};

static void use(struct turn *turn)
{
    LOAD(turn->library, trove_put);
    LOAD(turn->library, trove_get);
    LOAD(turn->library, trove_read_lock);
    LOAD(turn->library, trove_read_unlock);
    LOAD(turn->library, trove_object_data);
    unsigned char bytes[64] = {0};

    for (unsigned n = 0; n < OBJECTS; n++) {
        const struct trove_object *object;
        struct trove_oid id;

        memcpy(bytes, &n, sizeof(n));
        if (trove_put_(turn->cache, TROVE_BLOB, bytes, sizeof(bytes), &id, NULL) != 0)
            continue; /* overfull until a grace period ends */
        trove_read_lock_();
        if (trove_get_(turn->cache, &id, &object) == 0 &&
            memcmp(trove_object_data_(object), bytes, sizeof(bytes)) != 0)
            fail("the object has other bytes");
        trove_read_unlock_();
    }
}

/* Ends when the library is no longer loaded, as far as the program knows. */
static void *outlive(void *context)
{
    struct turn *turn = context;

    use(turn);
    pthread_barrier_wait(&turn->used);
    pthread_barrier_wait(&turn->unloaded);
    return NULL;
}

static void *use_and_end(void *context)
{
    use(context);
    return NULL;
}

static void open_cache(struct turn *turn)
{
    static const struct trove_hash hash = {TROVE_SHA1, object_id, NULL};
    LOAD(turn->library, trove_options_init);
    LOAD(turn->library, trove_open);
    struct trove_options options;

    trove_options_init_(&options);
    options.hash = &hash;
    options.max_bytes = 128 << 10;
    if (trove_open_(&options, &turn->cache, NULL) != 0)
        fail("open");
}

static void one_turn(const char *path)
{
    struct turn turn = {.library = load(path)};
    pthread_t outliving, ending;

    pthread_barrier_init(&turn.used, NULL, 2);
    pthread_barrier_init(&turn.unloaded, NULL, 2);
    open_cache(&turn);
    if (pthread_create(&outliving, NULL, outlive, &turn) != 0 ||
        pthread_create(&ending, NULL, use_and_end, &turn) != 0)
        fail("thread");
    use(&turn);
    pthread_join(ending, NULL);
    pthread_barrier_wait(&turn.used);
    LOAD(turn.library, trove_close);
    if (trove_close_(turn.cache, NULL) != 0)
        fail("close");
    if (dlclose(turn.library) != 0)
        fail(dlerror());
    pthread_barrier_wait(&turn.unloaded);
    pthread_join(outliving, NULL);
    pthread_barrier_destroy(&turn.used);
    pthread_barrier_destroy(&turn.unloaded);
}

struct taken {
    unsigned threads, descriptors, keys, mappings;
    long pages;
};

static unsigned entries_of(const char *path)
{
    unsigned count = 0;
    DIR *dir = opendir(path);

    if (dir == NULL)
        fail(path);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static unsigned lines_of(const char *path)
{
    unsigned count = 0;
    FILE *file = fopen(path, "r");

    for (int c; (c = getc(file)) != EOF;)
        count += c == '\n';
    fclose(file);
    return count;
}

static struct taken look(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    struct taken taken = {0};
    pthread_key_t key;

    if (statm == NULL || fscanf(statm, "%*d %ld", &taken.pages) != 1)
        fail("statm");
    fclose(statm);
    taken.threads = entries_of("/proc/self/task");
    taken.descriptors = entries_of("/proc/self/fd");
    taken.mappings = lines_of("/proc/self/maps");
    if (pthread_key_create(&key, NULL) != 0)
        fail("no key is left");
    taken.keys = key;
    pthread_key_delete(key);
    return taken;
}

int main(int argc, char **argv)
{
    struct taken first, last;

    if (argc != 2)
        fail("usage: LIBRARY");
    for (unsigned i = 0; i < FIRST; i++)
        one_turn(argv[1]);
    first = look();
    for (unsigned i = FIRST; i < TURNS; i++)
        one_turn(argv[1]);
    last = look();
    printf("%u and %u turns: %ld and %ld pages, %u and %u mappings, %u and %u keys\n", FIRST, TURNS,
           first.pages, last.pages, first.mappings, last.mappings, first.keys, last.keys);
    if (last.threads != first.threads)
        fail("threads are left");
    if (last.descriptors != first.descriptors)
        fail("descriptors are left");
    if (last.keys != first.keys)
        fail("keys are left");
    if (last.pages > first.pages + PAGES_MAX || last.mappings > first.mappings + 8)
        fail("memory is left");
    return 0;
}
