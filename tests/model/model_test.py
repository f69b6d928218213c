#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""model_test.py - checks the models of this folder to the end with spin, and that each mutation of them fails.

    model_test.py              every case in the size that `make check` runs (TROVE_LONG=1: the larger ones too)
    model_test.py table.grow   only the cases whose name contains the words

One line a run: case, mutation, states, seconds, what came. A case must pass, which means that every state was visited and
no claim of the model was violated; a mutation of it must violate one. And every name followed by () in a comment of a model
must be a function of core/ or of the public headers: what the model describes has not gone from the code.
"""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LONG = os.environ.get("TROVE_LONG", "0") not in ("", "0")
QUICK, LARGE, ONLY_LONG = range(3) # LARGE: too large for `make check` but for its mutations

# model, case, its sizes, mutations that must fail (with + those that must pass), how large
CASES = [
    # Two inserts of one id and a find, the window in one bucket.
    ("table", "one_bucket", "LEVELS=1 S=2", "NO_RESCAN NO_MARK MARK_AFTER_CLEAR LOSER_RETIRES", QUICK),
    # The same with the window in two buckets, and the first slot perhaps another id's.
    ("table", "two_buckets", "LEVELS=1 S=2 SPB=1 FULL=1", "PASS_AFTER_SLOT META_FIRST", QUICK),
    # A copy away from home, brought home while it is looked for, put again and evicted.
    ("table", "home", "LEVELS=1 S=2 SPB=1 FULL=1 HOMING=1 INSERTERS=1 EVICTIONS=1", "NO_HOME_GRACE", QUICK),
    # The same with two inserts; an eviction or a find, because with both there are more states than memory holds.
    ("table", "home_two", "LEVELS=1 S=2 SPB=1 FULL=1 HOMING=1 EVICTIONS=1 READERS=0", "", ONLY_LONG),
    ("table", "home_two_read", "LEVELS=1 S=2 SPB=1 FULL=1 HOMING=1", "", ONLY_LONG),
    # A copy that is evicted before its inserter, or its mover, has looked for others, and the id put anew in an earlier slot.
    ("table", "renew", "LEVELS=1 S=2 EVICTIONS=2 FULL=1 READERS=0 RENEWS=1", "INSERT_NO_LOOK", QUICK),
    ("table", "move_renew", "LEVELS=2 S=2 INSERTERS=1 FIRST=1 EVICTIONS=2 FULL=4 READERS=0 RENEWS=1", "MOVE_NO_LOOK", QUICK),
    # Two inserts while the table grows and moves.
    ("table", "grow", "LEVELS=2 S=2 READERS=0",
     "FIRST_WINS NO_GRACE_PERIOD NO_RESCAN DROP_SEALED NO_SEAL MOVE_NO_RESOLVE LOSER_RETIRES SWITCH_UNSETTLED STALE_CHAIN", QUICK),
    # An id that is there, moved by two movers while it is looked for and put again.
    ("table", "move", "LEVELS=2 S=1 INSERTERS=1 FIRST=1 HELPERS=1", "CLEAR_BEFORE_COPY NO_SEAL HEAD_FIRST NO_VIEW", LARGE),
    # No room in the newer level, and an eviction that makes some.
    ("table", "full", "LEVELS=2 S=1 EVICTIONS=1 FULL=2 READERS=0", "JUST_UNSEAL EVICT_SEALED", QUICK),
    # Chains of three: two inserts; a find beside an eviction.
    ("table", "three", "LEVELS=3 S=1 READERS=0", "STALE_CHAIN", QUICK),
    ("table", "three_read", "LEVELS=3 S=1 INSERTERS=0 FIRST=1 EVICTIONS=1", "CLEAR_BEFORE_COPY HEAD_FIRST NO_VIEW", QUICK),
    # is_empty.
    ("table", "empty", "LEVELS=2 S=1 INSERTERS=1 COUNTS=1 READERS=0 EVICTIONS=1", "COUNT_AFTER_SLOT", QUICK),
    ("table", "empty_strangers", "LEVELS=2 S=1 INSERTERS=1 COUNTS=1 READERS=0 EVICTIONS=1 STRANGERS=1",
     "SETTLED_LAST EMPTY_UNSETTLED", LARGE),
    ("table", "grow_read", "LEVELS=2 S=2", "", ONLY_LONG),
    ("table", "move_two_slots", "LEVELS=2 S=2 INSERTERS=1 FIRST=1 HELPERS=1", "", ONLY_LONG),
    ("table", "three_evict", "LEVELS=3 S=1 READERS=0 EVICTIONS=1", "EVICT_SEALED", ONLY_LONG),
    ("table", "three_all", "LEVELS=3 S=1 FIRST=1 EVICTIONS=1", "", ONLY_LONG),
    ("table", "full_read", "LEVELS=2 S=1 EVICTIONS=1 FULL=2", "", ONLY_LONG),
    # Two replacements beside an insert; a find; an eviction.
    ("replace", "put", "INSERTERS=1", "NO_HELP THIRD_ERA DISCARD_UNSETTLED NO_SETTLE_GRACE PUT_INTO_NEWEST MOVE_REPLACED", QUICK),
    ("replace", "read", "READERS=1", "FIND_FROM_HEAD", QUICK),
    ("replace", "evict", "EVICTORS=1", "NO_TELL_GRACE", QUICK),
    # The same while the table grows, and one of them stops in between for ever.
    ("replace", "grow", "INSERTERS=1 GROWS=1 STOPS=1", "NO_HELP", ONLY_LONG),
    ("replace", "grow_read", "LEVELS=4 READERS=1 GROWS=1", "", ONLY_LONG),
    # A caller with a deadline, one without, the source has the object.
    ("flight", "wait", "ANSWERS=0",
     "STORE_NOT_EXCHANGE PHASE_IN_WORD REF_FROM_ZERO NO_LAST_READ WAKE_ONE NO_CACHE_LOOKS SEEN_AFTER_TAKE DROP_WANTED "
     "RESULT_AFTER_WORD LET_GO_WAITED NO_DISPATCH_REF PUSH_WITHOUT_LOOK SLEEP_ON_ANY", QUICK),
    # The source fails, has nothing, or gives what is not to be cached.
    ("flight", "answers", "ANSWERS=1", "JOIN_FAILED TERMINAL_FIRST", LARGE),
    # A caller stops anywhere, for ever; a shutdown.
    ("flight", "stops", "ANSWERS=0 STOPS=1", "NO_JOINER_PUSH", LARGE),
    ("flight", "shutdown", "ANSWERS=0 SHUTDOWN=1", "LEAD_CLOSED", LARGE),
    ("flight", "late", "ANSWERS=1", "+JOIN_LATE", ONLY_LONG),
]


def mutations(model):
    """The numbers of a model's mutations."""
    with open(os.path.join(HERE, model + ".pml")) as source:
        text = source.read()
    return {m.group(1): m.group(2) for m in re.finditer(r"^#define (\w+) +(\d+) +/\*", text, re.M) if "M(%s)" % m.group(1) in text}


