/* SPDX-License-Identifier: MIT */
/*
 * table.pml - the table protocol as core/table.c, core/table_grow.c and core/table_find.h have it: one id, a chain of up
 * to three levels, sequentially consistent memory. Each access to a shared word is one step; the comment beside a step
 * says which function makes it, and the runner holds these names to the sources.
 *
 * A level is the window of the id there: a home bucket of SPB slots and a second one with the rest of S. Slot number
 * level * S + slot, so that the numbers ascend in scan order.
 *
 *   w[i]        0 EMPTY; 1, 2, 3 a copy of the id, made by inserter 1 or 2, 3 there from the start; OTHER; + SEALED
 *   pass[l]     the home bucket's pass counter of the id's class
 *   dropped[l]  the home bucket's mark DROPPED
 *   used[l]     level.count (only with COUNTS: without it a level is switched off as soon as its window is empty)
 *   settled[l]  level.settled
 *   top         the newest level: level l has a `next` when top > l
 *   head, view  the table's
 *   insec, gp   who is inside a read section; whom the grace period still waits for
 *
 * Sizes: LEVELS, S, SPB; INSERTERS, READERS, EVICTIONS, HELPERS, FIRST (copy 3 may be there from the start), FULL (one
 * bit a slot: it may hold OTHER at the start), STRANGERS (another id takes a free slot), HOMING
 * (objects are brought home), COUNTS (and a caller of is_empty), RENEWS (an eviction is known to come before what is put after it).
 *
 * Not said: weak memory, frees of objects (grace periods are trusted), more than 2 inserters, windows of more slots.
 */
#ifndef LEVELS
#define LEVELS 2
#endif
#ifndef S
#define S 2
#endif
#ifndef SPB
#define SPB S
#endif
#ifndef INSERTERS
#define INSERTERS 2
#endif
#ifndef HELPERS
#define HELPERS 0
#endif
#ifndef EVICTIONS
#define EVICTIONS 0
#endif
#ifndef FIRST
#define FIRST 0
#endif
#ifndef FULL
#define FULL 0
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef HOMING
#define HOMING 0
#endif
#ifndef STRANGERS
#define STRANGERS 0
#endif
#ifndef COUNTS
#define COUNTS 0
#endif
#ifndef RENEWS
#define RENEWS 0
#endif

#define OTHER    4
#define SEALED   8
#define END      15
#define BARE(v)  ((v) & 7)
#define IS_ID(v) (BARE(v) >= 1 && BARE(v) <= 3)
#define IS_SEALED(v) ((v) >= SEALED)
#define LEVEL(i) ((i) / S)
#define IS_FAR(i) ((i) % S >= SPB) /* beyond the home bucket, so its pass counter counts it */

#if LEVELS * S == 2
#define PRESENT (IS_ID(w[0]) || IS_ID(w[1]))
#define NOTHING (w[0] == 0 && w[1] == 0)
#elif LEVELS * S == 3
#define PRESENT (IS_ID(w[0]) || IS_ID(w[1]) || IS_ID(w[2]))
#define NOTHING (w[0] == 0 && w[1] == 0 && w[2] == 0)
#elif LEVELS * S == 4
#define PRESENT (IS_ID(w[0]) || IS_ID(w[1]) || IS_ID(w[2]) || IS_ID(w[3]))
#define NOTHING (w[0] == 0 && w[1] == 0 && w[2] == 0 && w[3] == 0)
#elif LEVELS * S == 6
#define PRESENT (IS_ID(w[0]) || IS_ID(w[1]) || IS_ID(w[2]) || IS_ID(w[3]) || IS_ID(w[4]) || IS_ID(w[5]))
#define NOTHING (w[0] == 0 && w[1] == 0 && w[2] == 0 && w[3] == 0 && w[4] == 0 && w[5] == 0)
#endif
#if S == 1
#define IS_CLEAR(l) (w[l] == 0)
#else
#define IS_CLEAR(l) (w[(l) * S] == 0 && w[(l) * S + S - 1] == 0)
#endif

