# SPDX-License-Identifier: MIT
"""Servers that are real up to a stage and then hang or drip, over git://, http:// and as a child process (ssh's place).

Stages: connect (not a byte), refs (capabilities only), pack (up to the request for objects), middle (16 KiB of its
answer), late (16 MiB of it). What drips are the very bytes that were due, one every 20 ms.

    stalling.py STAGE MODE -- ... git-upload-pack 'PATH'      the place of ssh: serves PATH on standard input and output
"""
import contextlib
import gzip
import os
import re
import shlex
import subprocess
import sys
import threading
import time

import listening

STAGES = ("connect", "refs", "pack", "middle")
BEHIND = {"pack": -1, "middle": 16384, "late": 16 << 20}  # bytes of the answer


class Stall:
    """The conversation of one client with `git upload-pack PATH`, up to STAGE."""

    def __init__(self, path, stage, mode, receive, send):
        self.path, self.stage, self.mode, self.receive, self.send = path, stage, mode, receive, send
        self.asked, self.behind = b"", 0

    def reached(self):
        if self.stage == "connect":
            return True
        if self.stage == "refs":
            return b"command=" in self.asked
        return b"command=fetch" in self.asked and self.behind > BEHIND[self.stage]

    def upstream(self, sink):
        with contextlib.suppress(OSError, ValueError):
            while True:
                data = self.receive()
                if not data:
                    break
                self.asked += data
                sink.write(data)
                sink.flush()
            sink.close()

    def answer(self, data):
        """Sends DATA, or as much of it as the stage allows, and stays silent or drips from there on."""
        if not self.reached():
            self.behind += len(data) if b"command=fetch" in self.asked else 0
            self.send(data)
            return
        for number in range(len(data) if self.mode == "drip" else 0):
            self.send(data[number:number + 1])
            time.sleep(0.02)
        if self.mode == "hang":
            while True:
                time.sleep(60)

    def run(self):
        with subprocess.Popen(["git", "upload-pack", "--strict", self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env={**os.environ, "GIT_PROTOCOL": "version=2"}) as git:
            threading.Thread(target=self.upstream, args=(git.stdin,), daemon=True).start()
            with contextlib.suppress(OSError):
                while data := git.stdout.read1(4096):
                    self.answer(data)
            git.kill()


def read_request(connection):
    """One HTTP request: its first line and its body."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(65536)
        if not data:
            return "", b""
        head += data
    head, _, body = head.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    while length and len(body) < int(length.group(1)):
        body += connection.recv(65536)
    if re.search(rb"(?i)content-encoding: *gzip", head):
        body = gzip.decompress(body)
    return head.split(b"\r\n")[0].decode(), body


def serve_http(connection, folder, stage, mode):
    """A connection's requests, each answered by upload-pack without state; HTTP/1.1 with lengths that are never reached."""
    while True:
        line, body = read_request(connection)
        if not line:
            return
        path, _, query = line.split()[1].partition("?")
        name = "/".join(path.strip("/").split("/")[:1])
        kind = "advertisement" if query else "result"
        git = ["git", "upload-pack", "--stateless-rpc"] + (["--http-backend-info-refs"] if query else [])
        out = subprocess.run([*git, os.path.join(folder, name)], input=body, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
                             env={**os.environ, "GIT_PROTOCOL": "version=2"}).stdout
        stall = Stall("", stage, mode, None, connection.sendall)
        stall.asked = body
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-%s\r\nContent-Length: %d\r\n\r\n" % (kind, len(out))
        if stage == "connect":
            stall.answer(head.encode())
        connection.sendall(head.encode())
        for at in range(0, len(out), 4096):
            stall.answer(out[at:at + 4096])


def serve_git(connection, folder, stage, mode):
    request = connection.recv(4096)
    name = request[4:].split(b" ", 1)[1].split(b"\0", 1)[0].decode().strip("/")
    Stall(os.path.join(folder, name), stage, mode, lambda: connection.recv(65536), connection.sendall).run()


@contextlib.contextmanager
def server(scheme, folder, stage, mode):
    """Yields what stands before a repository's name."""
    serve = {"git": serve_git, "http": serve_http}[scheme]

    def one(connection):
        with contextlib.suppress(OSError), connection:
            serve(connection, folder, stage, mode)

    with listening.on_loopback(one) as port:
        yield "%s://127.0.0.1:%d/" % (scheme, port)


def main():
    stage, mode = sys.argv[1:3]
    path = shlex.split(sys.argv[-1])[-1]
    Stall(path, stage, mode, lambda: os.read(0, 65536), lambda data: os.write(1, data)).run()


if __name__ == "__main__":
    main()
