// SPDX-License-Identifier: MIT
/*
 * test_halted.c - a thread that stands still for ever at any instruction of libtrove's holds up nobody.
 *
 * WHAT      A process (halted_subject.c) uses libtrove-core.so as it is installed. By ptrace one of its threads is halted at an
 *           instruction: of a put (of what is new, there, or just being put by others), of an eviction, of reads and
 *           statistics, of a resolve (also the first of a cache, and of many ids); of the reclaimer's thread, which grows
 *           the table, moves objects, and frees; of a fetch thread. While it stands there all other threads make a pass of
 *           calls over the latest ids, its own id, one that is new and one that is there: has, get, get_many, put, stats,
 *           is_empty, and resolve of a miss and of the same id. Each call must come to its end, with the right bytes, and
 *           nothing that nobody evicts may be missing.
 *           The same of a resolve that is started, of a freeze, and of a replacement; and of a put while the others replace.
 *           A waiter whose flight is at the source while somebody puts the same id gets its answer, wherever the put stands.
 *           With a thread halted in a section the others put until there is no room: what waits to be free stays within
 *           max_deferred_bytes, all within max_bytes, and the answer is -ECACHE_OVERFULL. Later there is room again.
 * WHERE     By default at every different instruction of libtrove's text that the thread executes; the output says how
 *           many, how often, and how many instructions were executed elsewhere (allocator, C library, liburcu, the test's
 *           hash), where it is not halted but stepped over. In the plays called `anywhere`, with an allocator that shares
 *           nothing, nothing is stepped over: it is halted at each instruction of the process. What is left out then is
 *           what the kernel does inside of a system call, and the output counts these.
 * VERDICT   No time limit. That a pass never ends is proved by what the threads do: see verdict.c. Two libraries that were
 *           made worse (worse.c) must be found out: an insert under a spin lock; who joins a flight and leaves the push to
 *           its leader.
 * NOT SHOWN Two threads halted at once. A fetch thread that is halted holds up resolves of misses, which deadlines bound
 *           (none is made then). The order of weak memory. Other processors than x86-64: ptrace's debug registers.
 *           tests/stepped shows the same for each access of order.h, with exact books at the end, in any build.
 *
 * A play alone: test_halted halted__put; HALTED_FUNCTIONS=1 names the functions; TROVE_SEED=N takes another offset where
 * not every instruction has its turn.
 */
#include "halted.h"
#include "support.h"

#define HALF .keeps = true, .object_bytes = 100, .objects = 60, .max_bytes = (uint64_t)256 << 20
/* What is evicted while somebody stands in a section fits `deferred`. */
#define FULL .full = true, .object_bytes = 200, .objects = 100, .max_bytes = (uint64_t)12 << 20
/* Nothing is expected to stay. */
#define PASSING .object_bytes = 100, .objects = 60, .max_bytes = (uint64_t)1 << 20
#define SMALL .full = true, .object_bytes = 200, .objects = 100, .max_bytes = (uint64_t)128 << 10