def build(model, sizes, folder):
    """A checker of MODEL; which mutation it has is said when it runs."""
    defines = ["-D" + size for size in sizes.split()]
    pml = os.path.join(HERE, model + ".pml")
    for command in (["spin", "-a", *defines, pml], ["cc", "-O1" if LONG else "-O0", "-w", "-DSAFETY", "-DMEMLIM=6000", "-o", "pan", "pan.c"]):
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit("%s: %s" % (" ".join(command), done.stdout))


def run(folder, number):
    """'pass', 'fail' or why there is no answer; and the number of states."""
    # -E: waiting for ever is an error only where the model says so. -m: deeper than any of these go, or it says so.
    done = subprocess.run(["./pan", "-E", "-m1000000", "-w22"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=dict(os.environ, MUTANT=number))
    states = re.search(r"^ *(\S+) states, stored", done.stdout, re.M)
    states = states.group(1) if states else "-"
    if re.search(r"out of memory|max search depth too small|Search not completed", done.stdout) and "errors: 0" in done.stdout:
        return "unfinished", states
    if "errors: 0" in done.stdout:
        return "pass", states
    violated = re.search(r"^pan:1: assertion violated (.*) \(at depth", done.stdout, re.M)
    return ("fail", states) if violated else ("unfinished: " + done.stdout[-300:], states)


def check_case(case):
    """The lines of one case, and whether all came as it must."""
    model, name, sizes, mutants, large = case
    folder, lines, good = tempfile.mkdtemp(), [], True
    try:
        build(model, sizes, folder)
        numbers = mutations(model)
        for mutant in ([None] if LONG or large == QUICK else []) + mutants.split():
            began = time.monotonic()
            came, states = run(folder, numbers[mutant.lstrip("+")] if mutant else "0")
            wanted = "fail" if mutant and mutant[0] != "+" else "pass"
            lines.append("%-24s %-20s %10s states %6.1f s  %s%s" % (
                model + "." + name, mutant or "", states, time.monotonic() - began, came,
                ", as it must" if came == wanted else ": MUST " + wanted.upper()))
            good = good and came == wanted
    finally:
        shutil.rmtree(folder)
    return lines, good


def check_names():
    """Functions that the models name and nobody defines."""
    code = ""
    for path in glob.glob(ROOT + "/core/*.[ch]") + glob.glob(ROOT + "/include/trove/*.h"):
        with open(path) as source:
            code += source.read()
    missing = []
    for path in sorted(glob.glob(HERE + "/*.pml")):
        with open(path) as source:
            text = source.read()
        for comment in re.findall(r"/\*.*?\*/", text, re.S):
            for name in re.findall(r"\b(\w+)\(\)", comment):
                if not re.search(r"\b%s\(" % name, code):
                    missing.append("%s: no function %s() in core/" % (os.path.basename(path), name))
    return missing


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    cases = [case for case in CASES if wanted in case[0] + "." + case[1] and (LONG or case[4] != ONLY_LONG or wanted == case[0] + "." + case[1])]
    missing = check_names()
    print("\n".join(missing))
    bad = len(missing)
    if not cases:
        sys.exit("no case is called " + wanted)
    used = {(case[0], mutant) for case in CASES for mutant in case[3].replace("+", "").split()}
    for model in sorted({case[0] for case in CASES}):
        for mutant in mutations(model):
            if (model, mutant) not in used:
                print("%s: no case must fail with %s" % (model, mutant))
                bad += 1
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for lines, good in pool.map(check_case, cases):
            print("\n".join(lines), flush=True)
            bad += not good
    sys.exit(1 if bad else 0)


main()
