/* SPDX-License-Identifier: MIT */
/*
 * flight.pml - one missing id on its way, as core/admission.c, core/flight.c, core/flight_table.c, core/gather*.c,
 * core/request.c, core/sink.c, core/dispatch.c and core/unit.c have it; sequentially consistent memory. Each access to a
 * shared word is one step; the comment beside a step says which function makes it, and the runner holds these names to the
 * sources.
 *
 * CALLERS callers of trove_resolve() (even ones have a deadline, or a token, that may come at any time), one fetch thread
 * with a source that gives the object, gives it uncached, has not got it or fails, the dispatcher; a put of the id, its
 * eviction, a shutdown. STOPS: any one caller, or the put, stops for ever before any of its steps.
 *
 *   state[f]  phase, and WAITER times the waiters: one word, as in the code
 *   word[f]   the futex word: 0 pending, 1 pending with sleepers, 2 terminal
 *   refs[f]   references; at 0 the flight is free and may begin another life
 *   tab       the flight table: the flight of the id + 1, 0 for none (add if absent, and taking out, are one step each:
 *             flight_table.c's lists, and the versions of their links, are not modelled)
 *   nodes[f]  gather nodes of f on the stack
 *   work, idle, fetcher_asleep  gather_threads.c's
 *
 * Not said: weak memory, streams, fetches and parked flights, starting of threads, several fetch threads, what is nested.
 */
#ifndef CALLERS
#define CALLERS 2
#endif
#ifndef FLIGHTS
#define FLIGHTS 2
#endif
#ifndef PUT
#define PUT 0
#endif
#ifndef EVICT
#define EVICT 0
#endif
#ifndef SHUTDOWN
#define SHUTDOWN 0
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef ANSWERS
#define ANSWERS 2 /* requests that the source may answer other than with the object */
#endif

#define NEW      0
#define GATHERED 1
#define SENT     2
#define FOUND    3
#define FAILED   4
#define DROPPED  5
#define LEFT     6
#define WAITER   8
#define PHASE(s) ((s) & 7)
#define WAITERS(s) ((s) >> 3)

/* Results of a call. */
#define NONE     0
#define OK       1
#define ERROR    2
#define ABSENT   3
#define CANCELED 4
#define TIMEOUT  5
#define AGAIN    6

byte mutant = 0;
#define M(name) (mutant == name)
#define STORE_NOT_EXCHANGE 1  /* the terminal word is stored, after a look at the old one: a lost wake */
#define PHASE_IN_WORD      2  /* the futex word tells the phase too */
#define REF_FROM_ZERO      3  /* a reference is taken from a free flight */
#define NO_LAST_READ       5  /* past the deadline the word is not looked at once more */
#define WAKE_ONE           6  /* one sleeper is woken, and nobody hands the others on */
#define JOIN_FAILED        7  /* a failed flight is joined */
#define TERMINAL_FIRST     8  /* as JOIN_LATE, and the word is terminal before the flight is out of the table */
#define NO_CACHE_LOOKS     9  /* neither leader nor fetch thread look into the cache again */
#define NO_JOINER_PUSH     10 /* who joins an unpushed flight pushes no node */
#define SEEN_AFTER_TAKE    11 /* the fetch thread notes `work` after it looked at the stack */
#define LEAD_CLOSED        12 /* a leader does not look whether the unit is closed */
#define DROP_WANTED        13 /* the waiters are counted apart from the phase */
#define RESULT_AFTER_WORD  14 /* the result is written when the word is terminal */
#define LET_GO_WAITED      15 /* the object is let go while somebody waits */
#define NO_DISPATCH_REF    17 /* the dispatcher takes no reference */
#define PUSH_WITHOUT_LOOK  18 /* a push does not look for an idle fetch thread */
#define SLEEP_ON_ANY       19 /* a waiter sleeps whatever the word is by then: no compare in the kernel */
#define JOIN_LATE          20 /* as JOIN_FAILED, but a failure counts as old only when its word is terminal: this must pass */

