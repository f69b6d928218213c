# SPDX-License-Identifier: MIT
"""Connections that break in the middle of a pack: broken_test.py --trove PROGRAM --root PROJECT --work FOLDER [options]

One that breaks once costs a few requests and nothing else: the output is git's. One that always breaks, and a pack that is
damaged, end with a clear error and few requests.
"""
import json
import sys

import breaking
import harness
import repos
import servers
from compare import Case, difference

REQUESTS_MAX = 40  # after a break what is missing is asked for by id, in batches that grow
SEARCHES = (["grep", "-c", "int", "HEAD"], ["grep", "-n", "return", "HEAD", "--", "tests"], ["ls-tree", "-r", "HEAD"])
FEW = {"git": 6, "http": 12}  # over HTTP what nobody has answered a byte of is sent once more
HEADERS = {"git": 0, "http": 400}  # more bytes than stand before the pack: before it nothing of an answer has come
SPEAKS_OF_IT = ("not an answer", "ended early", "reset", "closed", "transfer", "Empty reply", "remaining", "Recv failure", "Connection")


class Broken:
    def __init__(self, args):
        self.run = harness.Run(args, "broken")
        self.failures = self.checks = 0

    def check(self, good, text):
        self.checks += 1
        self.failures += not good
        if not good:
            print("FAIL " + text, flush=True)

    def ask(self, server, search, spoiler):
        """git's answer, ours through a relay, and the relay."""
        case = Case("self", search[0], [word.encode() for word in search[1:]], trove_only=[b"--stats=json"])
        with breaking.relay(server.url("self"), spoiler) as relay:
            command = [self.run.args.trove, "--stats=json", "-C", relay.url("self"), *search]
            ours = self.run.runner.run(command, case, server.environment)
        text, _, stats = ours.err.decode(errors="replace").rstrip("\n").rpartition("\n")
        return self.run.runner.git_unlimited(case), ours, text, json.loads(stats), relay

    def once(self, server, search):
        """Breaks at many places of the first answers, once each."""
        git, ours, text, whole, relay = self.ask(server, search, breaking.Spoiler())
        self.check(difference(git, ours) is None, "%s: not even unbroken: %s" % (search, text))
        size, most = relay.answered, 0
        for number, at in enumerate([1, 9, 30, 200, *(size * part // 100 for part in (3, 20, 50, 80, 97)), size - 25, size - 2]):
            spoiler = breaking.Spoiler("end" if number % 2 else "reset", at, 1)
            git, ours, text, stats, relay = self.ask(server, search, spoiler)
            name = "%s over %s, %s after %d of %d bytes" % (" ".join(search), server.kind, spoiler.how, at, size)
            found = difference(git, ours)
            if at <= HEADERS[server.kind] and ours.status == 128:
                self.check(any(word in text for word in SPEAKS_OF_IT), "%s: %s" % (name, text))
                continue
            self.check(found is None, "%s: %s %s" % (name, found, text))
            self.check(relay.fetches <= REQUESTS_MAX, "%s: %d requests" % (name, relay.fetches))
            self.check(stats["objects_fetched"] <= whole["objects_fetched"], "%s: %d objects instead of %d: some came twice" % (
                name, stats["objects_fetched"], whole["objects_fetched"]))
            self.check(spoiler.done == 1 or at > size * 9 // 10, "%s: not broken" % name)
            most = max(most, relay.fetches)
        print("%s over %s: %d bytes, at most %d requests" % (" ".join(search), server.kind, size, most), flush=True)
        return size

    def always(self, server, search):
        """Breaks each time. Where something comes each time the end may be a good one."""
        for at in (1, 150, 4000, 20000, 100000):
            git, ours, text, _, relay = self.ask(server, search, breaking.Spoiler("end", at, -1))
            name = "%s over %s, always after %d bytes: %d, %d requests: %s" % (
                " ".join(search), server.kind, at, ours.status, relay.fetches, text)
            if at < 1000 or ours.status != 0:
                self.check(ours.status == 128 and text.startswith("fatal: ") and any(word in text for word in SPEAKS_OF_IT), name)
            else:
                self.check(difference(git, ours) is None, name)
            self.check(relay.fetches <= (FEW[server.kind] if at < 1000 else 2 * REQUESTS_MAX), name)

    def damaged(self, server, search, size):
        """Whoever sends nonsense is not asked for it again."""
        for part in (3, 2):
            _, ours, text, _, relay = self.ask(server, search, breaking.Spoiler("flip", size // part, 1))
            self.check(ours.status == 128 and text.startswith("fatal: ") and relay.fetches <= 2,
                       "%s over %s, damaged: %d, %d requests: %s" % (" ".join(search), server.kind, ours.status, relay.fetches, text))


def main():
    args = harness.parse(harness.parser(__doc__))
    broken = Broken(args)
    for kind in ("git", "http"):
        with servers.start(kind, repos.folder(args.work)) as server:
            sizes = [broken.once(server, search) for search in SEARCHES]
            for search in SEARCHES[:2]:
                broken.always(server, search)
            broken.damaged(server, SEARCHES[0], sizes[0])
    print("%d checks, %d failed" % (broken.checks, broken.failures))
    return 1 if broken.failures else 0


if __name__ == "__main__":
    sys.exit(main())
