#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""record_traces.py REPOSITORY FOLDER - writes traces of what work in a git repository reads, as FOLDER/NAME-*.csv.

Each line is a use of an object: its number, its id, its size, its type (1 commit, 2 tree, 3 blob). What is used, in which
order, is asked of git's plumbing; nothing is traced, so that the same repository gives the same files.

  grep-versions   a grep of the whole tree of some versions, one after the other, each from its commit through its trees
  grep-folder     a grep of one folder after the other of the newest version, three rounds, then of older versions
  log-p           git log -p: each commit, its own tree and its parent's where they differ, the blobs that differ
  log-p-again     the same of the newest commits again and again, as people do who read on day after day
  blame           the history of some files, each commit with the trees on the way to the file, its blob where it changed
  scan-and-hot    log-p of the newest commits, again and again, and between these a scan of every object there is
"""
import os
import subprocess
import sys

VERSIONS, STEP = 40, 150
LOG, LOG_AGAIN, ROUNDS = 12000, 600, 12
BLAMED, BLAME_DEPTH = 60, 1500
TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
NO_OBJECT = "0" * 40


class Repository:
    def __init__(self, path):
        self.path = path

    def git(self, *arguments, stdin=None):
        result = subprocess.run(["git", "-C", self.path, "-c", "core.quotePath=false", *arguments], input=stdin, check=True,
                                stdout=subprocess.PIPE)
        return result.stdout.decode("utf-8", "surrogateescape").split("\n")[:-1]

    def names(self, questions):
        """The ids of "REVISION:PATH", None where there is none."""
        answers = self.git("cat-file", "--batch-check=%(objectname)",
                           stdin="".join(q + "\n" for q in questions).encode("utf-8", "surrogateescape"))
        return [None if " " in answer else answer for answer in answers]

    def kinds(self, ids):
        """{id: (size, type)}"""
        ids = sorted(set(ids))
        answers = self.git("cat-file", "--batch-check=%(objectname) %(objectsize) %(objecttype)",
                           stdin="".join(i + "\n" for i in ids).encode())
        return {a[0]: (int(a[1]), TYPES[a[2]]) for a in (line.split(" ") for line in answers) if len(a) == 3 and a[1].isdigit()}


def commits_of(repository, count):
    """[(commit, tree, parents)], the newest first."""
    lines = repository.git("log", "--no-merges", "-n", str(count), "--format=%H %T %P")
    return [(parts[0], parts[1], parts[2:]) for parts in (line.split(" ") for line in lines)]


def grep_versions(repository):
    commits = repository.git("rev-list", "--first-parent", "HEAD")
    step = max(1, min(STEP, len(commits) // VERSIONS))
    for commit in reversed(commits[:VERSIONS * step:step]):
        yield commit
        yield repository.names([commit + "^{tree}"])[0]
        for _, name, _ in whole_tree(repository, commit):
            yield name


def whole_tree(repository, revision):
    text = subprocess.run(["git", "-C", repository.path, "ls-tree", "-r", "-t", "-z", revision], check=True,
                          stdout=subprocess.PIPE).stdout.decode("utf-8", "surrogateescape")
    for row in text.split("\0")[:-1]:
        head, path = row.split("\t", 1)
        _, kind, name = head.split(" ")
        if kind != "commit":
            yield kind, name, path


def grep_folder(repository):
    commits = repository.git("rev-list", "--first-parent", "HEAD")
    for commit in [commits[0]] * 3 + commits[:200 * 4:200]:
        root = repository.names([commit + "^{tree}"])[0]
        entries = list(whole_tree(repository, commit))
        for folder in sorted(path for kind, _, path in entries if kind == "tree" and path.count("/") == 0):
            yield commit
            yield root
            for _, name, path in entries:
                if path == folder or path.startswith(folder + "/"):
                    yield name


def log_p(repository, count):
    trees = {commit: tree for commit, tree, _ in commits_of(repository, 4 * count)}
    for line in repository.git("log", "--no-merges", "-n", str(count), "--raw", "--no-abbrev", "-t", "--no-renames",
                               "--format=commit %H %T %P"):
        parts = line.split(" ")
        if parts[0] == "commit":
            yield parts[1]
            yield parts[2]
            for parent in parts[3:]:
                yield parent
                if parent in trees:
                    yield trees[parent]
        elif line.startswith(":"):
            for name in (parts[2], parts[3]):
                if name != NO_OBJECT and "160000" not in (parts[0][1:], parts[1]):
                    yield name


def blame(repository):
    commits = commits_of(repository, BLAME_DEPTH)
    files = [path for kind, _, path in whole_tree(repository, "HEAD") if kind == "blob"]
    files = sorted(files, key=lambda path: (len(path) * 7919 + sum(map(ord, path)) * 104729) % 1000003)[:BLAMED]
    for path in files:
        pieces = path.split("/")
        steps = ["/".join(pieces[:n]) for n in range(1, len(pieces) + 1)]
        names = repository.names([commit + ":" + step for commit, _, _ in commits for step in steps])
        last = None
        for at, (commit, tree, _) in enumerate(commits):
            found = names[at * len(steps):(at + 1) * len(steps)]
            yield commit
            yield tree
            for name in found[:-1]:
                if name is not None:
                    yield name
            if found[-1] is None:
                break
            if found[-1] != last:
                yield found[-1]
            last = found[-1]


def log_p_again(repository):
    once = list(log_p(repository, LOG_AGAIN + ROUNDS * 20))
    starts = [at for at, name in enumerate(once)]
    window = len(once) * LOG_AGAIN // (LOG_AGAIN + ROUNDS * 20)
    for day in range(ROUNDS):
        first = (len(starts) - window) * (ROUNDS - 1 - day) // max(1, ROUNDS - 1)
        yield from once[first:first + window]


def scan_and_hot(repository):
    hot = list(log_p(repository, LOG_AGAIN // 2))
    scan = [line.split(" ")[0] for line in repository.git("rev-list", "--objects", "-n", str(LOG), "HEAD")]
    at = 0
    for n, name in enumerate(scan):
        yield name
        for _ in range(2 if n % 2 == 0 else 1):
            yield hot[at % len(hot)]
            at += 1


def write(repository, path, names):
    names = list(names)
    kinds = repository.kinds(names)
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write("time,id,size,type\n")
        for time, name in enumerate(names):
            if name in kinds:
                file.write("%d,%s,%d,%d\n" % (time, name, kinds[name][0], kinds[name][1]))
    os.rename(path + ".new", path)
    print("%s: %d uses" % (path, len(names)))


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: record_traces.py REPOSITORY FOLDER")
    repository, folder = Repository(sys.argv[1]), sys.argv[2]
    prefix = os.path.basename(os.path.abspath(sys.argv[1])).replace(".git", "") or "repository"
    os.makedirs(folder, exist_ok=True)
    for name, record in {"grep-versions": grep_versions, "grep-folder": grep_folder, "log-p": lambda r: log_p(r, LOG),
                         "log-p-again": log_p_again, "blame": blame, "scan-and-hot": scan_and_hot}.items():
        path = os.path.join(folder, "%s-%s.csv" % (prefix, name))
        if not os.path.exists(path):
            write(repository, path, record(repository))


if __name__ == "__main__":
    main()
