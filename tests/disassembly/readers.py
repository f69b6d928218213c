#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""readers.py - reads the machine code of has, get and get_many: what they may do to memory, they do, and nothing else.

readers.py --objdump OBJDUMP LIBRARY

Every has, get and get_many that was compiled into LIBRARY (one for each instruction set and algorithm) is followed down all
of its ways, into everything that it calls. On none of them is there
  - an instruction with a lock prefix, or an exchange with memory, which locks without one;
  - a fence, but where liburcu wants one on kernels without membarrier, in a has that opens a section of its own;
  - a store, but to the thread's stack, to thread-local words, to the results that the caller gave room for; to the thread's
    own reader's word of liburcu, in a has that opens a section of its own; and, in get and get_many alone, the hint: one
    byte, at its place in an object, behind a comparison with its ceiling;
  - a call out of the library, or one through a pointer; what registers a thread at its first section, behind the test of a
    thread-local word, is not followed: it comes once in a thread's life, and may do all this.
Prints FUNCTION+OFFSET: WHAT for each breach, and exits 1 then. Too little seen is a breach too: each reader must be there,
each get must have a hint and a result to store, each has sections.

What it does not see: what the processor does by itself (prefetches that announce a store are breaches, others only read), and
whether a store through a pointer that came from the stack stays inside its array.
"""
import argparse
import re
import sys

import machine_code
from machine_code import ANYWHERE, ARGUMENTS, OUT, PRESERVED

CALLS = {"has": None, "get": "rdx", "get_many": "rcx"}  # and the argument that results go to
ALGORITHMS = ("sha1", "sha256")
PUBLIC = {"trove_has": "has", "trove_get": "get", "trove_get_many": "get_many"}
READERS_MIN = 4  # instruction sets that x86-64 has a reader for
REGISTERS_A_THREAD = {"urcu_bp_register@plt", "trove__thread_know"}
HINT_OFFSET, HINT_CEILING = 8, 3  # struct trove_object, TROVE__HINT_MAX
# Ways that end below the ceiling, after a comparison with it or with what comes before it.
BELOW = {("jb", True): 0, ("jl", True): 0, ("jae", False): 0, ("jge", False): 0,
         ("jbe", True): 1, ("jle", True): 1, ("ja", False): 1, ("jg", False): 1}


class Reading:
    """One public call and everything below it."""

    def __init__(self, functions, call):
        self.functions, self.call = functions, call
        self.breaches, self.seen = [], {"hint": 0, "out": 0, "own": 0, "functions": set(), "fences": 0}
        self.done, self.writes = set(), {}

    def breach(self, function, instruction, what):
        line = "%s+0x%x: %s: %s" % (function.name, instruction.address - function.address, what, instruction.text)
        if line not in self.breaches:
            self.breaches.append(line)

    def callee(self, function, instruction):
        """The function that INSTRUCTION calls, or jumps to as its last deed; None: it does not leave FUNCTION."""
        if instruction.target is None or instruction.target in function.at:
            return None
        return self.functions.get(instruction.target)

    def written_by(self, function, under_way=()):
        """Registers that a call of FUNCTION may change: compilers know of static functions which do not."""
        if function.address not in self.writes and function.address not in under_way:
            registers = set()
            for instruction in function.code:
                registers |= instruction.written
                registers |= self.clobbered(function, instruction, under_way + (function.address,))
            self.writes[function.address] = registers - PRESERVED
        return self.writes.get(function.address, set())

    def clobbered(self, function, instruction, under_way=()):
        callee = self.callee(function, instruction)
        if callee is not None and "@plt" not in callee.name:
            return self.written_by(callee, under_way)
        left = instruction.name == "call" or (instruction.name == "jmp" and instruction.target not in function.at)
        return set(machine_code.WORDS) - PRESERVED if left else set()

    def follow(self, function, arguments):
        key = (function.address, tuple(sorted(arguments.items())))
        if key in self.done:
            return
        self.done.add(key)
        self.seen["functions"].add(function.name)
        states = machine_code.states_of(function, arguments, lambda instruction: self.clobbered(function, instruction))
        for i in sorted(states):
            self.look(function, i, states)

    def look(self, function, i, states):
        instruction = function.code[i]
        if "lock" in instruction.prefixes:
            self.breach(function, instruction, "locked")
        elif instruction.name.startswith("xchg") and instruction.stored:
            self.breach(function, instruction, "exchanges with memory")
        elif instruction.name.endswith("fence"):
            self.seen["fences"] += 1
            if self.call != "has" or not function.name.startswith("has_outside"):
                self.breach(function, instruction, "a fence")
        elif instruction.stored:
            self.store(function, i, states)
        elif instruction.name.startswith("prefetchw"):
            self.breach(function, instruction, "wants a line to write to")
        self.leave(function, i, states)

    def store(self, function, i, states):
        instruction, state = function.code[i], states[i]
        memory = instruction.stored
        kind = state.whose(memory)[0]
        if kind in ("stack", "thread"):
            return
        if kind == "out" or (kind == "own" and self.call == "has" and memory.offset == 0 and not memory.index):
            self.seen[kind] += 1
        elif kind == "other" and self.is_hint(instruction, memory) and self.is_below_ceiling(function, i, states):
            self.seen["hint"] += 1
        else:
            self.breach(function, instruction, "stores to " + {"own": "what is the thread's own", "static": "a static word"}.get(
                kind, "memory that others see"))

    def is_hint(self, instruction, memory):
        byte = instruction.name == "movb" or (instruction.name == "mov" and instruction.operands[0][1:] in machine_code.BYTE_NAMES)
        return self.call != "has" and byte and memory.offset == HINT_OFFSET and not memory.index

    @staticmethod
    def comes_from(function, i, reached, wanted):
        """Whether every way to instruction I, of those REACHED, comes from a conditional jump that is WANTED(jump, taken)."""
        ways, seen = [i], set()
        while ways:
            at = ways.pop()
            if at in seen:
                continue
            seen.add(at)
            ways_in = [before for before in function.ways_in[at] if before in reached]
            if not ways_in:
                return False
            for before in ways_in:
                jump = function.code[before]
                if not machine_code.CONDITIONAL.match(jump.name):
                    ways.append(before)
                elif not wanted(before, before + 1 != at):
                    return False
        return True

    def is_below_ceiling(self, function, i, reached):
        def compares_with_ceiling(jump, taken):
            compare, less = function.code[jump - 1], BELOW.get((function.code[jump].name, taken))
            return (less is not None and compare.name in ("cmp", "cmpb")
                    and machine_code.constant(compare.operands[0]) == HINT_CEILING - less)

        return self.comes_from(function, i, reached, compares_with_ceiling)

    def is_first_section(self, function, i, reached):
        def finds_nothing(jump, taken):
            compare = function.code[jump - 1]
            return ((function.code[jump].name, taken) in (("je", True), ("jne", False)) and compare.name.startswith("cmp")
                    and machine_code.constant(compare.operands[0]) == 0 and compare.operands[-1].startswith("%fs:"))

        return self.call == "has" and self.comes_from(function, i, reached, finds_nothing)

    def leave(self, function, i, states):
        instruction, state = function.code[i], states[i]
        if instruction.is_indirect:
            if function.name not in PUBLIC:
                self.breach(function, instruction, "goes where a pointer says")
            return
        if instruction.target is None or instruction.target in function.at:
            return
        callee = self.callee(function, instruction)
        if callee is None:
            self.breach(function, instruction, "goes to what is no function here")
        elif callee.name in REGISTERS_A_THREAD:
            if not self.is_first_section(function, i, states):
                self.breach(function, instruction, "registers a thread that may be known")
        elif "@plt" in callee.name:
            self.breach(function, instruction, "calls out of the library")
        else:
            passed = {name: state.of(name) for name in ARGUMENTS}
            self.follow(callee, {name: ANYWHERE if value[0] == "stack" else value for name, value in passed.items()})

    def begin(self, function):
        argument = CALLS[self.call]
        self.follow(function, {argument: OUT} if argument else {})


def missing(call, name, seen):
    """What a reader must do, and this one was not seen to."""
    wanted = {"has": ["own"], "get": ["hint", "out"], "get_many": ["hint", "out"]}[call]
    lines = ["%s: no store of its %s was seen" % (name, kind) for kind in wanted if seen[kind] == 0]
    if not any("find_slow" in function for function in seen["functions"]):
        lines.append("%s: the slow search was not seen" % name)
    return lines


def check(functions, out=print):
    """The breaches in FUNCTIONS."""
    breaches, count, instructions = [], 0, 0
    for call in CALLS:
        for algorithm in ALGORITHMS:
            name = "%s_%s" % (call, algorithm)
            roots = [f for f in functions.values() if re.fullmatch(name + r"(\..*)?", f.name)]
            if len(roots) < READERS_MIN:
                breaches.append("%s: %d compiled, expected at least %d" % (name, len(roots), READERS_MIN))
            for root in roots:
                reading = Reading(functions, call)
                reading.begin(root)
                breaches += reading.breaches + missing(call, name, reading.seen)
                count += 1
                instructions += len(root.code)
    for name, call in PUBLIC.items():
        for root in (f for f in functions.values() if f.name == name):
            reading = Reading(functions, call)
            reading.begin(root)
            breaches += reading.breaches
            count += 1
    out("%d readers and public calls of %d instructions, and all that they call" % (count, instructions))
    return sorted(set(breaches))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("library")
    arguments = parser.parse_args()
    breaches = check(machine_code.disassemble(arguments.objdump, arguments.library))
    for line in breaches:
        print(line)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