/* Which mutation this run has, 0 for none: one program for all (MUTANT in the environment). */
byte mutant = 0;
#define M(name) (mutant == name)
#define FIRST_WINS        1  /* of two copies the later is dropped */
#define NO_GRACE_PERIOD   2  /* a level is settled at once */
#define NO_RESCAN         3  /* an insert does not look for copies */
#define NO_MARK           4  /* a dropped copy leaves no mark */
#define MARK_AFTER_CLEAR  5  /* a copy is cleared before the mark is there */
#define CLEAR_BEFORE_COPY 6  /* a mover clears the old slot before it takes the new one */
#define DROP_SEALED       7  /* an insert drops an earlier copy that a mover has sealed */
#define NO_SEAL           8  /* a mover does not seal the slot first */
#define MOVE_NO_RESOLVE   9  /* a mover does not look for copies in the new place */
#define LOSER_RETIRES     10 /* who lost the exchange retires the object too */
#define PASS_AFTER_SLOT   11 /* the pass counter counts a slot after it is taken */
#define EVICT_SEALED      12 /* an eviction takes a sealed slot */
#define JUST_UNSEAL       13 /* a mover that finds no room unseals, and does not look for copies */
#define HEAD_FIRST        15 /* the head is switched before the view */
#define NO_VIEW           16 /* the view is not switched */
#define SWITCH_UNSETTLED  17 /* a level that is empty, but not settled, is switched off */
#define STALE_CHAIN       18 /* step (3) ends with the level that was the newest when it was taken */
#define META_FIRST        19 /* a find loads the pass counter before the slots */
#define COUNT_AFTER_SLOT  20 /* level.count counts a slot after it is taken */
#define SETTLED_LAST      14 /* is_empty looks whether a level is settled after it read its count */
#define NO_HOME_GRACE     22 /* an object is brought home without a grace period in between */
#define INSERT_NO_LOOK    23 /* an insert does not look whether its copy is still there before it drops an earlier one */
#define MOVE_NO_LOOK      24 /* the same of a mover */
#define EMPTY_UNSETTLED   21 /* is_empty believes a level that is not settled */

byte w[LEVELS * S];
byte pass[LEVELS], used[LEVELS];
bool dropped[LEVELS], settled[LEVELS];
byte top = 0, head = 0, view = 0;
byte insec = 0, gp = 0;

/* Ghosts: what the claims are about. */
byte retired[4];           /* how often the retirement of a copy began */
bool added[4];             /* its insert published it */
byte old_ok[LEVELS];       /* who was in a section when the level was switched off: they alone may still read it */
bool gap = 0;              /* at some moment of the reader's find no copy was there */
bool evicted = 0;          /* the id was evicted during the reader's find */
bool ever_evicted = 0;
bool was_empty = 0;        /* at some moment of is_empty nothing was there */
bool overfull = 0;
byte running = 0;
#if RENEWS
byte gone = 0;             /* which copies were evicted, one bit each */
byte gone_before[3];       /* and which of them before this one was put */
#endif

#define READER 0
#define HELPER 3
#define SERVICE 4
#define ASKER 5
#define STRANGER 6

inline enter(p) { atomic { insec = insec | (1 << (p)) } }
inline leave(p) { atomic { insec = insec & ~(1 << (p)); gp = gp & ~(1 << (p)); running-- } }
inline touch(p, l) { assert((l) >= head || (old_ok[l] & (1 << (p)))) }
inline changed() {
    if :: !PRESENT -> gap = 1 :: else fi;
    if :: NOTHING -> was_empty = 1 :: else fi
}

/* compare-and-swap of a slot */
inline cas(i, old, new, won) {
    atomic {
        if
        :: w[i] == (old) -> w[i] = (new); won = 1; changed()
        :: else -> won = 0
        fi
    }
}

/* trove__slot_cleared() with uncount_passes(): after the clear */
inline slot_cleared(i) {
#if SPB < S
    if :: IS_FAR(i) -> pass[LEVEL(i)]-- :: else fi;
#endif
#if COUNTS
    used[LEVEL(i)]--;
#endif
    skip
}

/*
 * trove__scan_next(), scan_leave_bucket(), trove__window_goes_on(): on to the next copy of the id, V, or to the END. The pass counter is loaded after
 * a bucket's slots, `next` after a level's. V is 0 before a slot is loaded, EDGE after the last of a bucket.
 */
