#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds_wire.py FOLDER - a seed corpus for the parsers of the wire: what a real git upload-pack says, and some addresses."""
import os
import subprocess
import sys
import tempfile

URLS = ["/srv/x.git", "../x", "file:///srv/a%20b", "host:x", "me@[::1]:x", "me@[host:22]:x", "ssh://me@host:2222/~x/y",
        "git://host:9419/x", "https://me:pw%40@host:8443/x/y.git", "http://host/a?b=c", "ext::sh -c x", "-x", "host:-x",
        "ssh://-oProxyCommand=x/y", "http://host/%0a", "git://[::1]/%00"]


def pkt(text):
    data = text.encode()
    return b"%04x" % (len(data) + 4) + data


def save(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def serve(repository, request):
    environment = dict(os.environ, GIT_PROTOCOL="version=2")
    command = ["git", "-c", "uploadpack.allowFilter=true", "upload-pack", repository]
    answer = subprocess.run(command, input=request + b"0000", env=environment, capture_output=True, check=False)
    return answer.stdout


def git(repository, *args):
    environment = dict(os.environ, GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a",
                       GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1",
                       GIT_AUTHOR_DATE="1700000000 +0000", GIT_COMMITTER_DATE="1700000000 +0000")
    return subprocess.run(["git", "-C", repository, *args], env=environment, check=True, capture_output=True,
                          text=True).stdout.strip()


def make(seeds, work, algorithm):
    repository = os.path.join(work, algorithm)
    subprocess.run(["git", "init", "-q", "-b", "main", f"--object-format={algorithm}", repository], check=True)
    with open(os.path.join(repository, "file"), "w", encoding="utf-8") as file:
        file.write("text\n" * 20)
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "one")
    git(repository, "tag", "-a", "-m", "tag", "v1")
    head = git(repository, "rev-parse", "HEAD")
    first = b"\1" if algorithm == "sha256" else b"\0"
    format_line = pkt(f"object-format={algorithm}\n")
    caps = serve(repository, b"")
    refs = serve(repository, pkt("command=ls-refs\n") + format_line + b"0001" + pkt("peel\n") + pkt("symrefs\n") + b"0000")
    save(f"{seeds}/fuzz_refs", f"caps-{algorithm}", caps)
    save(f"{seeds}/fuzz_refs", f"refs-{algorithm}", refs)
    save(f"{seeds}/fuzz_refs", f"http-{algorithm}", pkt("# service=git-upload-pack\n") + b"0000" + refs)
    for name, lines in (("whole", [f"want {head}\n"]), ("shallow", [f"want {head}\n", "deepen 1\n", "filter tree:0\n"]),
                        ("refused", [f"want {'1' * len(head)}\n"])):
        request = pkt("command=fetch\n") + format_line + b"0001" + b"".join(map(pkt, lines)) + pkt("done\n") + b"0000"
        answer = serve(repository, request)[len(caps):]
        save(f"{seeds}/fuzz_fetch_response", f"{name}-{algorithm}", first + answer)
        save(f"{seeds}/fuzz_pktline", f"{name}-{algorithm}", answer)
    haves = [f"have {head}\n", f"have {'1' * len(head)}\n"]
    request = pkt("command=fetch\n") + format_line + b"0001" + pkt("wait-for-done\n") + b"".join(map(pkt, haves)) + b"0000"
    save(f"{seeds}/fuzz_fetch_response", f"acks-{algorithm}", bytes([first[0] | 2]) + serve(repository, request)[len(caps):])


def main():
    seeds = sys.argv[1]
    for number, url in enumerate(URLS):
        save(f"{seeds}/fuzz_url", str(number), url.encode())
    with tempfile.TemporaryDirectory() as work:
        for algorithm in ("sha1", "sha256"):
            make(seeds, work, algorithm)


main()
