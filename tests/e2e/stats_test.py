# SPDX-License-Identifier: MIT
"""What --stats says is what the request plans must cost: stats_test.py --trove PROGRAM --root PROJECT --work FOLDER [options]

How many objects a search needs is counted with git: each object once, as a pack holds it.
"""
import json
import re
import sys

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
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