#define CASE(case_name, ...)                                                                       \
    static void halted__##case_name(void **state)                                                  \
    {                                                                                              \
        static const struct play this_play = {.name = #case_name, __VA_ARGS__};                    \
                                                                                                   \
        (void)state;                                                                               \
        play(&this_play);                                                                          \
    }

CASE(put, HALF, .act = ACT_PUT, .once = true, .stride = 1,
     .functions = {"trove_put", "trove__table_insert", "trove__place", "trove__queue_push"})
CASE(put_that_others_put, HALF, .act = ACT_PUT, .once = true, .same = true, .stride = 1,
     .functions = {"trove__table_insert", "trove__resolve_duplicates"})
CASE(put_that_is_disturbed, HALF, .act = ACT_PUT, .stride = 61, .acts = 2)
CASE(put_again, HALF, .act = ACT_PUT_AGAIN, .stride = 61, .acts = 2)
CASE(put_that_evicts, FULL, .act = ACT_PUT, .once = true, .stride = 1,
     .functions = {"evict_for", "trove__queue_pop", "trove__table_remove", "take_out",
                   "trove__ghosts_remember", "trove__reclaim_deferred"})
CASE(eviction_that_is_disturbed, FULL, .act = ACT_PUT, .stride = 61, .acts = 1)
CASE(reads, HALF, .act = ACT_READ, .stride = 61, .acts = 2)
CASE(stats, HALF, .act = ACT_STATS, .stride = 61, .acts = 2)
CASE(reader_and_no_room, SMALL, .act = ACT_READ, .once = true, .fill = true, .stride = 7)
CASE(put_and_no_room, SMALL, .act = ACT_PUT, .once = true, .fill = true, .stride = 11)
CASE(resolve, HALF, .act = ACT_RESOLVE, .source = true, .stride = 61, .acts = 2,
     .functions = {"trove_resolve", "trove__admit", "trove__flight_create", "trove__flight_insert",
                   "trove__gather_push", "trove__flight_wait"})
CASE(resolve_that_others_resolve, HALF, .act = ACT_RESOLVE, .once = true, .same = true,
     .source = true, .stride = 1, .functions = {"trove__flight_insert", "trove__gather_push"})
CASE(put_that_others_resolve, HALF, .act = ACT_PUT, .once = true, .same = true, .source = true,
     .stride = 1)
CASE(put_for_a_waiter, HALF, .act = ACT_PUT, .once = true, .source = true, .waiter = true,
     .stride = 1)
CASE(resolve_of_many, HALF, .act = ACT_RESOLVE_MANY, .source = true, .stride = 61, .acts = 1)
CASE(first_resolve, HALF, .act = ACT_RESOLVE, .source = true, .cold = true, .stride = 61, .acts = 1)
CASE(resolve_start, HALF, .act = ACT_RESOLVE_START, .source = true, .stride = 61, .acts = 2,
     .functions = {"trove_resolve_start", "trove__gather_push", "trove_resolve_take",
                   "trove_resolve_free"})
/* It looks at every slot, step by step. */
CASE(freeze, .object_bytes = 100, .objects = 60, .max_bytes = (uint64_t)1 << 20, .act = ACT_FREEZE,
     .once = true, .stride = 11,
     .functions = {"trove_freeze", "trove__reclaim_await", "trove_frozen_free"})
CASE(replace, PASSING, .act = ACT_REPLACE, .once = true, .stride = 5,
     .functions = {"trove_replace", "trove__cache_begin_era", "trove__table_replace",
                   "trove__level_create", "trove__switch_view"})
CASE(replace_that_others_replace, PASSING, .act = ACT_REPLACE, .once = true, .stride = 5,
     .others_replace = true, .functions = {"trove__table_replace"})
CASE(put_that_others_replace, PASSING, .act = ACT_PUT, .once = true, .same = true, .stride = 1,
     .others_replace = true, .functions = {"trove__table_insert", "trove__resolve_duplicates"})
/* The reclaimer's thread, at three of its works. A debug build has so many instructions before it grows the table that the others,
 * who go on while it stands at each, would have done so. */
#ifdef __OPTIMIZE__
#define GROWS_FROM "trove__table_service"
#else
#define GROWS_FROM "trove__grow"
#endif
CASE(grower, .keeps = true, .all = true, .object_bytes = 40, .objects = 1000,
     .max_bytes = (uint64_t)4 << 20, .act = ACT_PUT, .born = true, .stride = 61, .steps_max = 6000,
     .run_from = GROWS_FROM, .functions = {"trove__grow", "trove__level_create"})
/* So much to move that the others, who help, do not end it soon. */
CASE(mover, .keeps = true, .all = true, .object_bytes = 40, .objects = 9200,
     .max_bytes = (uint64_t)16 << 20, .act = ACT_PUT, .born = true, .stride = 61, .steps_max = 6000,
     .run_from = "trove__resolve_duplicates",
     .functions = {"trove__place", "trove__resolve_duplicates", "trove__slot_cleared"})
CASE(freer, .object_bytes = 200, .objects = 100, .max_bytes = (uint64_t)128 << 10, .act = ACT_PUT,
     .born = true, .stride = 61, .steps_max = 6000, .run_from = "trove__object_release",
     .functions = {"trove__object_release"})
CASE(fetch_thread, HALF, .act = ACT_RESOLVE, .source = true, .waiter = true, .born = true,
     .stride = 61, .steps_max = 12000,
     .functions = {"trove__gather_take", "trove__request_run_ids", "trove__cache_insert",
                   "trove__flight_complete"})
CASE(put_anywhere, HALF, .act = ACT_PUT, .once = true, .bump = true, .everywhere = true,
     .stride = 1)
CASE(put_that_evicts_anywhere, FULL, .act = ACT_PUT, .once = true, .bump = true, .everywhere = true,
     .stride = 1, .functions = {"trove__table_remove"})
CASE(a_lock, HALF, .act = ACT_PUT, .stride = 61, .acts = 1, .program = "halted_subject_worse",
     .stuck = true)
CASE(a_joiner_that_does_not_push, HALF, .act = ACT_RESOLVE, .once = true, .same = true,
     .source = true, .stride = 1, .program = "halted_subject_worse", .stuck = true)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halted__put),
        cmocka_unit_test(halted__put_that_others_put),
        cmocka_unit_test(halted__put_that_is_disturbed),
        cmocka_unit_test(halted__put_again),
        cmocka_unit_test(halted__put_that_evicts),
        cmocka_unit_test(halted__eviction_that_is_disturbed),
        cmocka_unit_test(halted__reads),
        cmocka_unit_test(halted__stats),
        cmocka_unit_test(halted__reader_and_no_room),
        cmocka_unit_test(halted__put_and_no_room),
        cmocka_unit_test(halted__resolve),
        cmocka_unit_test(halted__resolve_that_others_resolve),
        cmocka_unit_test(halted__put_that_others_resolve),
        cmocka_unit_test(halted__put_for_a_waiter),
        cmocka_unit_test(halted__resolve_of_many),
        cmocka_unit_test(halted__first_resolve),
        cmocka_unit_test(halted__resolve_start),
        cmocka_unit_test(halted__freeze),
        cmocka_unit_test(halted__replace),
        cmocka_unit_test(halted__replace_that_others_replace),
        cmocka_unit_test(halted__put_that_others_replace),
        cmocka_unit_test(halted__grower),
        cmocka_unit_test(halted__mover),
        cmocka_unit_test(halted__freer),
        cmocka_unit_test(halted__fetch_thread),
        cmocka_unit_test(halted__put_anywhere),
        cmocka_unit_test(halted__put_that_evicts_anywhere),
        cmocka_unit_test(halted__a_lock),
        cmocka_unit_test(halted__a_joiner_that_does_not_push),
    };

    if (count > 1)
        cmocka_set_test_filter(arguments[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
