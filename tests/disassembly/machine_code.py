# SPDX-License-Identifier: MIT
"""machine_code.py - x86-64 functions as objdump prints them, and what is known of each register on the way through one.

What is followed is only where an address comes from, because that tells whose memory a store goes to:
    stack   this thread's stack, with the offset where it is known
    own     a pointer that was loaded from a thread-local word: what it points to is the thread's own (liburcu's reader)
    out     what the caller of the public function gave for results
    other   everything else, and everything that two ways to one place do not agree about
A spilled register is followed to its slot in the stack and back. Stores through pointers into the stack whose offset is not
known are taken to go to arrays, never over a spilled register.
"""
import re
import subprocess

WORDS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi") + tuple("r%d" % n for n in range(8, 16))
NAMES = {}
for word in WORDS[:8]:
    short = word[1:]
    for alias in (word, "e" + short, short, short[0] + "l", short[0] + "h", short + "l"):
        NAMES.setdefault(alias, word)
NAMES.update({"sil": "rsi", "dil": "rdi", "bpl": "rbp", "spl": "rsp"})
for word in WORDS[8:]:
    NAMES.update({word + end: word for end in ("", "d", "w", "b")})
BYTE_NAMES = {alias for alias in NAMES if alias in ("al", "bl", "cl", "dl", "ah", "bh", "ch", "dh", "sil", "dil", "bpl", "spl")
              or re.fullmatch(r"r\d+b", alias)}
ARGUMENTS = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")
PRESERVED = {"rbx", "rsp", "rbp", "r12", "r13", "r14", "r15"}
OTHER, OWN, OUT, ANYWHERE = ("other",), ("own",), ("out",), ("stack", None)

# What has a memory operand last and does not write it.
READS = re.compile(r"((cmp|test|push|nop|call|jmp|mul|imul|div|idiv|bt)[bwlq]?|prefetch\w*|fi?ld\w*|v?ldmxcsr|v?ptest|v?u?comis[sd])$")
CONDITIONAL = re.compile(r"j(?!mp)[a-z]+$")


class Memory:
    """disp(base,index,scale), or an address that the linker knows."""

    def __init__(self, text):
        match = re.fullmatch(r"(?:%(\w+):)?(-?0x[0-9a-f]+|-?\d+)?(?:\((?:%(\w+))?(?:,%(\w+)(?:,(\d))?)?\))?", text)
        if not match:
            raise ValueError("not an operand: " + text)
        self.segment, self.base, self.index = match.group(1), match.group(3), match.group(4)
        self.offset = int(match.group(2) or "0", 0)
        self.scale = int(match.group(5) or "1")