#define EDGE 16
#define IS_LAST(i) ((i) % S == S - 1 || (i) % S == SPB - 1)
inline scan(i, v) {
    do
    :: atomic {
            i != END && v == 0 ->
            v = w[i];
            if
            :: IS_ID(v)
            :: !IS_ID(v) && IS_LAST(i) -> v = EDGE
            :: !IS_ID(v) && !IS_LAST(i) -> v = 0; i++
            fi
        }
#if SPB < S
    :: atomic {
            v == EDGE && i % S == SPB - 1 ->
            if
            :: pass[LEVEL(i)] == 0 -> i = LEVEL(i) * S + S - 1
            :: else -> i++; v = 0
            fi
        }
#endif
    :: atomic {
            v == EDGE && i % S == S - 1 ->
            v = 0;
            if
            :: LEVEL(i) == top -> i = END; break
            :: else -> i++
            fi
        }
    :: atomic { IS_ID(v) -> break }
    od
}
/* Past the copy that was found. */
inline scan_past(i, v) {
    atomic { if :: IS_LAST(i) -> v = EDGE :: else -> v = 0; i++ fi }
}

/* drop_copy() of OLD for KEPT: the mark before the clear; the winner alone retires */
inline drop_copy(i, old, won, kept) {
    atomic {
        if
        :: M(MARK_AFTER_CLEAR) -> cas(i, old, 0, won)
        :: M(NO_MARK)
        :: else -> dropped[LEVEL(i)] = 1
        fi
    }
    atomic {
        if
        :: M(MARK_AFTER_CLEAR) -> dropped[LEVEL(i)] = 1
        :: else -> cas(i, old, 0, won)
        fi;
        if
        :: won || M(LOSER_RETIRES) -> retired[BARE(old)]++; assert(retired[BARE(old)] <= 1)
        :: else
        fi;
#if RENEWS
        /* What was put after an eviction is not dropped for what was evicted. */
        assert(!won || BARE(old) == 3 || !(gone_before[BARE(old)] >> (kept) & 1));
#endif
#if SPB == S && !COUNTS
        won = 0
#endif
    }
#if SPB < S || COUNTS
    if
    :: won -> slot_cleared(i)
    :: else
    fi;
    won = 0
#endif
}

/* trove__resolve_duplicates(): step (3) of insert, for the copy MINE at slot AT */
inline resolve_duplicates(at, mine, i, v, won, no_look) {
    i = head * S;
    do
    :: scan(i, v);
        if
        :: atomic { i == END || (M(STALE_CHAIN) && LEVEL(i) > LEVEL(at)) -> i = 0; v = 0; break }
        :: else
        fi;
        if
        :: BARE(v) != mine && (M(FIRST_WINS) -> i < at : i > at) ->
            drop_copy(at, mine, won, BARE(v));       /* lost: evicted, dropped by the other, or sealed by a mover */
            atomic { i = 0; v = 0; break }
        :: atomic {                            /* is_still_at() */
                BARE(v) != mine && (M(FIRST_WINS) -> i > at : i < at) && BARE(w[at]) != mine && !(no_look) ->
                i = 0; v = 0; break
            }
        :: BARE(v) != mine && (M(FIRST_WINS) -> i > at : i < at) && (BARE(w[at]) == mine || no_look) &&
           (!IS_SEALED(v) || M(DROP_SEALED)) ->
            drop_copy(i, v, won, mine)
        :: else
        fi;
        scan_past(i, v)
    od
}

/* trove__place(): the first EMPTY of the window in level L, END for none */
inline place(i, l) {
    do
    :: atomic {
            if
            :: w[i] == 0 -> break
            :: w[i] != 0 && i % S != S - 1 -> i++
            :: w[i] != 0 && i % S == S - 1 -> i = END; break
            fi
        }
    od
}

