#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""readers_self_test.py - shows that readers.py can fail: readers written by hand that do what they may, then one offence at a time."""
import re
import sys

import machine_code
import readers

# One instruction a line; LABEL: before it; @LABEL or @FUNCTION where it goes.
COMMON = {
    "trove_has": "jmp *0x88(%rdi)",
    "trove_get": "jmp *0x90(%rdi)",
    "trove_get_many": "jmp *0x98(%rdi)",
    "urcu_bp_register@plt": "jmp *0x1000(%rip)",
    "memcmp@plt": "jmp *0x1008(%rip)",
    "trove__thread_know": """
        lock cmpxchg %ecx,(%rbx)
        mov %rax,0x8(%rbx)
        ret""",
    "trove__scan_next": """
        mov 0x14(%rdi),%eax
        add $0x1,%eax
        mov %eax,0x14(%rdi)
        mov (%rcx),%rax
        mov %rax,(%rsi)
        ret""",
    "trove__table_find_slow": """
        push %rbx
        sub $0x38,%rsp
        mov 0x48(%rdi),%rax
        lea 0x8(%rsp),%rbx
        mov %rax,0x10(%rsp)
        again: mov %rbx,%rsi
        lea 0x10(%rsp),%rdi
        call @trove__scan_next
        test %al,%al
        jne @again
        add $0x38,%rsp
        pop %rbx
        ret""",
}
READER = {
    "has_rest": """
        sub $0x8,%rsp
        call @trove__table_find_slow
        test %rax,%rax
        setne %al
        add $0x8,%rsp
        ret""",
    "has_outside": """
        push %rbp
        mov %rsp,%rbp
        push %rbx
        and $0xffffffffffffffe0,%rsp
        sub $0x20,%rsp
        mov 0x112a8(%rip),%rbx # 1cff0 <urcu_bp_reader@Base>
        cmpq $0x0,%fs:(%rbx)
        je @register
        known: mov %fs:(%rbx),%rax
        mov (%rdx),%rdx
        mov %rdx,(%rax)
        test %r8d,%r8d
        je @fence
        enter: addl $0x1,%fs:(%r12)
        call @has_rest
        subl $0x1,%fs:(%r12)
        mov %fs:(%rbx),%rcx
        sub $0x1,%rdx
        mov %rdx,(%rcx)
        lea -0x8(%rbp),%rsp
        pop %rbx
        pop %rbp
        ret
        register: mov %rsi,0x10(%rsp)
        call @urcu_bp_register@plt
        mov 0x10(%rsp),%rsi
        xchg %ax,%ax
        cmpq $0x0,%fs:(%rbx)
        jne @known
        call @trove__thread_know
        jmp @known
        fence: mfence
        jmp @enter""",
    "get_rest": """
        push %rbx
        mov %rcx,%rbx
        call @trove__table_find_slow
        test %rax,%rax
        je @missed
        movzbl 0x8(%rax),%edx
        cmp $0x2,%dl
        jbe @cold
        hot: mov %rax,(%rbx)
        xor %eax,%eax
        pop %rbx
        ret
        nopl 0x0(%rax)
        cold: add $0x1,%edx
        mov %dl,0x8(%rax)
        jmp @hot
        missed: mov $0xfffffffe,%eax
        pop %rbx
        ret""",
    "has": """
        mov %fs:(%rax),%eax
        test %eax,%eax
        je @outside
        vmovdqu (%rsi),%xmm1
        vpcmpeqw (%rcx),%ymm0,%ymm3
        vptest %xmm1,%xmm1
        jne @rest
        mov $0x1,%eax
        ret
        rest: jmp @has_rest
        outside: jmp @has_outside""",
    "get": """
        vpxor (%rdi),%xmm1,%xmm0
        mov 0x40(%rdi),%r8
        je @rest
        cmpb $0x2,0x8(%rcx)
        jbe @cold
        hot: mov %rcx,(%rdx)
        xor %eax,%eax
        ret
        cold: movb $0x1,0x8(%rcx)
        jmp @hot
        rest: mov %rdx,%rcx
        mov %rax,%rdx
        jmp @get_rest""",
    "get_many": """
        push %rbp
        mov %rsp,%rbp
        push %r15
        push %r12
        and $0xffffffffffffffe0,%rsp
        sub $0xc0,%rsp
        mov %rcx,(%rsp)
        movq $0x0,0x8(%rsp)
        lea 0x40(%rsp),%r8
        hash: add $0x8,%r8
        vmovq %xmm0,-0x8(%r8)
        prefetcht0 (%rbx,%rdx,1)
        jne @hash
        mov (%rsp),%rbx
        lea (%rbx,%rsi,8),%r15
        next: test %rax,%rax
        je @slow
        mov %rax,(%r15)
        movzbl 0x8(%rax),%edx
        cmp $0x2,%dl
        jbe @cold
        hot: addq $0x1,0x28(%rsp)
        add $0x8,%r15
        jne @next
        lea -0x10(%rbp),%rsp
        pop %r12
        pop %r15
        pop %rbp
        ret
        slow: call @trove__table_find_slow
        mov %rax,(%r15)
        movzbl 0x8(%rax),%edx
        cmp $0x3,%dl
        jae @hot
        cold: add $0x1,%edx
        mov %dl,0x8(%rax)
        jmp @hot""",
}

