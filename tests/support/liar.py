#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""liar.py KIND REPOSITORY - a git server on standard input and output that is asked which ids it has, and answers oddly.

Everything else is git upload-pack's own answer. KIND:
    no       it does not offer to be asked          silent   it has none of them
    all      it has all of them                     pack     it sends a pack
    endless  it has more than was asked for, without end
    broken   it ends
"""
import os
import subprocess
import sys

KIND, REPOSITORY = sys.argv[1:]


def pkt(text):
    data = text.encode()
    return b"%04x" % (len(data) + 4) + data


def upload_pack(request):
    command = ["git", "upload-pack", "--stateless-rpc", REPOSITORY]
    if request is None:
        command[2] = "--http-backend-info-refs"
    answer = subprocess.run(command, input=request, env=dict(os.environ, GIT_PROTOCOL="version=2"),
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return answer.stdout, answer.returncode


def say(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def read_command():
    data = b""
    while not data.endswith(b"0000"):
        head = sys.stdin.buffer.read(4)
        size = int(head, 16) if head else 0
        if size == 0 and data == b"":
            sys.exit(0)
        data += head + (sys.stdin.buffer.read(size - 4) if size > 4 else b"")
    return data


def answer_question(ids):
    begin = pkt("acknowledgments\n")
    if KIND == "silent":
        say(begin + pkt("NAK\n") + b"0000")
    elif KIND == "all":
        say(begin + b"".join(pkt(f"ACK {name}\n") for name in ids) + b"0000")
    elif KIND == "pack":
        say(begin + pkt("ready\n") + b"0001" + pkt("packfile\n") + pkt("\1PACK") + b"0000")
    elif KIND == "endless":
        while True:
            say(begin + pkt(f"ACK {ids[0]}\n") * 1000)
            begin = b""
    elif KIND == "broken":
        sys.exit(1)


def main():
    capabilities, _ = upload_pack(None)
    assert b"=shallow wait-for-done filter\n" in capabilities
    if KIND == "no":
        old, new = pkt("fetch=shallow wait-for-done filter\n"), pkt("fetch=shallow filter\n")
        capabilities = capabilities.replace(old, new)
    say(capabilities)
    while True:
        command = read_command()
        if b"wait-for-done\n" in command:
            assert KIND != "no" and b"want " not in command and b"done\n0000" not in command
            answer_question([line[:40].decode() for line in command.split(b"have ")[1:]])
        else:
            answer, status = upload_pack(command)
            say(answer)
            if status != 0:
                sys.exit(status)


try:
    main()
except BrokenPipeError:
    os._exit(1)