/* trove__table_insert() of copy ME */
proctype inserter(byte me) {
    byte i, at, v, newest;
    bool won;

    enter(me);
again:
    i = head * S;                                 /* (1) trove__table_find_slow() */
    scan(i, v);
    if
    :: i != END -> goto done
    :: else
    fi;
    atomic { newest = top; i = newest * S }       /* (2) trove__newest_level() */
    place(i, newest);
    if
    :: atomic {
            i == END ->                           /* trove__grow() */
            i = 0;
            if
            :: top > newest -> goto again
            :: top == newest && newest - head + 1 < LEVELS && newest + 1 < LEVELS -> top++; goto again
            :: else -> overfull = 1; goto done
            fi
        }
    :: else
    fi;
    /* trove__take_slot(): count_passes(), level.count, then the slot */
#if SPB < S
    if :: IS_FAR(i) && !M(PASS_AFTER_SLOT) -> pass[newest]++ :: else fi;
#endif
#if COUNTS
    if :: !M(COUNT_AFTER_SLOT) -> used[newest]++ :: else fi;
#endif
    atomic {
        cas(i, 0, me, won);
        if
        :: won ->
            added[me] = 1;
#if RENEWS
            gone_before[me] = gone;
#endif
        :: else
        fi
    }
#if SPB < S
    if :: IS_FAR(i) && M(PASS_AFTER_SLOT) && won -> pass[newest]++ :: else fi;
#endif
#if COUNTS
    if :: M(COUNT_AFTER_SLOT) && won -> used[newest]++ :: else fi;
#endif
    if
    :: !won ->
        if
        :: M(PASS_AFTER_SLOT) || M(COUNT_AFTER_SLOT)
        :: else -> slot_cleared(i)
        fi;
        goto again
    :: atomic { won -> at = i; i = 0; won = 0; newest = 0; if :: M(NO_RESCAN) -> goto done :: else fi }
    fi;
    resolve_duplicates(at, me, i, v, won, M(INSERT_NO_LOOK));        /* (3) */
done:
    atomic { i = 0; at = 0; won = 0; newest = 0; v = 0 }
    leave(me)
}

/* move_some() over all of level L, by thread P in a section: move_slot() for each slot, then switch_head() */
inline move_level(p, l, s, i, v, e, at, won) {
    s = l * S;
    do
    :: s == l * S + S -> break
    :: else ->
        touch(p, l);
        v = w[s];                                 /* move_slot() */
        if
        :: v == 0 || IS_SEALED(v) -> s++
        :: BARE(v) == OTHER && !IS_SEALED(v) ->   /* another id: to a window that is not modelled */
            atomic { cas(s, v, 0, won); v = won }
            if :: v -> slot_cleared(s) :: else fi;
            atomic { won = 0; v = 0 }
        :: else ->
            atomic {
                if
                :: M(NO_SEAL) -> won = (w[s] == v)
                :: else -> cas(s, v, v + SEALED, won)
                fi
            }
            if
            :: !won -> v = 0
            :: atomic {
                    won ->
                    e = v; v = 0; won = 0;
                    if :: M(CLEAR_BEFORE_COPY) -> w[s] = 0 :: else fi /* in the mover's hand: not absent */
                }
move_again:                                       /* move_on() */
                atomic { at = top; i = (l + 1) * S }  /* trove__newest_level(), find_newer_copy() */
                scan(i, v);
                if
                :: atomic {
                        i != END ->               /* drop_sealed() */
                        v = 0; w[s] = 0; changed();
                        retired[e]++; assert(retired[e] <= 1)
                    }
                    slot_cleared(s)
                :: else ->
                    i = at * S;                   /* trove__place() in the newest level */
                    place(i, at);
                    if
                    :: atomic {
                            i == END ->
                            i = 0;
                            if                    /* trove__grow() */
                            :: top > at -> goto move_again
                            :: top == at && at - head + 1 < LEVELS && at + 1 < LEVELS -> top++; goto move_again
                            :: else -> overfull = 1
                            fi
                        }
                        w[s] = e;                 /* trove__unseal() */
                        if
                        :: M(JUST_UNSEAL)
                        :: else -> atomic { at = s }; resolve_duplicates(at, e, i, v, won, M(MOVE_NO_LOOK))
                        fi
                    :: else ->
#if SPB < S
                        if :: IS_FAR(i) -> pass[at]++ :: else fi;
#endif
#if COUNTS
                        used[at]++;
#endif
                        cas(i, 0, e + SEALED, won);
                        if
                        :: !won -> slot_cleared(i); goto move_again
                        :: atomic {               /* trove__finish_move(): the newer slot is taken, the older cleared */
                                won ->
                                won = 0;
                                assert(mutant || w[s] == e + SEALED);
                                w[s] = 0; changed()
                            }
                        fi;
                        slot_cleared(s);
                        atomic { w[i] = e; at = i; i = 0 } /* trove__unseal() */
                        if
                        :: M(MOVE_NO_RESOLVE)
                        :: else -> resolve_duplicates(at, e, i, v, won, M(MOVE_NO_LOOK))
                        fi
                    fi
                fi;
                atomic { i = 0; e = 0; v = 0; at = 0; s++ }
            fi
        fi
    od;
    /* switch_head(): the view first */
#if COUNTS
    i = (used[l] == 0);
#else
    atomic { i = IS_CLEAR(l) }
#endif
    if
    :: i ->
        if
        :: M(NO_VIEW) || M(HEAD_FIRST)
        :: else -> atomic { if :: view == l -> view = l + 1 :: else fi }
        fi;
        atomic { if :: head == l -> old_ok[l] = insec; head = l + 1 :: else fi }
        if
        :: M(HEAD_FIRST) -> atomic { if :: view == l -> view = l + 1 :: else fi }
        :: else
        fi
    :: else
    fi;
    atomic { s = 0; i = 0 }
}

