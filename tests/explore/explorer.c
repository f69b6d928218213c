// SPDX-License-Identifier: MIT
/*
 * explorer.c - the search: threads as coroutines, choices, one run after the other. See explorer.h.
 */
#include "explorer_internal.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trove/allocator.h>

#define CHOICES_MAX 4096
#define STEPS_MAX 20000
#define STACK_BYTES ((size_t)64 << 10)
#define OUTCOMES_MAX 64

struct run run;

/* The choices of a run: those of the last one up to the one that was changed, then firsts. */
static struct choice {
    uint32_t step;
    uint16_t count, picked;
    char kind;
} choices[CHOICES_MAX];
static unsigned choice_count, choice_at;

/* A replay's: all but the firsts. */
static struct choice given[CHOICES_MAX];
static unsigned given_count;
static bool is_replay;

static struct explorer_result result;
static uint64_t outcomes[OUTCOMES_MAX];
static unsigned outcome_count;
static ucontext_t main_context;
static jmp_buf main_failed;
static _Alignas(64) char stacks[THREADS][STACK_BYTES];

/* Which threads read and write a word: as known when the search began, and by now. */
static struct use {
    uint8_t readers, writers;
} known[PLACES], found[PLACES];
static uint32_t touched[PLACES];
static unsigned touched_count;
static bool found_more;

/* --- failures ----------------------------------------------------------------------------------------------------- */

void say(const char *format, ...)
{
    va_list args;

    if (!run.verbose)
        return;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

static void note_choices(void)
{
    size_t at = (size_t)sprintf(result.choices, "b0=%u", run.bounds.stale);

    for (unsigned i = 0; i < choice_at && at + 16 < sizeof(result.choices); i++)
        if (choices[i].picked != 0)
            at += (size_t)sprintf(result.choices + at, " %c%u=%u", choices[i].kind, choices[i].step,
                                  choices[i].picked);
}

/* The run ends here. */
static void end_run(void)
{
    if (in_thread())
        setcontext(&main_context);
    longjmp(main_failed, 1);
}

void complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(result.why, sizeof(result.why), format, args);
    va_end(args);
    say("FAILED: %s\n", result.why);
    result.failed = true;
    if (!is_replay)
        note_choices();
    end_run();
    abort();
}

void explorer_fail(const char *why)
{
    complain("%s", why);
}

static void on_fault(int number)
{
    (void)number;
    complain("access to memory that is not there");
}

/* A wild pointer ends the run, not the test. BEFORE: whose the signal is between searches. */
static void catch_faults(struct sigaction *ret_before)
{
    static char stack[64 << 10];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof(stack)};
    const struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_NODEFER};

    if (sigaltstack(&own, NULL) != 0 || sigaction(SIGSEGV, &action, ret_before) != 0)
        abort();
}

/* --- choices ------------------------------------------------------------------------------------------------------ */

static unsigned choose_given(char kind, unsigned count)
{
    for (unsigned i = 0; i < given_count; i++)
        if (given[i].step == run.step && given[i].kind == kind && given[i].picked < count)
            return given[i].picked;
    return 0;
}

unsigned choose(char kind, unsigned count)
{
    struct choice *choice = &choices[choice_at];

    if (count == 1)
        return 0;
    if (is_replay)
        return choose_given(kind, count);
    if (choice_at == CHOICES_MAX)
        complain("more than %u choices", CHOICES_MAX);
    if (choice_at++ == choice_count) {
        choice_count++;
        *choice = (struct choice){run.step, (uint16_t)count, 0, kind};
    } else if (choice->count != count || choice->kind != kind || choice->step != run.step) {
        fprintf(stderr, "%s: a run did not repeat\n", run.one->name);
        abort();
    }
    return choice->picked;
}

/* The next run's. False: that was the last. */
static bool choose_next(void)
{
    choice_count = choice_at;
    while (choice_count > 0) {
        struct choice *last = &choices[choice_count - 1];

        if (++last->picked < last->count)
            return true;
        choice_count--;
    }
    return false;
}

static void read_given(const char *text)
{
    int length;

    for (given_count = 0; given_count < CHOICES_MAX; given_count++, text += length) {
        struct choice *choice = &given[given_count];

        if (sscanf(text, " %c%u=%hu%n", &choice->kind, &choice->step, &choice->picked, &length) < 3)
            break;
        if (choice->kind == 'b') /* which stores a load may choose among depends on it */
            run.bounds.stale = choice->picked;
    }
}

/* --- who goes next ------------------------------------------------------------------------------------------------ */

static bool is_asleep(unsigned thread)
{
    return run.threads[thread].state == ASLEEP;
}

/* Of sleepers whose deadlines may come, whose last came longest ago comes first: of two who poll, each gets on. */
static void sort_late(unsigned *threads, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        for (unsigned k = i; k > 0 && is_asleep(threads[k - 1]) && is_asleep(threads[k]) &&
                             run.threads[threads[k]].late_at < run.threads[threads[k - 1]].late_at;
             k--) {
            unsigned before = threads[k - 1];

            threads[k - 1] = threads[k];
            threads[k] = before;
        }
}