# function, a line of it, what stands there instead, words of the breach (None: still no breach)
PLANTED = [
    ("has", "mov $0x1,%eax", "lock addq $0x1,0x80(%rdi)", "locked"),
    ("has", "mov $0x1,%eax", "xchg %eax,0x80(%rdi)", "exchanges with memory"),
    ("has", "mov $0x1,%eax", "mfence", "a fence"),
    ("has", "mov $0x1,%eax", "addq $0x1,0x80(%rdi)", "stores to memory that others see"),
    ("has", "mov $0x1,%eax", "movb $0x1,0x8(%rax)", "stores to memory that others see"),
    ("has", "mov $0x1,%eax", "addl $0x1,0x2000(%rip) # 1d000 <hits>", "stores to a static word"),
    ("has", "mov $0x1,%eax", "addl $0x1,0x1d000", "stores to a static word"),
    ("has", "mov $0x1,%eax", "vmovdqu %ymm0,(%rcx)", "stores to memory that others see"),
    ("has", "mov $0x1,%eax", "sete 0x20(%rdi)", "stores to memory that others see"),
    ("has", "mov $0x1,%eax", "rep stos %rax,%es:(%rdi)", "stores to memory that others see"),
    ("has", "mov $0x1,%eax", "call *0x10(%rdi)", "goes where a pointer says"),
    ("has", "rest: jmp @has_rest", "rest: jmp *%rax", "goes where a pointer says"),
    ("has", "mov $0x1,%eax", "call @memcmp@plt", "calls out of the library"),
    ("has", "rest: jmp @has_rest", "rest: ret", None),
    ("has", "outside: jmp @has_outside", "outside: ret", "no store of its own was seen"),
    ("has_rest", "call @trove__table_find_slow", "nop", "the slow search was not seen"),
    ("has_rest", "setne %al", "mov %rax,0x8(%rdi)", "stores to memory that others see"),
    ("has_outside", "mov %rdx,(%rax)", "mov %rdx,0x80(%rax)", "stores to what is the thread's own"),
    ("has_outside", "xchg %ax,%ax", "lock orl $0x0,(%rsp)", "locked"),
    ("has_outside", "sub $0x1,%rdx", "mov %rdx,(%rcx)", None),
    ("has_outside", "register: mov %rsi,0x10(%rsp)", "register: mov %rsi,0x10(%rdi)", "stores to memory that others see"),
    ("has_outside", "jne @known", "je @known", "registers a thread that may be known"),
    ("has_outside", "test %r8d,%r8d", "call @trove__thread_know", "registers a thread that may be known"),
    ("get", "hot: mov %rcx,(%rdx)", "hot: call @urcu_bp_register@plt", "registers a thread that may be known"),
    ("get", "hot: mov %rcx,(%rdx)", "hot: mov %rcx,(%rsi)", "stores to memory that others see"),
    ("get", "hot: mov %rcx,(%rdx)", "hot: nop", None),
    ("get", "jbe @cold", "jae @cold", "stores to memory that others see"),
    ("get", "jbe @cold", "jmp @cold", "stores to memory that others see"),
    ("get", "cmpb $0x2,0x8(%rcx)", "cmpb $0x7,0x8(%rcx)", "stores to memory that others see"),
    ("get", "cold: movb $0x1,0x8(%rcx)", "cold: movl $0x1,0x8(%rcx)", "stores to memory that others see"),
    ("get", "cold: movb $0x1,0x8(%rcx)", "cold: movb $0x1,0xb(%rcx)", "stores to memory that others see"),
    ("get", "cold: movb $0x1,0x8(%rcx)", "cold: mov %fs:(%rax),%rcx\n movb $0x1,0x8(%rcx)", "stores to what is the thread's own"),
    ("get", "vpxor (%rdi),%xmm1,%xmm0", "mfence", "a fence"),
    ("get_rest", "mov %rcx,%rbx", "mov %rdx,%rbx", "stores to memory that others see"),
    ("get_rest", "jbe @cold", "je @cold", "stores to memory that others see"),
    ("get_rest", "mov %dl,0x8(%rax)", "lock incb 0x8(%rax)", "locked"),
    ("get_many", "mov (%rsp),%rbx", "mov 0x10(%rsp),%rbx", "stores to memory that others see"),
    ("get_many", "jne @next", "mov %rdi,%r15\n jne @next", "stores to memory that others see"),
    ("get_many", "cmp $0x3,%dl", "cmp $0x4,%dl", "stores to memory that others see"),
    ("get_many", "prefetcht0 (%rbx,%rdx,1)", "prefetchw (%rbx,%rdx,1)", "wants a line to write to"),
    ("get_many", "prefetcht0 (%rbx,%rdx,1)", "movnti %rax,(%rbx,%rdx,1)", "stores to memory that others see"),
    ("trove__scan_next", "mov %rax,(%rsi)", "mov %rax,(%rcx)", "stores to memory that others see"),
    ("trove__scan_next", "mov %rax,(%rsi)", "cmpxchg %rsi,(%rcx)", "stores to memory that others see"),
    ("trove__table_find_slow", "mov %rax,0x10(%rsp)", "mov %rax,0x10(%rdi)", "stores to memory that others see"),
    ("trove__table_find_slow", "lea 0x10(%rsp),%rdi", "mov 0x48(%rdi),%rdi", "stores to memory that others see"),
    ("trove_has", "jmp *0x88(%rdi)", "incl 0x100(%rdi)", "stores to memory that others see"),
]


