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
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.fetches = self.answered = 0  # commands, and bytes of answers to them
        self.lock = threading.Lock()

    def url(self, name):
        return "%s://127.0.0.1:%d/%s.git" % (self.address.scheme, self.listener.getsockname()[1], name)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        fetching = threading.Event()
        with client, contextlib.suppress(OSError):
            with socket.create_connection((self.address.hostname, self.address.port)) as server:
                threading.Thread(target=self.forward, args=(client, server, fetching), daemon=True).start()
                self.back(server, client, fetching)
                for end in (server, client):  # the other thread sees it too
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)

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
        behind = 0
        while data := server.recv(65536):
            broken = False
            if fetching.is_set():
                with self.lock:
                    data, broken = self.spoiler.spoil(data, behind)
                    self.answered += len(data)
                behind += len(data)
            client.sendall(data)
            if broken and self.spoiler.how == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.shutdown(socket.SHUT_RD)  # the other thread lets go of it: only then does close() reset
                client.close()
            if broken:
                return


@contextlib.contextmanager
def relay(url, spoiler):
    found = Relay(url, spoiler)
    with found.listener:
        threading.Thread(target=found.accept, daemon=True).start()
        yield found
