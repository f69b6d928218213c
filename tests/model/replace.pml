/* SPDX-License-Identifier: MIT */
/*
 * replace.pml - contents of the table that are replaced, as core/table_replace.c has it beside core/table.c and
 * core/table_grow.c: one id, a chain of levels of one slot each, sequentially consistent memory. Each access to a shared word is
 * one step; the comment beside a step says which function makes it, and the runner holds these names to the sources.
 *
 *   w[l]        the slot of level l: 0 EMPTY, or an object's number: FIRST_OBJECT was there from the start, PUT_OBJECT is the inserter's
 *   era[l]      whose contents the level is of: 0, or the replacer's number
 *   settled[l]  level.settled
 *   used[l]     level.count
 *   top         the newest level: level l has a `next` when top > l
 *   head, view  the table's, as numbers of levels
 *   insec, gp   who is inside a read section; whom the grace period still waits for
 *
 * Sizes: LEVELS; REPLACERS, INSERTERS, READERS, EVICTORS; GROWS (how often the contents in force may grow, and their objects
 * move); STOPS (a replacer may stop between its two steps, for ever).
 *
 * Not said: two copies of an id (table.pml), windows, SEALED slots, weak memory, room that is refused.
 */
#ifndef LEVELS
#define LEVELS 3
#endif
#ifndef REPLACERS
#define REPLACERS 2
#endif
#ifndef INSERTERS
#define INSERTERS 0
#endif
#ifndef READERS
#define READERS 0
#endif
#ifndef EVICTORS
#define EVICTORS 0
#endif
#ifndef GROWS
#define GROWS 0
#endif
#ifndef STOPS
#define STOPS 0
#endif

/* Which mutation this run has, 0 for none: one program for all (MUTANT in the environment). */
byte mutant = 0;
#define M(name) (mutant == name)
#define NO_HELP           1  /* who loses to another replacement does not help it */
#define THIRD_ERA         2  /* a replacement does not wait until what was replaced before is discarded */
#define DISCARD_UNSETTLED 3  /* what was replaced is discarded before its level is settled */
#define NO_SETTLE_GRACE   4  /* a level is settled at once */
#define NO_TELL_GRACE     5  /* the host is told at once */
#define PUT_INTO_NEWEST   6  /* an insert takes the newest level of the chain, whichever contents these are */
#define FIND_FROM_HEAD    7  /* a find begins with the oldest level of the chain */
#define MOVE_REPLACED     8  /* what was replaced moves on like anything else */

#define NOBODY       0
#define FIRST_OBJECT 1
#define PUT_OBJECT   2
#define NONE         15

byte w[LEVELS], era[LEVELS], used[LEVELS];
bool settled[LEVELS];
byte top = 0, head = 0, view = 0;
byte insec = 0, gp = 0;

/* Ghosts: what the claims are about. */
byte put_era[3];         /* into whose contents an object was put; NONE: not yet */
byte retired[3];         /* how often its retirement began */
bool told[3];            /* the host was told that nothing of these contents is left */
byte old_ok[LEVELS];     /* who was in a section when the level was let go: they alone may still read it */
byte grown = 0;
byte running = 0;

/* Bits of insec. */
#define INSERTER 0
#define READER   3
#define SERVICE  4
#define EVICTOR  5

inline enter(p) { atomic { insec = insec | (1 << (p)) } }
inline leave(p) { atomic { insec = insec & ~(1 << (p)); gp = gp & ~(1 << (p)) } }
inline touch(p, l) { assert((l) >= head || (old_ok[l] & (1 << (p)))) }

/* trove__newest_beside(): on from L as long as the next level is of the same contents */
inline newest_beside(p, l) {
    do
    :: atomic { touch(p, l); if :: top > l && era[l + 1] == era[l] -> l++ :: else -> break fi }
    od
}

/* trove__switch_view(): to level N, if it is not further yet */
inline switch_view(n, v) {
    do
    :: atomic {
            v = view;                                     /* trove__current_level() */
            if :: v >= n -> break :: else fi
        }
        atomic {
            if
            :: view == v ->
                assert(n >= view);                        /* R1: it only ever moves on */
                view = n; break
            :: else
            fi
        }
    od;
    v = 0
}