byte word[FLIGHTS], state[FLIGHTS], refs[FLIGHTS], res[FLIGHTS], nodes[FLIGHTS];
bool object[FLIGHTS], is_taken[FLIGHTS]; /* not in the pool */
byte tab = 0;
bool cached = 0, closed = 0;
byte work = 0;
bool idle = 0, fetcher_asleep = 0;
byte dispatch[FLIGHTS];         /* the dispatcher's stack */
byte asleep[4];                 /* per caller: the flight + 1 on whose word it sleeps in the kernel */
byte stopped = 0;               /* who has stopped for ever */
byte answers = ANSWERS;

/* Ghosts. */
bool absent[FLIGHTS];           /* at some moment since the flight was made the id was not cached */
bool requested[FLIGHTS];
bool inserted[FLIGHTS];         /* was in the table */
bool ever_evicted = 0;
byte errors = 0;                /* failures decided so far */
byte error_of[FLIGHTS];
byte finished = 0;

byte putter_pid = 255;

inline use(f) { assert(refs[f] > 0) }

/* trove__flight_unref() */
inline unref(f) {
    use(f);
    refs[f]--;
    if
    :: refs[f] == 0 -> assert(is_taken[f]); is_taken[f] = 0; inserted[f] = 0; object[f] = 0; /* trove__flight_pool_give() */
        res[f] = 0; absent[f] = 0; requested[f] = 0; error_of[f] = 0; word[f] = 0; state[f] = 0
    :: else
    fi
}

/* trove__flight_remove(): whoever takes it out drops the table's reference */
inline remove(f) {
    atomic {
        use(f);
        if
        :: tab == f + 1 -> tab = 0; unref(f)
        :: else
        fi
    }
}

/* let_go(), for the step after the word was seen terminal */
inline let_go(f) {
    atomic {
        use(f);
        if
        :: word[f] == 2 && (state[f] == FOUND || (M(LET_GO_WAITED) && PHASE(state[f]) == FOUND)) ->
            state[f] = state[f] - FOUND + LEFT; object[f] = 0
        :: else
        fi
    }
}

/* trove__flight_leave() */
inline leave_flight(f, v) {
    atomic { use(f); v = state[f]; state[f] = state[f] - WAITER }
    if
    :: v == FOUND + WAITER || (M(LET_GO_WAITED) && PHASE(v) == FOUND) -> let_go(f)
    :: else
    fi;
    v = 0
}

inline wake_all(f) {
    if :: asleep[1] == f + 1 -> asleep[1] = 0 :: else fi;
    if :: asleep[2] == f + 1 -> asleep[2] = 0 :: else fi;
    if :: asleep[3] == f + 1 -> asleep[3] = 0 :: else fi
}
inline wake_first(f) {
    if
    :: asleep[1] == f + 1 -> asleep[1] = 0
    :: asleep[2] == f + 1 -> asleep[2] = 0
    :: asleep[3] == f + 1 -> asleep[3] = 0
    :: else
    fi
}

/* trove__flight_complete() with outcome R; V and O are the caller's */
inline complete(f, r, v, o) {
    atomic {                                      /* decide() */
        use(f);
        v = (PHASE(state[f]) < FOUND);
        if
        :: v && r == OK -> state[f] = state[f] - PHASE(state[f]) + FOUND
        :: v && r != OK ->
            state[f] = state[f] - PHASE(state[f]) + FAILED;
            if :: r == ERROR && !M(JOIN_LATE) && !M(TERMINAL_FIRST) -> errors++; error_of[f] = errors :: else fi
        :: else
        fi;
        if
        :: v && !M(RESULT_AFTER_WORD) -> res[f] = r; object[f] = (r == OK)
        :: else
        fi
    }
    if
    :: v ->
        atomic { if :: M(TERMINAL_FIRST) :: else -> remove(f) fi } /* before the word (I4) */
        if
        :: M(STORE_NOT_EXCHANGE) -> o = word[f]; word[f] = 2
        :: atomic {
                else ->
                use(f); o = word[f]; word[f] = 2;
                if
                :: r == ERROR && (M(JOIN_LATE) || M(TERMINAL_FIRST)) -> errors++; error_of[f] = errors
                :: else
                fi
            }
        fi;
        atomic {
            if
            :: M(TERMINAL_FIRST) -> remove(f)
            :: M(RESULT_AFTER_WORD) -> res[f] = r; object[f] = (r == OK)
            :: else
            fi
        }
        if
        :: o == 1 ->                              /* trove__dispatch(): a few at once, hand_over() for the rest */
            atomic { use(f); wake_first(f) }
            if
            :: M(WAKE_ONE)
            :: else -> atomic {
                    use(f);
                    dispatch[f]++;
                    if :: M(NO_DISPATCH_REF) :: else -> refs[f]++ fi
                }
            fi
        :: else -> let_go(f)
        fi
    :: else
    fi;
    atomic { v = 0; o = 0 }
}