#if SPB < S
/* trove__table_homing_leave(), set_out(), a grace period, trove__table_homing_arrive(), arrive(): the copy in the far slot of
 * the only level goes to the home slot, backward in scan order */
inline bring_home(i, v, e, at, won) {
    atomic { enter(SERVICE); v = w[SPB] }
    if
    :: IS_ID(v) && !IS_SEALED(v) && w[0] == 0 ->
        cas(SPB, v, v + SEALED, won);
        if
        :: atomic { won -> won = 0; e = v; v = 0; used[0]++ }
            atomic { cas(0, 0, e + SEALED, won) }
            if
            :: atomic { !won -> used[0]--; w[SPB] = e }    /* trove__unseal() */
                at = SPB;
                resolve_duplicates(at, e, i, v, won, M(MOVE_NO_LOOK));
                e = 0
            :: else -> won = 0
            fi
        :: else
        fi
    :: else
    fi;
    atomic { v = 0; at = 0; insec = insec & ~(1 << SERVICE); gp = insec }
    if
    :: e == 0
    :: else ->
        if
        :: M(NO_HOME_GRACE) -> gp = 0
        :: else -> gp == 0
        fi;
        atomic { enter(SERVICE); w[SPB] = 0; changed() }   /* trove__finish_move() */
        slot_cleared(SPB);
        w[0] = e;
        resolve_duplicates(at, e, i, v, won, M(MOVE_NO_LOOK));
        atomic { e = 0; insec = insec & ~(1 << SERVICE) }
    fi;
    gp = 0
}
#endif

/* trove__table_service(): grow_ahead(), settle(), move_part() */
proctype service() {
    byte l, s, i, v, e, at;
    bool won;

    do
    :: atomic { top + 1 < LEVELS && top - head + 1 < LEVELS -> top++ }         /* grow_ahead(), publish_level() */
    :: atomic { top > head && !settled[top - 1] -> l = top - 1; gp = insec }   /* settle() */
        if
        :: M(NO_GRACE_PERIOD) -> gp = 0
        :: else -> gp == 0
        fi;
        atomic {
            settled[0] = 1;
            if :: LEVELS > 2 && l == 1 -> settled[1] = 1 :: else fi;
            l = 0
        }
    :: atomic { top > head && (settled[head] || M(SWITCH_UNSETTLED)) -> enter(SERVICE); l = head } /* level_to_move(), move_part() */
        move_level(SERVICE, l, s, i, v, e, at, won);
        atomic { l = 0; running++ }
        leave(SERVICE)
#if HOMING
    :: top == 0 && w[0] == 0 -> bring_home(i, v, e, at, won)
#endif
    :: atomic { true -> break }
    od;
    running--
}