/* trove__table_replace(), by replacer P, whose contents have its number */
proctype replacer(byte p) {
    byte cur, newest, n, v;

again:
    enter(p);
    cur = view;                                           /* try_replace() */
    newest = cur;
    newest_beside(p, newest);
    atomic {
        if
        :: era[head] != era[cur] && !M(THIRD_ERA) -> goto done /* -EBUSY: R2 */
        :: else
        fi
    }
    atomic {
        if
        :: top == newest && top + 1 < LEVELS ->           /* trove__publish_level() */
            top++; era[top] = p; n = top;
            /* R2: of what is in the chain, only the last two contents have objects or get some */
            assert(era[head] == era[newest]);
            if
            :: STOPS -> running--; false                  /* for ever; its section goes on */
            :: true
            fi
        :: top == newest && top + 1 == LEVELS -> goto done /* no room in the model */
        :: else -> n = NONE
        fi
    }
    if
    :: n != NONE -> switch_view(n, v)
    :: else ->
        atomic { n = newest + 1 }
        if
        :: era[n] == era[newest] -> atomic { cur = 0; newest = 0; n = 0 }; leave(p); goto again /* -EAGAIN */
        :: else ->
            if :: M(NO_HELP) :: else -> switch_view(n, v) fi;
            assert(view >= n)                             /* who was too late finds that it has happened */
        fi
    fi;
done:
    atomic { cur = 0; newest = 0; n = 0; v = 0 }
    leave(p);
    running--
}

/* trove__table_insert() of PUT_OBJECT into whichever contents are in force */
proctype inserter() {
    byte base, l;

    enter(INSERTER);
    base = view;                                          /* find_from() */
    touch(INSERTER, base);
    l = base;
    newest_beside(INSERTER, l);
    if
    :: M(PUT_INTO_NEWEST) -> l = top
    :: else
    fi;
    atomic {                                              /* trove__take_slot(): level.count before the slot */
        used[l]++
    }
    atomic {
        if
        :: w[l] == 0 ->
            w[l] = PUT_OBJECT; put_era[PUT_OBJECT] = era[l];
            assert(l <= view || era[l] == era[view]);     /* R3: not before they are in force */
            assert(!told[era[l]]);                        /* and not after they are discarded */
            goto done
        :: else
        fi
    }
    used[l]--;
    if                                                    /* trove__grow() */
    :: top > l && era[l + 1] != era[l] -> switch_view(l + 1, base)
    :: else
    fi;
done:
    atomic { base = 0; l = 0 }
    leave(INSERTER);
    running--
}

/* trove__table_remove() by a hand of the evictor's, which retires what it took out before its section ends */
proctype evictor() {
    byte l, k;

    atomic {
        enter(EVICTOR);
        l = head
    }
    do
    :: atomic { touch(EVICTOR, l); w[l] != 0 && k == 0 -> k = w[l]; w[l] = 0 }
        break
    :: atomic { touch(EVICTOR, l); top > l -> l++ }
    :: atomic { top == l -> break }
    od;
    if
    :: k != 0 -> used[l]--; atomic { retired[k]++; assert(retired[k] <= 1) }
    :: else
    fi;
    atomic { l = 0; k = 0 }
    leave(EVICTOR);
    running--
}

/* trove__table_find(), twice in a section */
proctype reader() {
    byte t, l, k, seen, n;

    enter(READER);
    seen = view;                                          /* or heard of it from who has */
    do
    :: n == 2 -> break
    :: else ->
        n++;
        t = view;                                         /* trove__table_probe_home() */
        if
        :: M(FIND_FROM_HEAD) -> t = head
        :: else
        fi;
        touch(READER, t);
        k = w[t];
        if
        :: k != 0
        :: else ->                                        /* trove__table_find_beyond() */
            l = head;                                     /* trove__current_level(): head, then view */
            t = view;
            if :: M(FIND_FROM_HEAD) -> t = l :: else fi;
            assert(t >= l);                               /* R1: the view is never behind the head */
            do
            :: atomic { touch(READER, t); k = w[t]; if :: k != 0 -> break :: else fi }
                atomic { if :: top > t && era[t + 1] == era[t] -> t++ :: else -> break fi } /* trove__next_level() */
            od
        fi;
        /* Who has seen contents in force finds nothing of earlier ones. */
        atomic {
            if :: k != 0 -> assert(put_era[k] == era[t]); assert(t >= seen || era[t] == era[seen]) :: else fi;
            if :: t > seen -> seen = t :: else fi;
            k = 0; l = 0; t = 0
        }
    od;
    atomic { n = 0; seen = 0 }
    leave(READER);
    running--
}