/* Who yielded after a late load has nothing to wait for: a store is seen at last. When all have yielded, whoever did so longest
 * ago goes on, and no other: of two who poll, one could go on for ever. 0: nobody has. */
static unsigned longest_yielded(void)
{
    unsigned longest = 0;

    for (unsigned i = 1; i < THREADS; i++)
        if (run.threads[i].state == READY && run.threads[i].stores_before > run.stores &&
            (longest == 0 || run.threads[i].late_at < run.threads[longest].late_at))
            longest = i;
    return longest;
}

/* The threads that could go on, in RET; among them sleepers whose deadline may come now, the current one too: as preemptions
 * while others could go on, so that it cannot come for ever. */
static unsigned others(unsigned *ret)
{
    unsigned count = 0;

    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 1; i < THREADS; i++) {
            const struct thread *thread = &run.threads[i];
            bool ready = thread->state == READY && i != run.current &&
                         (thread->stores_before == 0 || thread->stores_before <= run.stores);
            bool late = thread->state == ASLEEP && thread->has_deadline;

            if (pass == 0 ? ready : late)
                ret[count++] = i;
        }
    sort_late(ret, count);
    if (count == 0 && (ret[0] = longest_yielded()) != 0)
        count = 1;
    return count;
}

static void go_on_with(unsigned next)
{
    unsigned before = run.current;
    struct thread *thread = &run.threads[next];

    say("  -> thread %u\n", next);
    thread->stores_before = 0;
    if (thread->state == ASLEEP) {
        thread->state = READY;
        thread->timed_out = true;
        thread->late_at = run.step;
    }
    if (before == next)
        return;
    run.current = next;
    local_exchange(before, next);
    if (before == 0)
        swapcontext(&main_context, &thread->context);
    else
        swapcontext(&run.threads[before].context, &thread->context);
}

void switch_away(void)
{
    unsigned candidates[THREADS], count = others(candidates), next;

    if (count > 0) {
        bool can_go_on = !is_asleep(candidates[0]);

        while (can_go_on && !is_replay && run.preemptions == run.bounds.preemptions &&
               is_asleep(candidates[count - 1]))
            count--;
        next = candidates[choose('s', count)];
        run.preemptions += can_go_on && is_asleep(next);
        go_on_with(next);
        return;
    }
    for (unsigned i = 1; i < THREADS; i++)
        if (!run.threads[i].is_helper &&
            (run.threads[i].state == ASLEEP || run.threads[i].stores_before != 0))
            complain("thread %u sleeps, and nobody is left to wake it", i);
    setcontext(&main_context);
}

static bool is_met(const struct use *use, bool writes)
{
    unsigned mine = 1u << run.current, rivals = use->writers;

    if (writes)
        rivals |= use->readers;
    return (rivals & ~mine) != 0;
}

static void note_use(uint32_t place, bool writes)
{
    uint8_t mine = (uint8_t)(1u << run.current);
    struct use *use = &found[place];
    uint8_t *bits = writes ? &use->writers : &use->readers;

    if (*bits & mine)
        return;
    if ((use->readers | use->writers) == 0)
        touched[touched_count++] = place;
    *bits |= mine;
    if (use->writers != 0 && ((use->readers | use->writers) & ((use->readers | use->writers) - 1)))
        found_more = true;
}

void schedule_point(uint32_t place, bool writes)
{
    unsigned candidates[THREADS], count, picked;

    if (!in_thread())
        return;
    result.accesses++;
    if (++run.step > STEPS_MAX)
        complain("more than %u steps", STEPS_MAX);
    note_use(place, writes);
    if (!is_replay && (run.preemptions == run.bounds.preemptions || !is_met(&known[place], writes)))
        return;
    count = others(candidates);
    picked = choose('p', count + 1);
    if (picked == 0)
        return;
    run.preemptions++;
    go_on_with(candidates[picked - 1]);
}

void tick(void)
{
    struct thread *thread = self();

    if (!in_thread())
        return;
    if (++thread->view.before.at[run.current] == UINT16_MAX)
        complain("a thread's clock is full");
    thread->view.seen.at[run.current] = thread->view.before.at[run.current];
}

/* --- one run ------------------------------------------------------------------------------------------------------ */

static void thread_main(void)
{
    struct thread *thread = self();

    if (thread->start != NULL)
        thread->start(thread->start_context);
    else
        run.one->threads[run.current - 1](run.context);
    local_end();
    say("  thread %u ends\n", run.current);
    thread->state = DONE;
    if (thread->joined_by != 0)
        run.threads[thread->joined_by].state = READY;
    switch_away();
}

static void begin_thread(unsigned number, const struct view *view)
{
    struct thread *thread = &run.threads[number];

    thread->view = *view;
    thread->view.before.at[number] = thread->view.seen.at[number] = 1;
    thread->state = READY;
    getcontext(&thread->context);
    thread->context.uc_stack.ss_sp = stacks[number];
    thread->context.uc_stack.ss_size = STACK_BYTES;
    thread->context.uc_link = NULL;
    makecontext(&thread->context, thread_main, 0);
}

