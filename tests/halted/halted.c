// SPDX-License-Identifier: MIT
/*
 * halted.c - see halted.h. Which instructions a victim is halted at, and what is counted.
 */
#include "halted.h"
#include "support.h"
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PLACES (1u << 17) /* of a table of addresses; a power of two */
#define LISTED_ACTS 5     /* they differ: an eviction now and then makes room for several puts */
#define LONG_STRIDE 3
#define ACTS_MAX 50 /* and of so many, until each function was seen that the play is about */
#define TRIES 20    /* acts that may pass until one comes to an instruction again */
#ifdef __OPTIMIZE__
#define STEPS_FACTOR 1
#else
#define STEPS_FACTOR 4 /* as many instructions for the same */
#endif

struct run {
    const struct play *play;
    struct subject subject;
    struct victim actor, born;
    uint64_t seen[PLACES];              /* addresses, hashed: 0 is none */
    bool was_halted[PLACES];            /* at that address */
    uint64_t in_function[4096];         /* halts */
    uint64_t inside, outside, syscalls; /* instructions */
    uint64_t addresses, halted, halted_addresses, fills, refused;
    uint64_t offset;
    bool is_stuck;
};

/* Where ADDRESS is in `seen`, or would be. */
static size_t place_of(const struct run *run, uint64_t address)
{
    uint64_t key = address - run->subject.text_begin + 1;
    size_t place = key * 0x9e3779b97f4a7c15 >> 40 & (PLACES - 1);

    while (run->seen[place] != 0 && run->seen[place] != key)
        place = (place + 1) & (PLACES - 1);
    return place;
}

static bool was_seen(const struct run *run, uint64_t address)
{
    return run->seen[place_of(run, address)] != 0;
}

static bool is_met_first(struct run *run, uint64_t address)
{
    size_t place = place_of(run, address);

    if (run->seen[place] != 0)
        return false;
    run->seen[place] = address - run->subject.text_begin + 1;
    assert_true(++run->addresses < PLACES / 2);
    return true;
}

static unsigned seed(void)
{
    const char *given = getenv("TROVE_SEED");

    return given != NULL ? (unsigned)strtoul(given, NULL, 10) : 1;
}

static bool is_in_libtrove(const struct run *run, uint64_t address)
{
    return address >= run->subject.text_begin && address < run->subject.text_end;
}

/* --- halted ------------------------------------------------------------------------------------------------------- */

static void pass(struct run *run, enum pass pass, const struct victim *victim)
{
    if (!run->is_stuck && !subject_pass(&run->subject, pass, victim->tid))
        run->is_stuck = true;
}

/* Puts until there is no room: if the victim is in a section, nothing becomes free, and that must come. */
static void fill(struct run *run, const struct victim *victim)
{
    struct room *room = run->subject.room;

    pass(run, PASS_FILL, victim);
    run->fills++;
    run->refused += atomic_load(&room->fill_was_refused);
    if (atomic_load(&room->in_section))
        assert_true(atomic_load(&room->fill_was_refused));
}

static void count_halt(struct run *run, const struct victim *victim)
{
    const struct function *function = subject_function_at(&run->subject, victim->at);
    size_t place = place_of(run, victim->at);

    is_met_first(run, victim->at);
    if (function != NULL)
        run->in_function[function - run->subject.functions]++;
    run->halted++;
    run->halted_addresses += !run->was_halted[place];
    run->was_halted[place] = true;
}

/* Counts the instruction that VICTIM stands before. True: it is one to be halted at. */
static bool is_to_halt_at(struct run *run, const struct victim *victim)
{
    struct text *text = subject_text_at(&run->subject, victim->at);
    bool inside = is_in_libtrove(run, victim->at) || run->play->everywhere;

    if (text != NULL)
        text->steps++;
    run->syscalls += victim_is_at_syscall(victim);
    if (inside)
        run->inside++;
    else
        run->outside++;
    return inside;
}