/* trove__admission_push(), trove__gather_push(), trove__gather_kick(), wake_idle(), trove__flight_moved() of one node */
inline push(f, v) {
    atomic { use(f); refs[f]++; nodes[f]++ }      /* one reference is the push's own, the node has its own */
    work = (work + 1) % 4;
    atomic {
        if
        :: idle && !M(PUSH_WITHOUT_LOOK) -> fetcher_asleep = 0
        :: else
        fi
    }
    atomic {
        use(f);
        if
        :: PHASE(state[f]) == NEW -> state[f] = state[f] + GATHERED
        :: else
        fi;
        unref(f)
    }
}

/* trove_resolve() */
proctype caller(byte me) provided (stopped != _pid) { /* caller 1 has pid 1 */
    byte f, spare, v, r, mine, old;
    bool timed, late, pushes;

    mine = errors;
again:
    if :: closed -> r = CANCELED; goto out :: else fi;  /* trove__admit() */
try:
    if :: cached -> r = OK; goto out :: else fi;        /* try_join(): trove__cache_find() */
    if                                                  /* trove__flight_find(): search() */
    :: atomic { tab != 0 -> f = tab - 1 }
        atomic {                                        /* trove__flight_try_ref() */
            if
            :: refs[f] > 0 || M(REF_FROM_ZERO) -> refs[f]++
            :: else -> f = 0; goto try
            fi
        }
        atomic {                                        /* the second look */
            if
            :: tab != f + 1 -> unref(f); f = 0; goto try
            :: else
            fi
        }
        atomic {                                        /* trove__flight_join() */
            use(f);
            if
            :: PHASE(state[f]) >= FAILED && !((M(JOIN_FAILED) || M(JOIN_LATE) || M(TERMINAL_FIRST)) && PHASE(state[f]) == FAILED) -> v = 0
            :: else -> state[f] = state[f] + WAITER; v = 1; assert(inserted[f])
            fi
        }
        if
        :: v == 0 -> remove(f); atomic { unref(f); f = 0; goto try }   /* help it out, start over */
        :: else
        fi;
        if
        :: closed -> atomic { unref(f); r = CANCELED; goto out }
        :: else
        fi;
        atomic {                                        /* join(), needs_push(), plan_push() */
            v = 0;
            pushes = (PHASE(state[f]) == NEW && !M(NO_JOINER_PUSH));
            if :: pushes -> refs[f]++ :: else fi;
            goto admitted
        }
    :: else
    fi;
    if
    :: atomic {
            spare == 0 ->                               /* trove__flight_create(), trove__flight_pool_take() */
            if
            :: !is_taken[0] -> spare = 1
            :: is_taken[0] && !is_taken[1] -> spare = 2
#if FLIGHTS > 2
            :: is_taken[0] && is_taken[1] && !is_taken[2] -> spare = 3
#endif
            :: else -> r = AGAIN; goto out
            fi;
            is_taken[spare - 1] = 1; refs[spare - 1] = 2; state[spare - 1] = NEW + WAITER; word[spare - 1] = 0; object[spare - 1] = 0;
            absent[spare - 1] = !cached; requested[spare - 1] = 0; res[spare - 1] = 0
        }
    :: else
    fi;
    atomic {                                            /* trove__flight_insert() */
        if
        :: tab == 0 -> f = spare - 1; tab = spare; inserted[f] = 1; spare = 0
        :: else -> goto again
        fi
    }
    if                                                  /* lead(): the cache once more, then `closed` */
    :: cached && !M(NO_CACHE_LOOKS) -> r = OK
    :: else -> if :: closed && !M(LEAD_CLOSED) -> r = CANCELED :: else fi
    fi;
    atomic { refs[f]++; pushes = 1 }                    /* plan_push() */
    if
    :: r != NONE ->
        leave_flight(f, v);
        atomic { unref(f) }
        push(f, v);
        pushes = 0;
        goto out
    :: else
    fi;
admitted:
    if
    :: pushes -> push(f, v); pushes = 0
    :: else
    fi;
    do                                                  /* trove__flight_wait() */
    :: if :: word[f] == 2 -> break :: else fi;          /* trove__flight_is_done() */
       atomic {
            use(f);
            old = word[f];
            if :: old == 0 -> word[f] = 1 :: else fi
       }
       if :: old == 2 -> break :: else fi;
       atomic {                                         /* trove__wait_any(): the kernel compares under its lock */
            use(f);
            if
            :: word[f] == 1 || (M(PHASE_IN_WORD) && word[f] == 3) || M(SLEEP_ON_ANY) -> asleep[me] = f + 1
            :: else
            fi
       }
       if
       :: asleep[me] == 0
       :: atomic { asleep[me] != 0 && me % 2 == 0 -> asleep[me] = 0; timed = 1; late = (word[f] == 2) }
       fi;
       if
       :: timed -> if :: word[f] == 2 && !M(NO_LAST_READ) -> timed = 0; break :: else -> break fi
       :: else
       fi
    od;
    atomic {                                            /* trove__flight_result() */
        old = 0;
        use(f);
        if
        :: timed -> r = TIMEOUT; assert(!late)          /* a result beats a time-out */
        :: else ->
            r = res[f];
            assert(r != NONE);
            assert(r != OK || object[f]);
            assert(r != ERROR || error_of[f] > mine);   /* no error that was decided before the call */
            assert(r != CANCELED || closed)
        fi;
        timed = 0; late = 0
    }
    leave_flight(f, v);
    atomic { unref(f) }
out:
    if
    :: spare != 0 -> atomic { f = spare - 1; unref(f); unref(f) }
    :: else
    fi;
    atomic { f = 0; spare = 0; v = 0; r = 0; mine = 0; old = 0; finished++ }
}