/* trove__table_move(): a put's share of the moving */
proctype helper() {
    byte l, s, i, v, e, at;
    bool won;

    atomic { settled[0] -> running++; enter(HELPER); l = head }
    if
    :: settled[l] && top > l -> move_level(HELPER, l, s, i, v, e, at, won)
    :: else
    fi;
    l = 0;
    leave(HELPER)
}

/* trove__table_remove(): the word is looked for by address, so any that is not sealed may be the one */
proctype evictor() {
    byte n, i;

    do
    :: n == EVICTIONS -> break
    :: n < EVICTIONS ->
        n++;
        atomic {
            if
            :: w[0] != 0 -> i = 0
            :: w[1] != 0 -> i = 1
#if LEVELS * S > 2
            :: w[2] != 0 -> i = 2
#endif
#if LEVELS * S > 3
            :: w[3] != 0 -> i = 3
#endif
#if LEVELS * S > 4
            :: w[4] != 0 -> i = 4
            :: w[5] != 0 -> i = 5
#endif
            :: true -> i = END
            fi;
            if
            :: i != END && (!IS_SEALED(w[i]) || M(EVICT_SEALED)) ->
                if
                :: IS_ID(w[i]) ->
                    evicted = 1; ever_evicted = 1;
#if RENEWS
                    gone = gone | (1 << BARE(w[i]));
#endif
                    retired[BARE(w[i])]++;
                    assert(retired[BARE(w[i])] <= 1)
                :: else
                fi;
                w[i] = 0; changed()
            :: else -> i = END
            fi
        }
        if
        :: i != END -> slot_cleared(i)
        :: else
        fi;
        i = 0
    od;
    n = 0;
    running--
}

/* Another id takes a free slot of a published level now and then. */
proctype stranger() {
    byte i;

    atomic {
        enter(STRANGER);
        if
        :: true -> i = top * S
#if S > 1
        :: true -> i = top * S + S - 1
#endif
        fi
    }
    if :: IS_FAR(i) -> pass[LEVEL(i)]++ :: else fi;
#if COUNTS
    used[LEVEL(i)]++;
#endif
    atomic {
        if
        :: w[i] == 0 -> w[i] = OTHER; i = END
        :: else
        fi
    }
    if
    :: i != END -> slot_cleared(i)
    :: else
    fi;
    leave(STRANGER)
}

/* trove__table_find(): the home bucket of the view at once (trove__table_find_home()), else every slot in scan order */
proctype reader() {
    byte t, i, v0, v1, h;
    bool meta, next;

    atomic { enter(READER); gap = !PRESENT; evicted = 0 }
    t = view;
#if SPB < S
    if
    :: M(META_FIRST) -> meta = (pass[t] > 0 || dropped[t])
    :: else
    fi;
#endif
    touch(READER, t);
#if SPB == 2
    if                                            /* trove__match(): no order between the lanes */
    :: v0 = w[t * S]; v1 = w[t * S + 1]
    :: v1 = w[t * S + 1]; v0 = w[t * S]
    fi;
    if
    :: IS_ID(v0) || IS_ID(v1) ->
        v0 = (IS_ID(v0) -> w[t * S] : w[t * S + 1]);
        if :: IS_ID(v0) -> goto hit :: else -> goto slow fi
    :: else -> atomic { v0 = 0; v1 = 0 }
    fi;
#else
    v0 = w[t * S];
    if
    :: IS_ID(v0) ->
        v0 = w[t * S];
        if :: IS_ID(v0) -> goto hit :: else -> goto slow fi
    :: else -> v0 = 0
    fi;
#endif
    atomic { if :: !M(META_FIRST) -> meta = (pass[t] > 0 || dropped[t]) :: else fi }
    h = head;
    atomic {
        next = (top > h);
        if
        :: !meta && h == t && !next -> goto miss
        :: else
        fi
    }
slow:                                             /* trove__table_find_beyond(), trove__find_in_level() */
    atomic { v0 = 0; v1 = 0; meta = 0; next = 0; h = 0; t = head }
    do
    :: touch(READER, t);
#if SPB == 2
        if
        :: v0 = w[t * S]; v1 = w[t * S + 1]
        :: v1 = w[t * S + 1]; v0 = w[t * S]
        fi;
        if :: IS_ID(v0) -> v0 = w[t * S]; if :: IS_ID(v0) -> goto hit :: else fi :: else fi;
        if :: IS_ID(v1) -> v1 = w[t * S + 1]; if :: IS_ID(v1) -> goto hit :: else fi :: else fi;
        atomic { v0 = 0; v1 = 0 }
#else
        atomic { if :: IS_ID(w[t * S]) -> goto hit :: else fi }
#if SPB < S
        if
        :: pass[t] > 0 -> atomic { if :: IS_ID(w[t * S + 1]) -> goto hit :: else fi }
        :: else
        fi;
#endif
#endif
        meta = (meta || dropped[t]);
        atomic { if :: top == t -> break :: else -> t++ fi }
    od;
    if :: !meta -> goto miss :: else fi;
    atomic { meta = 0; t = 0; i = head * S }      /* trove__table_find_slow() */
    scan(i, v0);
    if :: i != END -> goto hit :: else fi;
miss:
    assert(gap || evicted);                       /* I5: present throughout, and not evicted: found */
hit:
    atomic { v0 = 0; v1 = 0; meta = 0; next = 0; h = 0; t = 0; i = 0; gap = 0; evicted = 0 }
    leave(READER)
}