inline grace_period() {
    gp = insec;
    gp == 0
}

/* trove__switch_head() of level H, which is empty for ever */
inline switch_head(h) {
    atomic {
        if
        :: used[h] == 0 ->
            if :: view == h -> view = h + 1 :: else fi;
            head = h + 1; old_ok[h] = insec
        :: else
        fi
    }
}

/* trove__table_service(): grow_ahead(), settle(), move_part(), trove__discard_part() */
proctype service() {
    byte h, l, v;

    do
    :: atomic { grown < GROWS && top + 1 < LEVELS && era[top] == era[view] ->  /* grow_ahead() */
            grown++; top++; era[top] = era[top - 1] }
    :: atomic {                                           /* settle(): level L has a successor, or was replaced */
            if
            :: !settled[0] && (top > 0) && (era[1] == era[0] || era[0] != era[view]) -> l = 0
            :: settled[0] && !settled[1] && top > 1 && (era[2] == era[1] || era[1] != era[view]) -> l = 1
            fi
        }
        if
        :: M(NO_SETTLE_GRACE)
        :: else -> grace_period()
        fi;
        atomic { settled[l] = 1; l = 0 }
    :: atomic { settled[head] && top > head && (era[head] == era[view] || M(MOVE_REPLACED)) -> /* level_to_move() */
            enter(SERVICE); h = head; v = w[h]; l = h + 1 }
        if
        :: atomic { v != 0 && w[l] == 0 && w[h] == v -> w[h] = 0; used[h]--; w[l] = v; used[l]++ /* move_on() */
                assert(era[l] == era[h]) }                /* R3: nothing goes from one era to another */
        :: else
        fi;
        switch_head(h);
        atomic { h = 0; v = 0; l = 0 }
        leave(SERVICE)
    :: atomic { era[head] != era[view] && (settled[head] || M(DISCARD_UNSETTLED)) -> /* level_to_discard() */
            enter(SERVICE); h = head }
        atomic {                                          /* discard_slot() */
            v = w[h];
            w[h] = 0;
            if :: v != 0 -> used[h]--; retired[v]++; assert(retired[v] <= 1) :: else fi;
            v = 0
        }
        switch_head(h);
        leave(SERVICE);
        if
        :: M(NO_TELL_GRACE)
        :: else -> grace_period()
        fi;
        atomic {
            if
            :: head > h && era[head] != era[h] ->
                /* All that was there is retired, by whomever. */
                assert(put_era[FIRST_OBJECT] != era[h] || retired[FIRST_OBJECT] == 1);
                assert(put_era[PUT_OBJECT] != era[h] || retired[PUT_OBJECT] == 1);
                assert(!told[era[h]]);
                told[era[h]] = 1
            :: else
            fi;
            h = 0
        }
    :: atomic { true -> break }
    od;
    running--
}

init {
    atomic {
        c_code { if (getenv("MUTANT") != 0) now.mutant = (unsigned char)atoi(getenv("MUTANT")); };
        put_era[FIRST_OBJECT] = 0;
        put_era[PUT_OBJECT] = NONE;
        w[0] = FIRST_OBJECT; used[0] = 1;
        run service(); running++;
#if REPLACERS > 0
        run replacer(1); running++;
#endif
#if REPLACERS > 1
        run replacer(2); running++;
#endif
#if INSERTERS
        run inserter(); running++;
#endif
#if READERS
        run reader(); running++;
#endif
#if EVICTORS
        run evictor(); running++;
#endif
    }
    d_step {
        running == 0 ->
        assert(head <= view);
        assert(!told[era[view]])
    }
}
