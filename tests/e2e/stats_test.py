# SPDX-License-Identifier: MIT
"""What --stats says is what the request plans must cost: stats_test.py --trove PROGRAM --root PROJECT --work FOLDER [options]

How many objects a search needs is counted with git: each object once, as a pack holds it.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import harness
import repos
import servers
from compare import Case


class Tree:
    """The distinct objects of one revision, by git's own listing."""

    def __init__(self, path, revision):
        self.root = repos.git(path, "rev-parse", revision + "^{tree}").decode().strip()
        self.rows = []
        for line in repos.git(path, "ls-tree", "-r", "-t", "-z", revision).decode(errors="surrogateescape").split("\0"):
            if line:
                meta, name = line.split("\t", 1)
                self.rows.append((*meta.split()[1:3], name))

    def count(self, wanted):
        return len({oid for kind, oid, name in self.rows if wanted(kind, name)})

    def id_of(self, wanted_name):
        return next(oid for _, oid, name in self.rows if name == wanted_name)


def plans(path):
    """(arguments, objects, least and most requests): what a search must fetch."""
    tree = Tree(path, "HEAD")
    trees = 2 + tree.count(lambda kind, name: kind == "tree")  # and the commit, and the root
    shallow = 2 + tree.count(lambda kind, name: kind == "tree" and "/" not in name)

    def below(folder):
        return tree.count(lambda kind, name: name == folder or name.startswith(folder + "/"))

    def blobs(suffix):
        return tree.count(lambda kind, name: kind == "blob" and name.endswith(suffix))

    everything = trees + tree.count(lambda kind, name: kind == "blob")
    return [
        (["HEAD"], everything, 1, 1),
        (["HEAD", "--", "."], everything, 1, 1),
        (["HEAD", "--", "README.md"], 3, 2, 2),
        (["HEAD:README.md"], 3, 2, 2),
        (["HEAD", "--", "core"], 2 + below("core"), 2, 2),
        (["HEAD:core"], 2 + below("core"), 2, 2),
        (["HEAD", "--", "core", "fetch"], 2 + below("core") + below("fetch"), 2, 2),
        (["HEAD", "--", "core/table.c"], shallow + 1, 2, 2),
        (["HEAD", "--", "nowhere"], 2, 1, 1),
        (["HEAD", "--", "*.py"], trees + blobs(".py"), 2, 4),
        ([tree.id_of("README.md")], 1, 1, 1),
    ]


def check_plan(run, server, whole, arguments, objects, least, most):
    """One search: its numbers, and that it found what git finds."""
    case = Case("self", "grep", [b"-c", b"e", *(word.encode() for word in arguments)], trove_only=[b"--stats=json"])
    git, ours = run.runner.git(case), run.runner.ours(case, server)
    stats = json.loads(ours.err)
    facts = [
        (git.out == ours.out and git.status == ours.status, "git finds something else"),
        (stats["objects_fetched"] == objects, "%d objects are what it takes" % objects),
        (least <= stats["requests"] <= most, "%d to %d requests are" % (least, most)),
        (stats["connections"] >= 1, "there was a connection"),
        (stats["round_trips"] > stats["requests"], "capabilities are a round trip too"),
        (stats["pack_bytes"] <= stats["bytes_fetched"], "packs are a part of all bytes"),
        (objects > whole["objects"] // 3 or stats["bytes_fetched"] < whole["bytes"] // 2, "a part costs less than the whole"),
        (stats["search"] <= stats["total_seconds"], "the search is a part of all time"),
        (stats["peak_memory"] > 1 << 20, "nothing runs in a megabyte"),
    ]
    if whole["objects"] == 0:
        whole.update(objects=stats["objects_fetched"], bytes=stats["bytes_fetched"])
    wrong = [why for good, why in facts if not good]
    print("%s over %s: grep %s: %d objects, %d bytes, %d requests, %d round trips%s" % (
        "FAIL" if wrong else "ok  ", server.kind, " ".join(arguments), stats["objects_fetched"], stats["bytes_fetched"],
        stats["requests"], stats["round_trips"], "".join("\n    " + why for why in wrong)), flush=True)
    return not wrong


# What a server that cannot filter is asked for: each is one request, and no object comes twice. A part may cost less than the
# whole, because the transfer ends when the part is searched.
UNFILTERED = [
    (["grep", "-c", "e", "HEAD"], True),
    (["grep", "-c", "e", "HEAD", "--", "core"], False),
    (["grep", "-c", "e", "HEAD", "--", "core/table.c"], False),
    (["grep", "-c", "e", "HEAD", "--", "*.py"], False),
    (["grep", "-c", "e", "HEAD:core"], True),
    (["cat-file", "-p", "HEAD:core/table.c"], True),
    (["cat-file", "-p", "HEAD^{tree}"], True),
    (["cat-file", "--batch"], True),
    (["ls-tree", "-r", "HEAD"], True),
    (["ls-tree", "-r", "-l", "HEAD", "core/"], True),
]


def check_unfiltered(run, path):
    """A server without filters sends a revision once, if the cache can hold it."""
    everything = 2 + Tree(path, "HEAD").count(lambda kind, name: kind in ("blob", "tree"))
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    good = True
    with tempfile.TemporaryDirectory(dir=run.args.work) as folder:
        copy = os.path.join(folder, "plain.git")
        shutil.copytree(path, copy)
        repos.git(copy, "config", "uploadpack.allowFilter", "false")
        with servers.start("http", folder) as server:
            for (words, whole), limit in [(case, limit) for case in UNFILTERED for limit in ("256M", "100M")]:
                command = [run.args.trove, "-C", server.url("plain"), "--stats=json", "--max-bytes", limit, *words]
                names = b"HEAD:core/table.c\nHEAD:README.md\nHEAD^{tree}\n"
                ours = subprocess.run(command, input=names, env=environment, capture_output=True, check=False)
                git = subprocess.run(["git", "-C", copy, *words], input=names, env=environment, capture_output=True, check=False)
                stats = json.loads(ours.stderr.decode().splitlines()[-1])
                fine = (ours.stdout, ours.returncode) == (git.stdout, git.returncode) and stats["requests"] == 1
                count = stats["objects_fetched"]
                fine = fine and (count == everything if whole else 0 < count <= everything)
                print("%s no filters, %s: %s: %d of %d objects, %d bytes, %d requests" % (
                    "ok  " if fine else "FAIL", limit, " ".join(words), count, everything, stats["bytes_fetched"], stats["requests"]))
                good = good and fine
    return good


def check_text(run, server):
    """The text form has the same rows as the other."""
    def ask(form):
        return run.runner.ours(Case("self", "grep", [b"-q", b"e", b"HEAD"], trove_only=[form]), server).err.decode()

    text = [line.split(":")[0].replace(" ", "_") for line in ask(b"--stats").splitlines()]
    good = text == list(json.loads(ask(b"--stats=json"))) and all(re.fullmatch(r"[a-z_]+", name) for name in text)
    print("%s over %s: both forms have the rows %s" % ("ok  " if good else "FAIL", server.kind, " ".join(text)))
    return good


def main():
    args = harness.parse(harness.parser(__doc__))
    run = harness.Run(args, "stats")
    good = True
    for kind in ("file", "http"):
        whole = {"objects": 0, "bytes": 0}
        with servers.start(kind, repos.folder(args.work)) as server:
            for plan in plans(run.paths["self"]):
                good = check_plan(run, server, whole, *plan) and good
            good = check_text(run, server) and good
    good = check_unfiltered(run, run.paths["self"]) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
