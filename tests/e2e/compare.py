# SPDX-License-Identifier: MIT
"""One comparison: the same question to `git` and to `trove`, equal when standard output and exit status are.

`git` answers from the bare repository itself, `trove` from its address on a server.
"""
import concurrent.futures
import os
import shlex
import subprocess
import threading
import time
from dataclasses import dataclass, field

# With more threads than one and context or --break, git itself cuts the first line of its output.
GIT_ONLY = {"grep": [b"--threads=1"]}
GIT_SECONDS = 3


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


@dataclass
class Answer:
    command: list
    status: int
    out: bytes
    err: bytes


class Runner:
    """Runs cases. PATHS: repository name to folder, where git looks; SERVER: where trove looks."""

    def __init__(self, trove, paths, server, homes, folder):
        self.trove, self.paths, self.server, self.homes, self.folder = trove, paths, server, homes, folder

    def environment(self, case):
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "LC_", "LANG"))}
        keep.update(HOME=self.homes[case.home], LC_ALL=case.locale, GIT_CONFIG_NOSYSTEM="1")
        keep.update(self.server.environment)
        return keep

    def run(self, command, case, seconds=None):
        command = [os.fsencode(word) for word in command]
        done = subprocess.run(command, env=self.environment(case), input=case.stdin, cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds)
        return Answer(command, done.returncode, done.stdout, done.stderr)

    def git(self, case):
        return self.run(["git", "-C", self.paths[case.repo], case.command, *GIT_ONLY.get(case.command, []),
                         *case.args], case, GIT_SECONDS)

    def ours(self, case):
        # A work tree is a path, never behind a server.
        url = self.paths["tree"] if case.repo == "tree" else self.server.url(case.repo)
        if case.short_form is not None:
            words = [url if word is None else word for word in case.short_form]
            return self.run([self.trove, case.command, *case.trove_only, *words], case)
        args = case.args if case.trove_args is None else case.trove_args
        return self.run([self.trove, "-C", url, case.command, *case.trove_only, *args], case)


def difference(git, ours):
    """None when the answers are equal, else what differs in one line."""
    if git.status != ours.status:
        return "exit status %d, git's is %d" % (ours.status, git.status)
    if git.out != ours.out:
        at = next((i for i, (a, b) in enumerate(zip(git.out, ours.out)) if a != b), min(len(git.out), len(ours.out)))
        begin = max(0, git.out.rfind(b"\n", 0, at) + 1)
        return "output differs at byte %d of %d (ours: %d):\n      git:  %r\n      ours: %r" % (
            at, len(git.out), len(ours.out), git.out[begin:at + 80], ours.out[begin:at + 80])
    if ours.status > 1 and not ours.err:
        return "failed with %d and said nothing" % ours.status
    return None


def shell(answer, case):
    words = [("HOME=…/" + case.home), "LC_ALL=" + case.locale]
    return " ".join(words) + " " + " ".join(shlex.quote(os.fsdecode(word)) for word in answer.command)


class Report:
    """Counts failures, prints the first and writes all to a file; safe to use from several threads."""

    def __init__(self, title, folder, show=10):
        self.title, self.show = title, show
        self.path = os.path.join(folder, "different-" + title.replace(" ", "-"))
        self.file = open(self.path, "w", encoding="utf-8", errors="backslashreplace")
        self.lock, self.count, self.failures = threading.Lock(), 0, 0
        self.left_out, self.slowest = {}, []

    def add(self, case, git, ours):
        found = difference(git, ours)
        with self.lock:
            self.count += 1
            if found is None:
                return
            self.failures += 1
            text = "\nDIFFERENT %s\n    %s\n    %s\n    %s" % (self.title, shell(git, case), shell(ours, case), found)
            if ours.err:
                text += "\n    stderr: " + ours.err.decode(errors="backslashreplace").strip()[:400]
            print(text, file=self.file, flush=True)
            if self.failures <= self.show:
                print(text.encode(errors="backslashreplace").decode())

    def slow(self, seconds, ours, case):
        """Remembers the slowest of ours."""
        with self.lock:
            self.slowest = sorted(self.slowest + [(seconds, shell(ours, case))])[-3:]

    def leave_out(self, reason):
        with self.lock:
            self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def end(self):
        """Prints the sum; returns whether all were equal."""
        print("%s: %d comparisons, %d different" % (self.title, self.count, self.failures))
        self.file.close()
        if self.failures:
            print("    all of them: " + self.path)
        for reason, count in sorted(self.left_out.items()):
            print("    left out: %5d  %s" % (count, reason))
        for seconds, command in self.slowest:
            print("    %4.1f s  %s" % (seconds, command[:200]))
        return self.failures == 0


def run_all(cases, runner, report, workers):
    """Compares every case, a few at a time. What takes git itself too long is left out: nobody waits for that."""
    def one(case):
        try:
            git = runner.git(case)
        except subprocess.TimeoutExpired:
            report.leave_out("git itself takes more than %d s" % GIT_SECONDS)
            return
        begin = time.monotonic()
        ours = runner.ours(case)
        report.add(case, git, ours)
        report.slow(time.monotonic() - begin, ours, case)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(one, cases):
            pass