/* fetcher_main(): next_work(), run_ids(), trove__request_run_ids() */
proctype fetcher() {
    byte f, v, o, r, seen;
    bool again;

    do
    :: idle = 1;                                        /* next_work(): idle, then `work`, then the stack */
rest:
       if :: closed -> break :: else fi;
       if :: !M(SEEN_AFTER_TAKE) -> seen = work :: else fi;
       atomic {                                         /* trove__gather_take(), trove__gather_detach() */
            if
            :: nodes[0] > 0 -> f = 0; r = 1
            :: nodes[0] == 0 && nodes[1] > 0 -> f = 1; r = 1
#if FLIGHTS > 2
            :: nodes[0] == 0 && nodes[1] == 0 && nodes[2] > 0 -> f = 2; r = 1
#endif
            :: else -> r = 0
            fi;
            if
            :: r -> nodes[f]--;
                if :: PHASE(state[f]) == NEW -> state[f] = state[f] + GATHERED :: else fi
            :: else
            fi
       }
       if
       :: r == 0 ->
            if :: M(SEEN_AFTER_TAKE) -> seen = work :: else fi;
            atomic { if :: work == seen && !closed -> fetcher_asleep = 1 :: else fi }
            fetcher_asleep == 0;
            goto rest
       :: else
       fi;
       atomic { r = 0; seen = 0; idle = 0 }
       v = (PHASE(state[f]) >= SENT);                   /* trove__request_claim() */
       if
       :: v -> v = 0; goto node_done
       :: else
       fi;
       if
       :: cached && !M(NO_CACHE_LOOKS) -> complete(f, OK, v, o); goto node_done
       :: else
       fi;
       if
       :: M(DROP_WANTED) -> o = (WAITERS(state[f]) == 0)
       :: else
       fi;
       atomic {                                         /* trove__flight_send() */
            use(f);
            if
            :: PHASE(state[f]) >= SENT -> v = 0
            :: PHASE(state[f]) < SENT && (M(DROP_WANTED) -> o : WAITERS(state[f]) == 0) ->
                state[f] = state[f] - PHASE(state[f]) + DROPPED; v = 2
            :: else ->
                state[f] = state[f] - PHASE(state[f]) + SENT; v = 1;
                assert(absent[f]);                      /* not fetched although it was there all along */
                assert(!requested[f]);
                assert(f == 0 || !requested[0]); assert(f == 1 || !requested[1]);
                requested[f] = 1;
                refs[f]++
            fi;
            o = 0
       }
       if
       :: v == 2 -> v = 0; remove(f); goto node_done
       :: v == 0 -> goto node_done
       :: else -> v = 0
       fi;
       if :: M(PHASE_IN_WORD) -> word[f] = 3 :: else fi;
       atomic { unref(f) }                              /* trove__gather_node_free() */
       if                                               /* the source runs; run_source() */
       :: closed -> r = CANCELED
       :: r = OK;                                       /* publish(), trove__cache_insert(), hand_over() */
            cached = 1
       :: atomic { answers > 0 -> answers--; r = OK }   /* given, not to be cached */
       :: atomic { answers > 0 -> answers--; r = ABSENT }
       :: atomic { answers > 0 -> answers--; r = ERROR }
       fi;
       if                                               /* trove__request_fail(): the cache once more */
       :: r != OK && cached -> r = OK
       :: else
       fi;
       requested[f] = 0;
       complete(f, r, v, o);
node_done:
       atomic { unref(f); f = 0; r = 0; v = 0; o = 0 }
    od;
    idle = 0
}

