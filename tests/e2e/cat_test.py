# SPDX-License-Identifier: MIT
"""`trove cat-file` and `trove ls-tree` beside git's: cat_test.py --trove PROGRAM --root PROJECT --work FOLDER [options]

All ids of each repository go through --batch and --batch-check in one call, which may make 20 requests at most.
"""
import contextlib
import itertools
import json
import random
import sys

import grep_cases
import harness
import repos
import servers
from compare import Case, difference, run_all

REQUESTS_MAX = 20
REPOSITORIES = ("self", "source", "awkward", "sha256")

LS_FLAGS = [[b"--no-name-only"], [b"-r"], [b"-z"], [b"-l"], [b"-t"], [b"-d"], [b"--name-only"], [b"--name-status"], [b"--object-only"], [b"--long"],
            [b"-r", b"-t"], [b"-r", b"-d"], [b"-d", b"-t"], [b"-rz"], [b"-rl"], [b"-rlz"], [b"-rt", b"-l"], [b"-rtz", b"--name-only"],
            [b"--full-tree", b"-r"], [b"--full-name"], [b"-r", b"--object-only"], [b"-d", b"--name-only"], [b"-dz"]]
LS_PATHS = {
    "awkward": [[b"dir"], [b"dir/"], [b"dir/a"], [b"a.c"], [b"dir/", b"a.c"], [b"nowhere"], [b"sub dir"], [b"quo\"te"], [b"module"],
                [b"module/"], [b"link"], [b"caf\xc3\xa9.c"], [b"dir", b"dir/a"], [b"dir/a/", b"a"], [b"a.c/"]],
    "self": [[b"core"], [b"core/"], [b"README.md"], [b"tests/unit/"], [b"core", b"fetch/"]],
    "source": [[b"malloc/"], [b"string", b"malloc/malloc.c"]],
}
LS_PATHS["sha256"] = LS_PATHS["awkward"]
LS_PATHS["below"] = LS_PATHS["deeper"] = LS_PATHS["awkward"] + [[b".."], [b"../"], [b"../a.c", b"a.c"], [b"../.."], [b"."], [b"./a/"]]


def ls_tree_cases():
    """Every form of every kind of revision and path."""
    for repo in REPOSITORIES + ("below", "deeper"):
        for flags, rev in itertools.product([[]] + LS_FLAGS, grep_cases.REVS[repo]):
            yield Case(repo, "ls-tree", [*flags, rev])
        for flags, paths in itertools.product([[]] + LS_FLAGS, LS_PATHS[repo]):
            yield Case(repo, "ls-tree", [*flags, b"HEAD", *paths])
            yield Case(repo, "ls-tree", [b"HEAD", *flags, *paths])
        for home in ("bytes", "plain"):
            for flags in ([], [b"-r"], [b"-rz"]):
                yield Case(repo, "ls-tree", [*flags, b"HEAD"], home=home)
            yield Case(repo, "cat-file", [b"-p", b"HEAD^{tree}"], home=home)


def cat_cases():
    for repo in REPOSITORIES + ("below", "deeper"):
        for rev in grep_cases.REVS[repo]:
            for mode in (b"-p", b"-t", b"-s", b"-e"):
                yield Case(repo, "cat-file", [mode, rev])
            for kind in (b"blob", b"tree", b"commit", b"tag"):
                yield Case(repo, "cat-file", [kind, rev])
        for formats in (b"%(objectname)", b"%(objecttype) %(objectsize)", b"<%(rest)> %(objectname)", b"%(objectname) %%", b""):
            names = b"\n".join(grep_cases.REVS[repo][:12] + [b"HEAD rest of the line", b"", b"nothing like this"])
            for mode in (b"--batch-check", b"--batch"):
                yield Case(repo, "cat-file", [mode + b"=" + formats], stdin=names + b"\n")
                yield Case(repo, "cat-file", [mode + b"=" + formats], stdin=names.replace(b"\n", b"\r\n"))
                yield Case(repo, "cat-file", [mode + b"=" + formats, b"-z"], stdin=names.replace(b"\n", b"\0"))
    for args in ([b"-p"], [b"-p", b"HEAD", b"HEAD"], [b"--no-such"], [b"-t", b"-p", b"HEAD"], [b"--batch", b"HEAD"], [], [b"--batch", b"--batch"],
                 [b"HEAD", b"-t"], [b"--batch-check", b"--batch"]):
        yield Case("self", "cat-file", args)


def compare_batch(run, repo, server, mode):
    """All ids in one call: the same bytes, and few requests."""
    ids = run.runner.git(Case(repo, "cat-file", [b"--batch-all-objects", b"--batch-check=%(objectname)"])).out
    case = Case(repo, "cat-file", [mode], trove_only=[b"--stats=json"], stdin=ids)
    git, ours = run.runner.git_unlimited(case), run.runner.ours(case, server)
    found = difference(git, ours)
    text, _, stats = ours.err.decode(errors="replace").rstrip("\n").rpartition("\n")
    requests = json.loads(stats)["requests"] if found is None else -1
    if found is None and requests > REQUESTS_MAX:
        found = "%d requests, %d are the most allowed" % (requests, REQUESTS_MAX)
    print("%s %s over %s: %d ids, %d bytes, %d requests%s%s" % (
        repo, mode.decode(), server.kind, ids.count(b"\n"), len(ours.out), requests,
        ": " + found if found else "", "\n    " + text if found else ""), flush=True)
    return found is None


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--via", default="file", help="file, http, git, ssh; several with commas")
    parser.add_argument("--cases", type=int, default=300, help="how many single questions, drawn by the seed")
    args = harness.parse(parser)
    run = harness.Run(args, "cat-" + args.via.replace(",", "-"))
    everything = list(itertools.chain(ls_tree_cases(), cat_cases()))
    rng = random.Random(args.seed)
    count = len(everything) if harness.LONG else min(args.cases, len(everything))
    good = True
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(servers.start(kind, repos.folder(args.work))) for kind in args.via.split(",")]
        run_all(run.numbered(rng.sample(everything, count)), run.runner, run.report, running, args.workers)
        good = run.report.end()
        if args.only is None:
            for repo, server, mode in itertools.product(REPOSITORIES, running, (b"--batch", b"--batch-check")):
                good = compare_batch(run, repo, server, mode) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
