# SPDX-License-Identifier: MIT
"""One comparison: the same question to `git` and to `trove`, equal when standard output and exit status are.

`git` answers from the bare repository itself, once for each case; `trove` from its address on each of several servers.
"""
import concurrent.futures
import itertools
import os
import re
import shlex
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field

# With more threads than one and context or --break, git itself cuts the first line of its output.
GIT_ONLY = {"grep": [b"--threads=1"]}
GIT_SECONDS = 2  # of processor time, so that a busy machine leaves out nothing more
OURS_SECONDS = 120  # nothing takes that long; a hang must not stop the whole test
WHY_SLOW = "git itself takes more than %d s of processor time" % GIT_SECONDS
# On which line a pattern needs more stack than PCRE2 has depends on which lines are looked at; trove skips some.
WHY_STACK = "git itself gives up: its matcher's stack is too small for the pattern"

# The work tree, and folders in it: names and pathspecs are then relative to the folder.
WORK_TREES = ("tree", "below", "deeper")

# Options of git's that trove refuses by name, with 129. They are left out of comparing until they are there; any other
# option that is refused is a difference.
NOT_YET = {b"and", b"not", b"(", b")", b"all-match", b"textconv", b"p", b"show-function", b"W", b"function-context"}


@dataclass
class Case:
    """ARGS follow the command's name for both, but where TROVE_ARGS are given; TROVE_ONLY stand in front of them."""
    repo: str
    command: str
    args: list
    locale: str = "C.UTF-8"
    home: str = "plain"
    trove_only: list = field(default_factory=list)
    trove_args: list = None
    short_form: list = None  # grep's short form: the arguments with the repository's place marked by None
    stdin: bytes = b""
    number: int = -1


@dataclass
class Answer:
    command: list
    status: int
    out: bytes
    err: bytes


class Runner:
    """Runs cases. PATHS: repository name to folder, where git looks; FOLDER: where both are started."""

    def __init__(self, trove, paths, homes, folder):
        self.trove, self.paths, self.homes, self.folder = trove, paths, homes, folder

    def environment(self, case, more):
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "LC_", "LANG"))}
        keep.update(HOME=self.homes[case.home], LC_ALL=case.locale, GIT_CONFIG_NOSYSTEM="1", **more)
        return keep

    def run(self, command, case, more, seconds=OURS_SECONDS):
        command = [os.fsencode(word) for word in command]
        done = subprocess.run(command, env=self.environment(case, more), input=case.stdin, cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds)
        return Answer(command, done.returncode, done.stdout, done.stderr)

    def git(self, case):
        """None when it takes too long."""
        command = ["git", "-C", self.paths[case.repo], case.command, *GIT_ONLY.get(case.command, []), *case.args]
        answer = self.run(["sh", "-c", 'ulimit -t %d; exec "$@"' % GIT_SECONDS, "sh", *command], case, {})
        answer.command = [os.fsencode(word) for word in command]
        return None if answer.status in (-signal.SIGXCPU, -signal.SIGKILL) else answer

    def git_unlimited(self, case):
        return self.run(["git", "-C", self.paths[case.repo], case.command, *case.args], case, {})

    def ours_command(self, case, server):
        # A work tree is a path, never behind a server; every fourth bare repository is given as a plain path as well.
        local = case.repo in WORK_TREES or (server.kind == "file" and case.number % 4 == 0)
        url = self.paths[case.repo] if local else server.url(case.repo)
        if case.short_form is not None:
            words = [url if word is None else word for word in case.short_form]
            return [self.trove, case.command, *case.trove_only, *words]
        args = case.args if case.trove_args is None else case.trove_args
        return [self.trove, "-C", url, case.command, *case.trove_only, *args]

    def ours(self, case, server):
        return self.run(self.ours_command(case, server), case, server.environment)


def refused(answer):
    """The option that trove says it does not have yet, or None."""
    found = re.match(rb"error: (?:option|switch) `(.+?)' is not supported yet", answer.err)
    return found.group(1) if answer.status == 129 and found and found.group(1) in NOT_YET else None