/* VICTIM stands before an instruction: does what has to be done there. */
static void look(struct run *run, const struct victim *victim)
{
    bool first;

    if (!is_to_halt_at(run, victim))
        return;
    first = is_met_first(run, victim->at);
    if (first || run->inside % run->play->stride == run->offset) {
        count_halt(run, victim);
        pass(run, PASS_CALLS, victim);
    }
}

/* --- the actor is halted ------------------------------------------------------------------------------------------ */

static void tell(atomic_uint *word)
{
    atomic_fetch_add(word, 1);
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Somebody waits for what the actor is about to put, and the source has been asked for it. */
static void begin_waiting(struct run *run, unsigned turn)
{
    tell(&run->subject.room->wanted);
    assert_true(subject_wait(&run->subject, &run->subject.room->held, turn, run->actor.tid));
}

/* The source gives it: whoever waits must get it, wherever the put stands. */
static void end_waiting(struct run *run, unsigned turn)
{
    tell(&run->subject.room->let_go);
    if (!subject_wait(&run->subject, &run->subject.room->got, turn, run->actor.tid))
        run->is_stuck = true;
}

/* A thread that the actor has started goes on by itself. */
static void let_child_go(struct run *run)
{
    struct victim child = {.tid = run->actor.child};

    victim_let_go(&child);
}

/* From the gate to the gate, halting. */
static void step_through(struct run *run)
{
    enum stop stop;

    while ((stop = victim_step(&run->actor)) != STOP_GATE && !run->is_stuck) {
        if (stop == STOP_BIRTH)
            let_child_go(run);
        else
            look(run, &run->actor);
    }
}

/* From the gate to libtrove's instruction of that number; false when there are fewer. */
static bool step_to(struct run *run, uint64_t number)
{
    uint64_t end = run->inside + number;
    enum stop stop;

    while ((stop = victim_step(&run->actor)) != STOP_GATE) {
        if (stop == STOP_BIRTH)
            let_child_go(run);
        else if (is_to_halt_at(run, &run->actor) && run->inside == end)
            return true;
    }
    return false;
}

static bool run_to(struct run *run, uint64_t address)
{
    enum stop stop;

    while ((stop = victim_run_to(&run->actor, address)) == STOP_BIRTH)
        let_child_go(run);
    return stop == STOP_STEP;
}

static void run_to_gate(struct run *run)
{
    enum stop stop;

    while ((stop = victim_run(&run->actor)) != STOP_GATE)
        if (stop == STOP_BIRTH)
            let_child_go(run);
}

/* The others' turn while the actor stands at its one instruction. */
static void go_on_beside(struct run *run)
{
    struct room *room = run->subject.room;

    count_halt(run, &run->actor);
    room->same = run->play->same;
    pass(run, PASS_CALLS, &run->actor);
    room->same = false;
    if (run->play->fill)
        fill(run, &run->actor);
}

/* One act with one halt, at the libtrove's instruction of that number, or the first time at ADDRESS. False: the act
 * ended before. */
static bool halt_once(struct run *run, uint64_t number, uint64_t address)
{
    static unsigned turn;
    bool stands;

    turn = run->halted == 0 ? 1 : turn + 1;
    if (run->play->waiter)
        begin_waiting(run, turn);
    stands = address != 0 ? run_to(run, address) : step_to(run, number);
    if (stands)
        go_on_beside(run);
    if (run->play->waiter)
        end_waiting(run, turn);
    if (stands && !run->is_stuck)
        run_to_gate(run);
    if (run->play->fill)
        pass(run, PASS_DRAIN, &run->actor);
    return stands;
}

/* Acts that nobody disturbs do not come to what they should: each put has to evict again. */
static void make_full(struct run *run, unsigned act)
{
    if (run->play->full && act % 4 == 3)
        pass(run, PASS_FULL, &run->actor);
}

/* Whether the first instructions of the functions that the play names were executed. */
static bool all_were_seen(const struct run *run)
{
    for (const char *const *name = run->play->functions; *name != NULL; name++) {
        const struct function *function = subject_function_named(&run->subject, *name);

        if (function == NULL || !was_seen(run, run->subject.text_begin + function->begin))
            return false;
    }
    return true;
}

/* The different instructions of some acts. */
static size_t list_addresses(struct run *run, uint64_t *addresses)
{
    size_t count = 0;
    enum stop stop;

    for (unsigned act = 0; act < LISTED_ACTS || (act < ACTS_MAX && !all_were_seen(run));) {
        stop = victim_step(&run->actor);
        if (stop == STOP_BIRTH)
            let_child_go(run);
        else if (stop == STOP_GATE)
            make_full(run, act++);
        else if (is_to_halt_at(run, &run->actor) && is_met_first(run, run->actor.at))
            addresses[count++] = run->actor.at;
    }
    return count;
}

/* Does one of the functions that the play is about begin at ADDRESS? */
static bool is_beginning(const struct run *run, uint64_t address)
{
    for (const char *const *name = run->play->functions; *name != NULL; name++) {
        const struct function *function = subject_function_named(&run->subject, *name);

        if (function != NULL && run->subject.text_begin + function->begin == address)
            return true;
    }
    return false;
}

/* At each STRIDE-th of the different instructions, and where the play's functions begin. */
static void halt_at_addresses(struct run *run, unsigned stride)
{
    static uint64_t addresses[PLACES / 2];
    size_t count = list_addresses(run, addresses), offset = seed() % stride;

    for (size_t i = 0; i < count && !run->is_stuck; i++) {
        if (i % stride != offset && !is_beginning(run, addresses[i]))
            continue;
        for (unsigned tries = 0; tries < TRIES && !halt_once(run, 0, addresses[i]); tries++)
            make_full(run, tries);
    }
}

/* At each STRIDE-th of those that an act executes, until some acts in a row have had fewer. */
static void halt_at_numbers(struct run *run, unsigned stride)
{
    unsigned ended = 0;

    for (uint64_t number = 1 + seed() % stride; ended < TRIES && !run->is_stuck; number += stride)
        ended = halt_once(run, number, 0) ? 0 : ended + 1;
}

static void play_once_each(struct run *run)
{
    halt_at_addresses(run, test_long() ? 1 : run->play->stride);
    if (test_long() && !run->play->stuck)
        halt_at_numbers(run, LONG_STRIDE);
}

static void play_actor(struct run *run)
{
    unsigned acts = test_long() ? run->play->stride : run->play->acts;

    for (unsigned i = 0; i < acts && !run->is_stuck; i++) {
        run->offset = (seed() + i) % run->play->stride;
        step_through(run);
    }
}

/* --- a thread of the library's is halted -------------------------------------------------------------------------- */

/* The actor acts until it starts a thread, and on to its gate; for a source the actor waits for the thread, and runs. */
static void wait_for_birth(struct run *run)
{
    enum stop stop;

    while ((stop = victim_run(&run->actor)) == STOP_GATE)
        ;
    assert_int_equal(stop, STOP_BIRTH);
    run->born = (struct victim){.tid = run->actor.child};
    atomic_store(&run->subject.room->over, true);
    victim_let_go(&run->actor);
}

/* The thread has nothing to do: gives it something. */
static void feed(struct run *run)
{
    if (run->play->source)
        tell(&run->subject.room->wanted);
    else
        pass(run, PASS_CALLS, &run->born);
}

/* At full speed; the others go on meanwhile, so that it has something to do. */
static void run_born_to(struct run *run, const char *name)
{
    const struct function *function = subject_function_named(&run->subject, name);
    enum stop stop;

    assert_non_null(function);
    victim_set_off_to(&run->born, run->subject.text_begin + function->begin);
    while (!victim_has_stopped(&run->born, &stop))
        pass(run, PASS_CALLS, &run->actor);
    assert_int_equal(stop, STOP_STEP);
    look(run, &run->born);
}

static void play_born(struct run *run)
{
    uint64_t max = run->play->steps_max * STEPS_FACTOR * (test_long() ? 10 : 1);

    wait_for_birth(run);
    if (run->play->run_from != NULL)
        run_born_to(run, run->play->run_from);
    for (uint64_t steps = 0; steps < max && !run->is_stuck; steps++) {
        if (victim_is_about_to_sleep(&run->born))
            feed(run);
        assert_int_equal(victim_step(&run->born), STOP_STEP);
        look(run, &run->born);
    }
}

/* --- a play ------------------------------------------------------------------------------------------------------- */

static void set_room(struct room *room, const struct play *play)
{
    room->act = play->act;
    room->source = play->source;
    room->waiter = play->waiter;
    room->holds = play->waiter && !play->born;
    room->bump = play->bump;
    room->keeps = play->keeps;
    room->all = play->all;
    room->others_replace = play->others_replace;
    room->object_bytes = play->object_bytes;
    room->objects = play->objects;
    room->max_bytes = play->max_bytes;
    room->requests_at_once = play->born ? 1 : 2;
    room->others_resolve = play->source && !play->born && !play->waiter;
}

static void report(const struct run *run)
{
    const struct room *room = run->subject.room;
    unsigned functions = 0;

    for (size_t i = 0; i < run->subject.function_count; i++)
        functions += run->in_function[i] != 0;
    printf(
        "%s: halted %lu times, in %u functions of libtrove, at %lu of %lu different instructions\n",
        run->play->name, run->halted, functions, run->halted_addresses, run->addresses);
    printf(
        "    others meanwhile: %lu calls, %lu of them resolves, %lu puts refused; %lu replacements\n",
        atomic_load(&room->calls), atomic_load(&room->resolves), atomic_load(&room->overfulls),
        atomic_load(&room->replacements));
    printf(
        "    step by step: %lu instructions where it is halted, %lu elsewhere, %lu system calls;",
        run->inside, run->outside, run->syscalls);
    for (unsigned i = 0; i < run->subject.text_count; i++)
        if (run->subject.texts[i].steps > 0)
            printf(" %s %lu", run->subject.texts[i].name, run->subject.texts[i].steps);
    printf("\n");
    for (size_t i = 0; getenv("HALTED_FUNCTIONS") != NULL && i < run->subject.function_count; i++)
        if (run->in_function[i] != 0)
            printf("    %lu in %s\n", run->in_function[i], run->subject.functions[i].name);
    if (run->fills > 0)
        printf(
            "    %lu times the others went on until there was no room, or more was put than may wait to be "
            "free: %lu refused\n",
            run->fills, run->refused);
}

static void check_functions(const struct run *run)
{
    for (const char *const *name = run->play->functions; *name != NULL; name++) {
        const struct function *function = subject_function_named(&run->subject, *name);

        if (function == NULL || run->in_function[function - run->subject.functions] == 0)
            fail_msg("%s: never halted in %s", run->play->name, *name);
    }
}

void play(const struct play *play)
{
    static struct run run;
    struct room *room;
    int fd;

    if (run.subject.pid != 0)
        subject_kill(&run.subject); /* of a test that failed */
    memset(&run, 0, sizeof(run));
    run.play = play;
    room = room_create(&fd);
    set_room(room, play);
    subject_start(&run.subject, play->program != NULL ? play->program : "halted_subject", room, fd,
                  &run.actor);
    assert_true(run.subject.function_count <= sizeof(run.in_function) / sizeof(run.in_function[0]));
    if (!play->cold && !play->born) {
        pass(&run, PASS_CALLS, &run.actor);
        pass(&run, PASS_DRAIN, &run.actor);
    }
    if (play->full)
        pass(&run, PASS_FULL, &run.actor);
    if (play->born)
        play_born(&run);
    else if (play->once)
        play_once_each(&run);
    else
        play_actor(&run);
    report(&run);
    if (run.is_stuck != play->stuck)
        fail_msg("%s: the others %s", play->name,
                 run.is_stuck ? "will never finish" : "finished, which they should not");
    if (!play->stuck)
        check_functions(&run);
    subject_kill(&run.subject);
}