def listing(functions):
    """As objdump would print FUNCTIONS, a list of (name, reader's number, text); a name may stand in it several times."""
    bodies, places, at = [], {}, 0x1000
    for name, number, text in functions:
        lines, labels = [], {}
        places[(name, number)] = at
        for line in filter(None, map(str.strip, text.split("\n"))):
            label = re.match(r"(\w+): ", line)
            if label:
                labels[label.group(1)] = at
                line = line[label.end():]
            lines.append((at, line))
            at += 16
        bodies.append((name, number, lines, labels))

    def resolved(line, name, number, labels):
        goal = re.search(r"@([\w@]+)$", line)
        if not goal:
            return line
        place = labels.get(goal.group(1)) or places.get((goal.group(1), number)) or places[(goal.group(1), None)]
        return "%s%x <%s>" % (line[:goal.start()], place, name if goal.group(1) in labels else goal.group(1))

    out = []
    for name, number, lines, labels in bodies:
        out.append("%016x <%s>:" % (lines[0][0], name))
        out += ["    %x:\t%s" % (address, resolved(line, name, number, labels)) for address, line in lines] + [""]
    return "\n".join(out)


def library(function=None, old=None, new=None, sets=readers.READERS_MIN):
    """Readers for SETS instruction sets; in the last one the line OLD of FUNCTION is NEW."""
    found = []

    def add(name, number, text, last):
        if name.startswith(function or "-") and name in (function, function + "_sha1", function + "_sha256") and last:
            if not re.search(r"(?m)^\s*%s$" % re.escape(old), text):
                raise ValueError("no such line in %s: %s" % (name, old))
            text = text.replace(old, new, 1)
        found.append((name, number, text))

    for name, text in COMMON.items():
        add(name, None, "\n" + text, True)
    for number in range(sets):
        for name, text in READER.items():
            for full in (name,) if "_" in name and name != "get_many" else (name + "_sha1", name + "_sha256"):
                add(full, number, text, number == sets - 1)
    return machine_code.parse(listing(found))


def quietly(text):
    del text


def main():
    failures = []
    good = readers.check(library(), quietly)
    if good:
        failures.append("something is found in the good readers: " + good[0])
    if not any("compiled, expected" in line for line in readers.check(library(sets=readers.READERS_MIN - 1), quietly)):
        failures.append("a missing reader is not noticed")
    for function, old, new, words in PLANTED:
        found = readers.check(library(function, old, new), quietly)
        if words is None and found:
            failures.append("%s with %r is taken for a breach: %s" % (function, new, found[0]))
        elif words is not None and not any(words in line for line in found):
            failures.append("%r in %s is not seen; found: %s" % (new, function, found))
    for failure in failures:
        print(failure)
    print("%d offences planted, %d failures" % (len(PLANTED), len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