unsigned start_helper(void *(*start)(void *context), void *context)
{
    unsigned number = 1;

    while (number < THREADS &&
           (run.threads[number].start != NULL || run.one->threads[number - 1] != NULL))
        number++;
    if (number == THREADS)
        complain("more than %u threads", EXPLORER_THREADS);
    run.threads[number].start = start;
    run.threads[number].start_context = context;
    run.threads[number].is_helper = true;
    begin_thread(number, &self()->view);
    return number;
}

static void begin_run(void)
{
    memset(run.threads, 0, sizeof(run.threads));
    for (unsigned i = 0; i < THREADS; i++)
        run.threads[i].state = DONE;
    run.threads[0].view.before.at[0] = run.threads[0].view.seen.at[0] = 1;
    run.current = run.preemptions = run.stale = run.again = 0;
    run.step = 0;
    run.stores = 1;
    run.number++;
    run.checking = false;
    choice_at = 0;
    result.runs++;
    plain_memory_begin();
    weak_memory_begin();
    explored_kernel_begin();
    local_begin();
}

static void end_threads(void)
{
    local_exchange(run.current, 0);
    run.current = 0;
    run.checking = true;
    for (unsigned i = 1; i < THREADS; i++)
        view_join(&run.threads[0].view, &run.threads[i].view);
}

static void run_once(void)
{
    begin_run();
    if (setjmp(main_failed) != 0)
        return;
    run.context = explorer_alloc(run.one->bytes + 1, 128);
    memset(run.context, 0, run.one->bytes);
    if (run.one->setup != NULL)
        run.one->setup(run.context);
    for (unsigned i = 1; i < THREADS; i++)
        if (run.one->threads[i - 1] != NULL)
            begin_thread(i, &run.threads[0].view);
    switch_away();
    if (result.failed)
        return;
    end_threads();
    if (run.one->check != NULL)
        run.one->check(run.context);
}

/* --- the search --------------------------------------------------------------------------------------------------- */

static void forget_uses(void)
{
    for (unsigned i = 0; i < touched_count; i++)
        known[touched[i]] = found[touched[i]] = (struct use){0};
    touched_count = 0;
}

static void *allocate(void *context, size_t size, size_t align)
{
    (void)context;
    return explorer_alloc(size, align);
}

static void give_back(void *context, void *memory, size_t size, size_t align)
{
    (void)context, (void)size, (void)align;
    explorer_free(memory);
}

static size_t usable(void *context, size_t size, size_t align)
{
    (void)context, (void)align;
    return (size + 31) & ~(size_t)31;
}

static void begin(const struct explorer_case *one, struct explorer_bounds bounds, bool replay)
{
    static const struct trove_allocator allocator = {
        .alloc = allocate, .free = give_back, .usable = usable};
    static bool is_set;

    if (!is_set && trove_set_allocator(&allocator) != 0)
        abort();
    is_set = true;
    memset(&result, 0, sizeof(result));
    run.one = one;
    run.bounds = bounds;
    run.verbose = is_replay = replay;
    outcome_count = 0;
    choice_count = 0;
    forget_uses();
}

/* All runs with the words known to be shared. True: there is one more such word. */
static bool search(void)
{
    choice_count = 0;
    do {
        found_more = false;
        run_once();
        if (result.failed || (run.bounds.runs != 0 && result.runs >= run.bounds.runs))
            return false;
        if (found_more)
            return true;
    } while (choose_next());
    choice_count = 0;
    return false;
}

struct explorer_result explorer_run(const struct explorer_case *one, struct explorer_bounds bounds)
{
    struct sigaction before;

    begin(one, bounds, false);
    catch_faults(&before);
    while (search())
        for (unsigned i = 0; i < touched_count; i++)
            known[touched[i]] = found[touched[i]];
    sigaction(SIGSEGV, &before, NULL);
    result.gave_up = !result.failed && bounds.runs != 0 && result.runs >= bounds.runs;
    forget_uses();
    return result;
}

struct explorer_result explorer_replay(const struct explorer_case *one, const char *text)
{
    struct sigaction before;

    begin(one, (struct explorer_bounds){CHOICES_MAX, CHOICES_MAX, 1}, true);
    catch_faults(&before);
    read_given(text);
    run_once();
    sigaction(SIGSEGV, &before, NULL);
    forget_uses();
    run.verbose = is_replay = false;
    return result;
}

void explorer_outcome(uint64_t value)
{
    for (unsigned i = 0; i < outcome_count; i++)
        if (outcomes[i] == value)
            return;
    if (outcome_count == OUTCOMES_MAX)
        complain("more than %u outcomes", OUTCOMES_MAX);
    outcomes[outcome_count++] = value;
}

unsigned explorer_outcomes(const uint64_t **ret_values)
{
    *ret_values = outcomes;
    return outcome_count;
}