class Instruction:
    def __init__(self, address, text):
        self.address, self.text = address, text
        text = re.sub(r"\s*#.*", "", text)
        text = re.sub(r"^xchg\s+%ax,%ax$", "nop", text)  # which is what it is
        words = text.split(None, 1)
        self.prefixes = []
        while words and words[0] in ("lock", "rep", "repz", "repnz", "notrack", "bnd", "data16", "cs", "ds", "xacquire", "xrelease"):
            self.prefixes.append(words[0])
            words = words[1].split(None, 1) if len(words) > 1 else []
        self.name = words[0] if words else ""
        self.target = None
        rest = words[1] if len(words) > 1 else ""
        target = re.fullmatch(r"([0-9a-f]+) <(.*)>", rest.strip())
        if target:
            self.target, self.target_name = int(target.group(1), 16), target.group(2)
            rest = ""
        self.operands = [part.strip() for part in re.split(r",(?![^(]*\))", rest)] if rest else []

    def memory(self, operand):
        plain = re.sub(r"\{.*", "", operand)
        if plain.startswith(("%", "$", "*%")) and not plain.startswith(("%fs:", "%gs:", "%es:", "%ds:")):
            return None
        return Memory(plain.lstrip("*"))

    @property
    def stored(self):
        """The memory it writes, or None."""
        if not self.operands or READS.match(self.name):
            return None
        if self.name.startswith("xchg"):
            return next((m for m in map(self.memory, self.operands) if m), None)
        return self.memory(self.operands[-1])

    @property
    def is_indirect(self):
        return self.name in ("call", "jmp") and self.target is None

    @property
    def ends(self):
        return self.name in ("ret", "jmp", "ud2", "hlt")

    def register(self, operand):
        name = re.sub(r"\{.*", "", operand).lstrip("*%")
        return NAMES.get(name)

    @property
    def written(self):
        """The general registers it writes."""
        found = {"mul": ["rax", "rdx"], "div": ["rax", "rdx"], "idiv": ["rax", "rdx"], "cqto": ["rdx"], "cltd": ["rdx"],
                 "cltq": ["rax"], "cwtl": ["rax"], "leave": ["rsp", "rbp"], "cpuid": ["rax", "rbx", "rcx", "rdx"],
                 "rdtsc": ["rax", "rdx"]}.get(self.name.rstrip("q") if self.name in ("mulq", "divq", "idivq") else self.name, [])
        if self.name == "imul" and len(self.operands) == 1:
            found = ["rax", "rdx"]
        if self.name.startswith("cmpxchg"):
            found = ["rax"]
        last = self.operands[-2:] if self.name in ("mulx",) or self.name.startswith(("xchg", "xadd")) else self.operands[-1:]
        if not READS.match(self.name) or (self.name.startswith("imul") and len(self.operands) > 1):
            found = found + [self.register(o) for o in last if o.startswith("%") and not self.memory(o)]
        return {register for register in found if register}


class Function:
    def __init__(self, address, name):
        self.address, self.name, self.code = address, name, []

    def prepare(self):
        self.at = {instruction.address: i for i, instruction in enumerate(self.code)}
        self.ways_in = {i: [] for i in range(len(self.code))}
        for i in range(len(self.code)):
            for next_one in self.next_of(i):
                self.ways_in[next_one].append(i)

    def next_of(self, i):
        instruction, found = self.code[i], []
        if instruction.name == "jmp" or CONDITIONAL.match(instruction.name):
            if instruction.target in self.at:
                found.append(self.at[instruction.target])
        if not instruction.ends and i + 1 < len(self.code):
            found.append(i + 1)
        return found


def parse(text):
    """{address: Function} of what objdump -d --no-show-raw-insn printed."""
    functions, current = {}, None
    for line in text.splitlines():
        head = re.match(r"([0-9a-f]+) <(.*)>:$", line)
        if head:
            current = functions.setdefault(int(head.group(1), 16), Function(int(head.group(1), 16), head.group(2)))
            continue
        body = re.match(r"\s*([0-9a-f]+):\s+(\S.*)$", line)
        if body and current is not None:
            current.code.append(Instruction(int(body.group(1), 16), body.group(2).strip()))
    for function in functions.values():
        function.prepare()
    return functions


