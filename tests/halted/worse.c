// SPDX-License-Identifier: MIT
/*
 * worse.c - the library made worse, for tests that must notice: inserts take a spin lock, and who joins a flight
 * leaves the push to its leader. The linker puts these in the place of the real ones (--wrap).
 */
#include "core/flight.h"
#include "core/table.h"

int __real_trove__table_insert(struct trove__table *table, const void *era,
                               struct trove_object *object, uint64_t hash, bool made_room,
                               struct trove_object **ret_other);
int __wrap_trove__table_insert(struct trove__table *table, const void *era,
                               struct trove_object *object, uint64_t hash, bool made_room,
                               struct trove_object **ret_other);
enum trove__phase __real_trove__flight_phase(const struct trove__flight *flight);
enum trove__phase __wrap_trove__flight_phase(const struct trove__flight *flight);

int __wrap_trove__table_insert(struct trove__table *table, const void *era,
                               struct trove_object *object, uint64_t hash, bool made_room,
                               struct trove_object **ret_other)
{
    static atomic_uint lock;
    int r;

    while (trove__exchange_acq_rel(&lock, 1) != 0)
        __builtin_ia32_pause();
    r = __real_trove__table_insert(table, era, object, hash, made_room, ret_other);
    trove__store_seq_cst(&lock, 0);
    return r;
}

enum trove__phase __wrap_trove__flight_phase(const struct trove__flight *flight)
{
    enum trove__phase phase = __real_trove__flight_phase(flight);

    return phase == TROVE__FLIGHT_NEW ? TROVE__FLIGHT_GATHERED : phase;
}