/* trove__table_is_empty() */
proctype asker() {
    byte l;
    bool is_settled;

    atomic { enter(ASKER); was_empty = NOTHING; l = head }
    do
    :: is_settled = settled[l];
        if :: used[l] != 0 -> goto out :: else fi;
        if :: top == l -> break :: else fi;
        if :: M(SETTLED_LAST) -> is_settled = settled[l] :: else fi;
        if :: !is_settled && !M(EMPTY_UNSETTLED) -> goto out :: else fi;
        l++
    od;
    assert(was_empty);                            /* true is never wrong */
out:
    atomic { l = 0; is_settled = 0 }
    leave(ASKER)
}

inline at_first(i) {
    if
    :: true
#if FULL
    :: (FULL >> i) & 1 -> w[i] = OTHER
#endif
#if FIRST
    :: !PRESENT && i < S -> w[i] = 3; added[3] = 1
#endif
    fi;
    if
    :: w[i] != 0 ->
        used[LEVEL(i)]++;
        if :: IS_FAR(i) -> pass[LEVEL(i)]++ :: else fi
    :: else
    fi
}

init {
    byte i, n, at, won, v;

    atomic {
        c_code { if (getenv("MUTANT") != 0) now.mutant = (unsigned char)atoi(getenv("MUTANT")); };
        for (i : 0 .. LEVELS * S - 1) { at_first(i) }
        i = 0;
        run service(); running++;
#if INSERTERS > 0
        run inserter(1); running++;
#endif
#if INSERTERS > 1
        run inserter(2); running++;
#endif
#if READERS
        run reader(); running++;
#endif
#if HELPERS
        run helper();
#endif
#if EVICTIONS
        run evictor(); running++;
#endif
#if STRANGERS
        run stranger(); running++;
#endif
#if COUNTS
        run asker(); running++;
#endif
        n = 0
    }
    d_step {
        running == 0 ->
        for (i : 0 .. LEVELS * S - 1) {
            if
            :: IS_ID(w[i]) ->
                n++; v = BARE(w[i]);
                assert(LEVEL(i) >= head);         /* reachable */
                assert(!IS_SEALED(w[i]))
            :: else
            fi
        }
        assert(n <= 1);            /* two copies do not stay */
        assert(n == 1 || ever_evicted || !(added[1] || added[2] || added[3])); /* what was put is there */
        for (i : 1 .. 3) {
            assert(retired[i] <= added[i]);       /* I3 */
            assert(!added[i] || retired[i] == 1 || n == 0 || v == i )
        }
        for (i : 0 .. LEVELS - 1) {               /* I4, I6: quiet, the books are right */
            at = 0; won = 0;
            for (n : 0 .. S - 1) {
                at = at + (w[i * S + n] != 0);
                won = won + (w[i * S + n] != 0 && IS_FAR(i * S + n))
            }
            assert(!COUNTS || used[i] == at);
            assert(pass[i] == won)
        }
    }
}