def difference(git, ours):
    """None when the answers are equal, else what differs in one line."""
    if git.status != ours.status:
        return "exit status %d, git's is %d" % (ours.status, git.status)
    if git.out != ours.out and git.status != 129:  # at 129 git prints its own usage text
        at = next((i for i, (a, b) in enumerate(zip(git.out, ours.out)) if a != b), min(len(git.out), len(ours.out)))
        begin = max(0, git.out.rfind(b"\n", 0, at) + 1)
        return "output differs at byte %d of %d (ours: %d):\n      git:  %r\n      ours: %r" % (
            at, len(git.out), len(ours.out), git.out[begin:at + 80], ours.out[begin:at + 80])
    if ours.status > 1 and not ours.err:
        return "failed with %d and said nothing" % ours.status
    return None


class Report:
    """Counts comparisons, prints the first failures and writes all to a file; safe to use from several threads."""

    def __init__(self, title, folder, homes, again, show=10):
        self.title, self.show, self.homes, self.again = title, show, homes, again
        self.path = os.path.join(folder, "different-" + title.replace(" ", "-"))
        self.file = open(self.path, "w", encoding="utf-8", errors="backslashreplace")
        self.lock, self.count, self.failures = threading.Lock(), {}, 0
        self.left_out, self.slowest = {}, []

    def shell(self, answer, case):
        words = ["HOME=" + self.homes[case.home], "LC_ALL=" + case.locale, "GIT_CONFIG_NOSYSTEM=1"]
        return " ".join(words + [shlex.quote(os.fsdecode(word)) for word in answer.command])

    def add(self, case, kind, git, ours):
        name = refused(ours)
        if name is not None:
            return self.leave_out("trove has no `%s' yet, and says so" % name.decode())
        found = difference(git, ours)
        with self.lock:
            self.count[kind] = self.count.get(kind, 0) + 1
            if found is not None:
                self.fail(case, kind, git, ours, found)
        return None

    def fail(self, case, kind, git, ours, found):
        self.failures += 1
        text = "\nDIFFERENT %s over %s\n    %s\n    %s\n    %s" % (
            self.title, kind, self.shell(git, case), self.shell(ours, case), found)
        if ours.err:
            text += "\n    stderr: " + ours.err.decode(errors="backslashreplace").strip()[:400]
        text += "\n    again: %s --via %s --only %d" % (self.again, kind, case.number)
        print(text, file=self.file, flush=True)
        if self.failures <= self.show:
            print(text.encode(errors="backslashreplace").decode(), flush=True)

    def slow(self, seconds, ours, case):
        """Remembers the slowest of ours."""
        with self.lock:
            self.slowest = sorted(self.slowest + [(seconds, self.shell(ours, case))])[-3:]

    def leave_out(self, reason, count=1):
        with self.lock:
            self.left_out[reason] = self.left_out.get(reason, 0) + count

    def end(self):
        """Prints the sum; returns whether all were equal."""
        total = sum(self.count.values())
        parts = ", ".join("%d over %s" % (count, kind) for kind, count in sorted(self.count.items()))
        print("%s: %d comparisons (%s), %d different" % (self.title, total, parts, self.failures))
        self.file.close()
        if self.failures:
            print("    all of them: " + self.path)
        for reason, count in sorted(self.left_out.items()):
            print("    left out: %5d  %s" % (count, reason))
        for seconds, command in self.slowest:
            print("    %4.1f s  %s" % (seconds, command[:200]))
        return self.failures == 0


def run_all(cases, runner, report, servers, workers):
    """Compares every case on every server, a few at a time."""
    def one(case):
        git = runner.git(case)
        if git is None:
            report.leave_out(WHY_SLOW, len(servers))
            return
        if git.status == 128 and b"JIT stack limit reached" in git.err:
            report.leave_out(WHY_STACK, len(servers))
            return
        for server in servers:
            if case.repo in WORK_TREES and server.kind != "file":
                continue  # a work tree is only ever a path
            begin = time.monotonic()
            try:
                ours = runner.ours(case, server)
            except subprocess.TimeoutExpired as expired:
                ours = Answer(expired.cmd, -1, b"", b"still running after %d s" % OURS_SECONDS)
            report.add(case, server.kind, git, ours)
            report.slow(time.monotonic() - begin, ours, case)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        running, cases = set(), iter(cases)
        while running or cases is not None:
            fresh = list(itertools.islice(cases, 4 * workers - len(running))) if cases is not None else []
            running |= {pool.submit(one, case) for case in fresh}
            if not fresh and cases is not None:
                cases = None
            done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                future.result()
