# SPDX-License-Identifier: MIT
"""A server of a test's own on a port of the loopback.

    with listening.on_loopback(serve) as port:      SERVE(connection) in a thread for each
"""
import contextlib
import socket
import threading


@contextlib.contextmanager
def on_loopback(serve):
    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            # Gone before the descriptor is closed: else it could accept for whoever gets the same number next.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
