# SPDX-License-Identifier: MIT
"""Where repositories are served from, for the time of a `with` block: tests/support/serve.py, or plain files.

    with servers.start("http", folder) as server:
        server.url("self")  ->  http://127.0.0.1:PORT/self.git
        server.environment  ->  what a client needs to reach it
"""
import contextlib
import os
import subprocess
import sys

SERVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support/serve.py")


class Server:
    def __init__(self, kind, prefix, environment):
        self.kind, self.prefix, self.environment = kind, prefix, environment

    def url(self, name):
        return self.prefix + name + ".git"


@contextlib.contextmanager
def start(kind, folder):
    """KIND: file, http, git or ssh. FOLDER holds the repositories NAME.git."""
    if kind == "file":
        yield Server(kind, "file://" + folder + "/", {})
        return
    with subprocess.Popen([sys.executable, SERVE, kind, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        said = {}
        while "READY" not in said:
            name, _, value = process.stdout.readline().rstrip("\n").partition("=")
            if not name:
                raise RuntimeError("no server of kind " + kind)
            said[name] = value
        environment = {"GIT_SSH_COMMAND": said["SSH"]} if "SSH" in said else {}
        try:
            yield Server(kind, said["URL"], environment)
        finally:
            process.stdin.close()