/* dispatcher_main(), serve() */
proctype dispatcher() {
    byte f;
end:
    do
    :: atomic {
            dispatch[0] + dispatch[1] > 0 ->
            if :: dispatch[0] > 0 -> f = 0 :: else -> f = 1 fi;
            dispatch[f]--
       }
       atomic { use(f); wake_all(f) }
       atomic { if :: M(NO_DISPATCH_REF) :: else -> unref(f) fi; f = 0 }
    od
}

/* trove_put(): completes no flight */
proctype putter() provided (stopped != _pid) {
    cached = 1
}

proctype evictor() {
    atomic { cached -> cached = 0; ever_evicted = 1; absent[0] = 1; absent[1] = 1 }
}

/* trove__unit_close(), sweep() */
proctype closer() {
    byte f, v, o;

    closed = 1;
    atomic { work = (work + 1) % 4; fetcher_asleep = 0 } /* trove__gather_wake_all() */
    do
    :: f == FLIGHTS -> break
    :: else ->
        atomic { if :: refs[f] > 0 -> refs[f]++; v = 1 :: else -> v = 0 fi }
        if
        :: v -> complete(f, CANCELED, v, o); atomic { unref(f) }
        :: else
        fi;
        f++
    od;
    f = 0
}

/* Any one of the callers or the put stops anywhere. */
proctype stopper() {
    if
    :: stopped = 1
    :: stopped = 2
#if CALLERS > 2
    :: stopped = 3
#endif
#if PUT
    :: stopped = putter_pid
#endif
    :: true
    fi
}

init {
    byte i;

    atomic {
        c_code { if (getenv("MUTANT") != 0) now.mutant = (unsigned char)atoi(getenv("MUTANT")); };
        for (i : 1 .. CALLERS) { run caller(i) }
        i = 0;
        run fetcher();
        run dispatcher();
#if PUT
        putter_pid = run putter();
#endif
#if EVICT
        run evictor();
#endif
#if SHUTDOWN
        run closer();
#endif
#if STOPS
        run stopper();
#endif
    }
    timeout;                                            /* nobody can go on */
    d_step {
        assert(finished == CALLERS || (finished == CALLERS - 1 && stopped > 0 && stopped != putter_pid)); /* all waiters end */
        if
        :: finished == CALLERS && !closed ->            /* nothing is left */
            assert(tab == 0);
            for (i : 0 .. FLIGHTS - 1) { assert(refs[i] == 0); assert(nodes[i] == 0); assert(dispatch[i] == 0) }
        :: else
        fi
    }
}
