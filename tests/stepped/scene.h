// SPDX-License-Identifier: MIT
/*
 * scene.h - a cache in which one thread, the actor, stands still at a step of its own, while others do all that users do.
 *
 * A play is played once for each step of its actor: a cache is made and prepared, the actor stops, the others get on, the
 * actor goes on, then everything is counted. No reclaimer's thread runs but where a play asks for it: turns are taken in
 * its place, so that each run is the same.
 */
#ifndef TROVE_TESTS_SCENE_H
#define TROVE_TESTS_SCENE_H

#include <trove/cache.h>

#define SCENE_NUMBERS 2000
#define SCENE_CACHE (96 << 10)
#define SCENE_SIZE 300 /* a hundred objects fit in */
#define SCENE_BYTES_MAX 20000

struct scene {
    struct trove *cache;
    long live;       /* allocations before it */
    uint64_t step;   /* the actor's, before which it stops */
    size_t size;     /* of each object */
    unsigned count;  /* objects have numbers below this; each was put, or is the actor's */
    unsigned added;  /* puts of others that said so */
    unsigned twice;  /* ids that two puts may have added */
    bool has_thread; /* the reclaimer's */
    bool overfull;   /* the others went on until there was no room */
    bool wrong;      /* somebody saw what cannot be */
    bool there[SCENE_NUMBERS]; /* before the actor began */
    struct trove_object *pins[SCENE_NUMBERS];
    /* the actor's; others read them while it stands still */
    unsigned number;
    unsigned actor_added;
    int result;
    struct trove_object *object;
};

struct play {
    void (*prepare)(struct scene *scene);
    void (*act)(void *scene);
    void (*meanwhile)(struct scene *scene); /* before the others get on. May be NULL, as the next */
    void (*after)(struct scene *scene);     /* when the actor has ended */
    enum trove_overfull overfull;
    uint64_t max_bytes;
    size_t size;
    bool has_thread;
    bool alone;      /* nobody else does anything beside `meanwhile` */
    bool stuck;      /* the others cannot get on, which must be noticed */
    uint64_t stride; /* past the first hundred steps. 0: every step */
};

/* Plays PLAY for every step that it asks for. Fails when those were fewer than RUNS_MIN. */
void play(const struct play *play, unsigned runs_min);
/* Plays it for one; false: the actor ended before. */
bool play_once(const struct play *play, uint64_t step);

/* Object N: its bytes (SCENE_BYTES_MAX fit) and its id; what is found there and should be it. */
struct trove_oid scene_content(const struct scene *scene, unsigned n, unsigned char *bytes);
bool scene_is_right(const struct scene *scene, unsigned n, const struct trove_object *object);

/* As trove_put(), *ADDED one more if it was. */
int scene_put(struct scene *scene, unsigned n, unsigned *added);
/* Puts objects that are new; each is there afterwards. */
void scene_put_fresh(struct scene *scene, unsigned count);
bool scene_has(struct scene *scene, unsigned n);
/* Object N, pinned (own), or NULL. */
struct trove_object *scene_pin(struct scene *scene, unsigned n);
struct trove_stats scene_stats(struct scene *scene);

/* What the reclaimer's thread does until it falls asleep. */
void scene_take_turns(struct scene *scene);
/* Waits until what was retired is free. */
void scene_reclaim(struct scene *scene);

/* An empty cache. The actor's number is a new one. */
void scene_begin_with_nothing(struct scene *scene);
/* Puts the next object; each fifth is used too, so that both queues of a full cache hold some. */
void scene_put_and_use(struct scene *scene);
/* Puts until objects were evicted, and are free. The actor's number is a new one. */
void scene_fill(struct scene *scene);
/* The same, but the actor's number is that of the object that goes next. */
void scene_fill_and_choose(struct scene *scene);
/* Puts until the actor's object is evicted. */
void scene_put_until_gone(struct scene *scene);

/* An actor that puts its number; others that put the same; where it must be afterwards. */
void scene_actor_puts(void *scene);
/* It helps to move, too, as a put does when the reclaimer's thread falls behind; here it is as if it had. */
void scene_actor_puts_and_moves(void *scene);
void scene_put_the_same(struct scene *scene);
void scene_number_is_there(struct scene *scene);

#endif
