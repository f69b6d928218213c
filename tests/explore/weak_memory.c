// SPDX-License-Identifier: MIT
/*
 * weak_memory.c - what a load may return: C11's order of memory, run by run. The rules are told in explorer.h.
 */
#include "explored.h"
#include "explorer_internal.h"

#undef memset
#undef memcpy

#define STORES_MAX 40000
#define LOCATIONS_MAX 8192

struct store {
    struct store *older;
    uint64_t value;
    struct view released; /* what who acquires it must see */
    bool releases;
    uint32_t seq_cst;            /* its number among the seq_cst stores; 0: it is none */
    uint16_t first_use[THREADS]; /* when each thread first read or wrote it; 0: never */
    uint8_t stale_for;           /* threads that read it when it was not the newest, one bit each */
};

struct location {
    uint32_t place;
    struct store *newest;
    struct clock read, written; /* when each thread last did */
};

static struct store stores[STORES_MAX];
static unsigned store_count;
static struct location locations[LOCATIONS_MAX];
static unsigned location_count;
static uint16_t location_of[PLACES]; /* from 1 */

static struct clock fences; /* what happened before the seq_cst fences so far */
static uint32_t seq_cst_stores;

/* Words that are not of the run, as they were before the first. */
static struct {
    void *word;
    uint64_t value;
    unsigned size;
} statics[STATICS];

static void set_statics_back(void)
{
    for (unsigned i = 0; i < STATICS; i++)
        if (statics[i].word != NULL)
            memcpy(statics[i].word, &statics[i].value, statics[i].size);
}

void weak_memory_begin(void)
{
    set_statics_back();
    for (unsigned i = 0; i < location_count; i++)
        location_of[locations[i].place] = 0;
    location_count = store_count = 0;
    memset(&fences, 0, sizeof(fences));
    seq_cst_stores = 0;
}

/* --- words -------------------------------------------------------------------------------------------------------- */

static uint64_t cut(uint64_t value, unsigned size)
{
    return size == 8 ? value : value & (((uint64_t)1 << 8 * size) - 1);
}

static uint64_t memory_value(const void *word, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, word, size); /* little-endian, as all machines that this runs on */
    return value;
}

static struct store *add_store(struct location *location, uint64_t value)
{
    struct store *store;

    if (store_count == STORES_MAX)
        complain("more than %u stores", STORES_MAX);
    store = &stores[store_count++];
    memset(store, 0, sizeof(*store));
    store->older = location->newest;
    store->value = value;
    location->newest = store;
    return store;
}

static struct location *add_location(uint32_t place)
{
    struct location *location;

    if (location_count == LOCATIONS_MAX)
        complain("more than %u words", LOCATIONS_MAX);
    location = &locations[location_count++];
    *location = (struct location){.place = place};
    location_of[place] = (uint16_t)location_count;
    return location;
}

struct location *location_find(uint32_t place)
{
    return location_of[place] == 0 ? NULL : &locations[location_of[place] - 1];
}

void location_forget(uint32_t place)
{
    location_of[place] = 0;
}

bool location_is_settled(const struct location *location, bool for_write)
{
    const struct clock *before = &self()->view.before;

    return clock_knows(before, &location->written) &&
           (!for_write || clock_knows(before, &location->read));
}

/* The word's, with what was there before as its first store, made by whoever made its memory. */
static struct location *location_at(const void *word, unsigned size, bool writes)
{
    uint32_t place = place_of(word), made_by, made_at;
    struct location *location;

    check_word(word, size, writes, &made_by, &made_at);
    location = location_find(place);
    if (location != NULL)
        return location;
    location = add_location(place);
    if (place >= ARENA_BYTES && statics[place - ARENA_BYTES].word == NULL) {
        statics[place - ARENA_BYTES].word = (void *)(uintptr_t)word;
        statics[place - ARENA_BYTES].value = memory_value(word, size);
        statics[place - ARENA_BYTES].size = size;
    }
    add_store(location, memory_value(word, size))->first_use[made_by] = (uint16_t)made_at;
    return location;
}

/* --- orders ------------------------------------------------------------------------------------------------------- */

