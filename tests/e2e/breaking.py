# SPDX-License-Identifier: MIT
"""A relay in front of a real server that spoils what comes back: a break (the connection ends, or is reset) or a flipped bit.

    with breaking.relay(url, breaking.Spoiler(...)) as relay:
        relay.url("self")     what a client asks instead
        relay.fetches         how many fetch commands passed
"""
import contextlib
import socket
import struct
import threading
import urllib.parse

import listening


class Spoiler:
    """AT: after so many bytes of answers, counted on each connection from its first fetch command on. HOW: "end", "reset"
    or "flip". TIMES: as often, -1 for always."""

    def __init__(self, how="end", at=0, times=0):
        self.how, self.at, self.times, self.done = how, at, times, 0

    def spoil(self, data, behind):
        """DATA as it is passed on, and whether the connection breaks behind it. BEHIND: bytes that came before."""
        if self.times == self.done or not behind < self.at <= behind + len(data):
            return data, False
        self.done += 1
        where = self.at - behind
        if self.how == "flip":
            return data[:where - 1] + bytes([data[where - 1] ^ 0x10]) + data[where:], False
        return data[:where], True


class Relay:
    def __init__(self, url, spoiler):
        self.address, self.spoiler = urllib.parse.urlsplit(url), spoiler
        self.port = None
        self.fetches = self.answered = 0  # commands, and bytes of answers to them
        self.lock = threading.Lock()

    def url(self, name):
        return "%s://127.0.0.1:%d/%s.git" % (self.address.scheme, self.port, name)

    def serve(self, client):
        fetching = threading.Event()
        with client, contextlib.suppress(OSError):
            with socket.create_connection((self.address.hostname, self.address.port)) as server:
                forward = threading.Thread(target=self.forward, args=(client, server, fetching), daemon=True)
                forward.start()
                how = self.back(server, client, fetching)
                if how == "reset":  # by close(), and no end before it that the client would see
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                for end, side in ((client, socket.SHUT_RD if how == "reset" else socket.SHUT_RDWR), (server, socket.SHUT_RDWR)):
                    with contextlib.suppress(OSError):
                        end.shutdown(side)
                forward.join()  # it uses both no more: now they may be closed

    def forward(self, client, server, fetching):
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if b"command=fetch" in data or b"Content-Encoding: gzip" in data:  # only long ones are compressed
                    fetching.set()
                    with self.lock:
                        self.fetches += 1
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def back(self, server, client, fetching):
        """Until the server ends, or the connection is to break: then how."""
        behind = 0
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                broken = False
                if fetching.is_set():
                    with self.lock:
                        data, broken = self.spoiler.spoil(data, behind)
                        self.answered += len(data)
                    behind += len(data)
                client.sendall(data)
                if broken:
                    return self.spoiler.how
        return "end"


@contextlib.contextmanager
def relay(url, spoiler):
    found = Relay(url, spoiler)
    with listening.on_loopback(found.serve) as found.port:
        yield found