def disassemble(objdump, path):
    return parse(subprocess.run([objdump, "-d", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout)


def join(a, b):
    if a == b:
        return a
    return ANYWHERE if a[0] == b[0] == "stack" else OTHER


class State:
    """What is known before one instruction."""

    def __init__(self, registers=None, slots=None):
        self.registers, self.slots = dict(registers or {}), dict(slots or {})

    def of(self, register):
        return self.registers.get(register, OTHER)

    def copy(self):
        return State(self.registers, self.slots)

    def joined(self, other):
        registers = {name: join(self.of(name), other.of(name)) for name in WORDS}
        slots = {at: join(self.slots[at], other.slots[at]) for at in self.slots if at in other.slots}
        return State(registers, slots)

    def __eq__(self, other):
        return all(self.of(name) == other.of(name) for name in WORDS) and self.slots == other.slots

    def whose(self, memory):
        """Where MEMORY lies: one of the kinds above, or thread-local, or static."""
        if memory.segment == "fs":
            return ("thread",)
        if memory.base in ("rip", None):
            return ("static",)
        value = self.of(NAMES.get(memory.base))
        if value[0] == "other" and memory.index and memory.scale == 1:
            value = self.of(NAMES.get(memory.index))
        if value[0] == "stack" and value[1] is not None:
            return ("stack", None if memory.index else (value[1][0], value[1][1] + memory.offset))
        return value

    def loaded(self, memory):
        place = self.whose(memory)
        if place[0] == "thread":
            return OWN
        return self.slots.get(place[1], OTHER) if place[0] == "stack" else OTHER


def moved_stack(value, by):
    return ("stack", (value[1][0], value[1][1] + by)) if value[0] == "stack" and value[1] is not None else value


def constant(operand):
    return int(operand[1:], 0) if operand.startswith("$") else None


def step(instruction, state, clobbered):
    """The state after INSTRUCTION; CLOBBERED: what a call of it leaves undefined."""
    after, name, operands = state.copy(), instruction.name, instruction.operands
    source = operands[0] if operands else None
    target = instruction.register(operands[-1]) if operands and operands[-1].startswith("%") and not instruction.memory(operands[-1]) else None

    def value(operand):
        if operand.startswith("$"):
            return OTHER
        memory = instruction.memory(operand)
        return state.loaded(memory) if memory else state.of(instruction.register(operand))

    if name == "call":
        for register in clobbered:
            after.registers[register] = OTHER
    elif name.startswith("push"):
        after.registers["rsp"] = moved_stack(state.of("rsp"), -8)
        place = after.of("rsp")
        if place[0] == "stack" and place[1] is not None:
            after.slots[place[1]] = value(source)
    elif name.startswith("pop"):
        place = state.of("rsp")
        after.registers[target] = state.slots.get(place[1], OTHER) if place[0] == "stack" else OTHER
        after.registers["rsp"] = moved_stack(place, 8)
    elif name == "leave":
        place = state.of("rbp")
        after.registers["rsp"] = moved_stack(place, 8)
        after.registers["rbp"] = state.slots.get(place[1], OTHER) if place[0] == "stack" else OTHER
    elif target and name in ("mov", "movq", "movabs"):
        after.registers[target] = value(source) if operands[-1][1:] in WORDS else OTHER
    elif target and name == "lea":
        memory = instruction.memory(source)
        place = state.whose(memory)
        after.registers[target] = place if place[0] in ("stack", "out", "own") else OTHER
    elif target and name in ("add", "sub"):
        held, number = state.of(target), constant(source)
        if held[0] == "stack":
            held = moved_stack(held, (number if name == "add" else -number)) if number is not None else ANYWHERE
        elif held[0] == "other" and name == "add":
            held = value(source)
            held = ANYWHERE if held[0] == "stack" else held
        after.registers[target] = held
    elif target and name == "and" and state.of(target)[0] == "stack":
        after.registers[target] = ("stack", (instruction.address, 0))  # aligned: a frame of its own from here
    elif target and name.startswith("cmov"):
        after.registers[target] = join(state.of(target), value(source))
    else:
        for register in instruction.written:
            after.registers[register] = OTHER
        memory = instruction.stored
        if memory:
            place = state.whose(memory)
            if place[0] == "stack" and place[1] is not None:
                after.slots[place[1]] = value(source) if name in ("mov", "movq") else OTHER
    return after


def entry_state(arguments):
    state = State()
    state.registers["rsp"] = ("stack", ("entry", 0))
    for register, value in arguments.items():
        state.registers[register] = value
    return state


def states_of(function, arguments, clobbered_by):
    """{index: State} before each instruction that FUNCTION can reach."""
    states, work = {0: entry_state(arguments)}, [0]
    while work:
        i = work.pop()
        after = step(function.code[i], states[i], clobbered_by(function.code[i]))
        for next_one in function.next_of(i):
            joined = after if next_one not in states else states[next_one].joined(after)
            if next_one not in states or joined != states[next_one]:
                states[next_one] = joined
                work.append(next_one)
    return states