static bool acquires(int order)
{
    return order == memory_order_acquire || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

static bool releases(int order)
{
    return order == memory_order_release || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

static void acquire_store(const struct store *store, int order)
{
    if (store->releases)
        view_join(acquires(order) ? &self()->view : &self()->pending, &store->released);
}

static void use(struct store *store)
{
    if (store->first_use[run.current] == 0)
        store->first_use[run.current] = self()->view.before.at[run.current];
}

/* Nothing older than STORE can be read by a load of ORDER. */
static bool is_floor(const struct store *store, int order)
{
    const struct thread *thread = self();

    for (unsigned i = 0; i < THREADS; i++) {
        unsigned first = store->first_use[i];

        if (first != 0 && (first <= thread->view.seen.at[i] ||
                           (order == memory_order_seq_cst && first <= fences.at[i])))
            return true;
    }
    return store->seq_cst != 0 &&
           (order == memory_order_seq_cst || store->seq_cst <= thread->view.stores);
}

/* Which store a load of ORDER reads; but not one with the value UNWANTED (may be NULL) unless it is the newest. To read once
 * more what the thread has read late is not another late read: it lags behind, once. But not for ever. */
static struct store *choose_store(struct location *location, int order, const uint64_t *unwanted)
{
    struct store *candidates[16], *store = location->newest;
    uint8_t mine = (uint8_t)(1u << run.current);
    unsigned count = 0;

    for (; store != NULL && count < 16; store = store->older) {
        bool is_wanted = unwanted == NULL || store->value != *unwanted;
        bool is_again = (store->stale_for & mine) != 0;
        bool is_free = is_again ? run.again < 2 * run.bounds.stale : run.stale < run.bounds.stale;

        if (count == 0 || (is_wanted && is_free))
            candidates[count++] = store;
        if (!in_thread() || is_floor(store, order))
            break;
    }
    store = candidates[choose('r', count)];
    if (store != location->newest) {
        *(store->stale_for & mine ? &run.again : &run.stale) += 1;
        store->stale_for |= mine;
    }
    return store;
}

static void read_store(struct location *location, struct store *store, int order)
{
    use(store);
    acquire_store(store, order);
    location->read.at[run.current] = self()->view.before.at[run.current];
}

/* READ: what a read-modify-write replaces, whose release sequence it prolongs. */
static void write_word(struct location *location, void *word, unsigned size, uint64_t value,
                       int order, const struct store *read)
{
    struct thread *thread = self();
    struct store *store = add_store(location, cut(value, size));

    use(store);
    if (read != NULL && read->releases) {
        store->releases = true;
        view_join(&store->released, &read->released);
    }
    if (releases(order) || thread->has_released) {
        store->releases = true;
        view_join(&store->released, releases(order) ? &thread->view : &thread->released);
    }
    if (order == memory_order_seq_cst)
        store->seq_cst = ++seq_cst_stores;
    location->written.at[run.current] = thread->view.before.at[run.current];
    memcpy(word, &store->value, size);
    run.stores++;
}

/* --- the accesses ------------------------------------------------------------------------------------------------- */

static void say_access(const struct explored_site *site, uint64_t before, uint64_t after)
{
    static const char *const names[] = {"load",     "store", "add",   "or",      "and",
                                        "exchange", "cas",   "fence", "no fence"};

    if (run.verbose && in_thread())
        say("%5u thread %u %s %s() line %d: %lx -> %lx\n", run.step, run.current,
            names[site->kind_now], site->function, site->line, before, after);
}

uint64_t explored_load(const struct explored_site *site, const void *word, unsigned size)
{
    struct location *location;
    struct store *store;

    schedule_point(place_of(word), false);
    location = location_at(word, size, false);
    store = choose_store(location, site->order_now, NULL);
    read_store(location, store, site->order_now);
    say_access(site, store->value, store->value);
    tick();
    return store->value;
}

void explored_store(const struct explored_site *site, void *word, unsigned size, uint64_t value)
{
    struct location *location;

    schedule_point(place_of(word), true);
    location = location_at(word, size, true);
    say_access(site, location->newest->value, value);
    write_word(location, word, size, value, site->order_now, NULL);
    tick();
}

static uint64_t changed(enum explored_kind kind, uint64_t value, uint64_t operand)
{
    switch (kind) {
    case EXPLORED_ADD:
        return value + operand;
    case EXPLORED_OR:
        return value | operand;
    case EXPLORED_AND:
        return value & operand;
    default:
        return operand;
    }
}

uint64_t explored_change(const struct explored_site *site, void *word, unsigned size,
                         uint64_t operand)
{
    struct location *location;
    struct store *read;

    schedule_point(place_of(word), true);
    location = location_at(word, size, true);
    read = location->newest;
    read_store(location, read, site->order_now);
    say_access(site, read->value, changed(site->kind, read->value, operand));
    write_word(location, word, size, changed(site->kind, read->value, operand), site->order_now,
               read);
    tick();
    return read->value;
}

bool explored_cas(const struct explored_site *site, void *word, unsigned size, void *expected,
                  uint64_t value)
{
    uint64_t wanted = memory_value(expected, size);
    struct location *location;
    struct store *read;
    bool won;

    schedule_point(place_of(word), true);
    location = location_at(word, size, true);
    read = choose_store(location, site->failure_now, &wanted);
    won = read->value == wanted;
    read_store(location, read, won ? site->order_now : site->failure_now);
    say_access(site, read->value, won ? value : read->value);
    if (won)
        write_word(location, word, size, value, site->order_now, read);
    else
        memcpy(expected, &read->value, size);
    tick();
    return won;
}

void explored_fence(const struct explored_site *site)
{
    struct thread *thread = self();
    int order = site->order_now;

    if (site->kind_now == EXPLORED_NOTHING)
        return;
    if (order == memory_order_seq_cst)
        schedule_point(PLACE_FENCES, true);
    say_access(site, 0, 0);
    if (acquires(order))
        view_join(&thread->view, &thread->pending);
    if (order == memory_order_seq_cst) {
        clock_join(&thread->view.seen, &fences);
        clock_join(&fences, &thread->view.before);
        thread->view.stores = seq_cst_stores;
    }
    if (releases(order)) {
        thread->released = thread->view;
        thread->has_released = true;
    }
    tick();
}

void explored_init(void *word, unsigned size, uint64_t value)
{
    struct location *location = location_at(word, size, true);

    if (!location_is_settled(location, true))
        complain("atomic_init() of a word that others use");
    write_word(location, word, size, value, memory_order_relaxed, NULL);
    tick();
}

uint64_t newest_value(const void *word, unsigned size)
{
    return location_at(word, size, false)->newest->value;
}
