# SPDX-License-Identifier: MIT
"""Real servers on loopback, each in a temporary folder, each gone when its `with` block ends.

    with servers.start("http", repositories, folder) as url_of:
        url_of("self")  ->  http://127.0.0.1:PORT/self.git
"""
import contextlib
import os
import signal
import socket
import subprocess
import time

LIGHTTPD = "/usr/sbin/lighttpd"
SSHD = "/usr/sbin/sshd"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, log):
    """Returns once something listens on PORT; fails when PROCESS has ended instead."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise RuntimeError("the server did not start:\n" + open(log).read())
        time.sleep(0.02)


@contextlib.contextmanager
def running(command, port, folder, **kwargs):
    log = os.path.join(folder, "log")
    with open(log, "w") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   start_new_session=True, **kwargs)
    try:
        wait_for_port(port, process, log)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextlib.contextmanager
def file(top, folder):
    yield lambda name: "file://" + os.path.join(top, name + ".git")


@contextlib.contextmanager
def http(top, folder):
    """lighttpd in front of git http-backend."""
    port = free_port()
    backend = os.path.join(subprocess.check_output(["git", "--exec-path"], text=True).strip(), "git-http-backend")
    config = os.path.join(folder, "lighttpd.conf")
    with open(config, "w") as out:
        out.write("""
server.bind = "127.0.0.1"
server.port = %d
server.document-root = "%s"
server.modules = ("mod_alias", "mod_cgi", "mod_setenv")
server.stream-response-body = 2
server.max-keep-alive-requests = 10000
alias.url = ("" => "%s")
cgi.assign = ("" => "")
setenv.set-environment = ("GIT_PROJECT_ROOT" => "%s", "GIT_HTTP_EXPORT_ALL" => "1",
                          "GIT_CONFIG_COUNT" => "1", "GIT_CONFIG_KEY_0" => "safe.directory",
                          "GIT_CONFIG_VALUE_0" => "*")
""" % (port, folder, backend, top))
    with running([LIGHTTPD, "-D", "-f", config], port, folder):
        yield lambda name: "http://127.0.0.1:%d/%s.git" % (port, name)


@contextlib.contextmanager
def daemon(top, folder):
    """git daemon."""
    port = free_port()
    command = ["git", "daemon", "--listen=127.0.0.1", "--port=%d" % port, "--base-path=" + top, "--export-all",
               "--reuseaddr", top]
    with running(command, port, folder):
        yield lambda name: "git://127.0.0.1:%d/%s.git" % (port, name)


@contextlib.contextmanager
def ssh(top, folder):
    """sshd with keys of its own, which accepts GIT_PROTOCOL. Sets GIT_SSH_COMMAND while it runs."""
    port = free_port()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(folder, key)], check=True)
    os.replace(os.path.join(folder, "user.pub"), os.path.join(folder, "authorized"))
    config = os.path.join(folder, "sshd_config")
    with open(config, "w") as out:
        out.write("""
ListenAddress 127.0.0.1
Port %d
HostKey %s/host
AuthorizedKeysFile %s/authorized
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
MaxStartups 1000
AcceptEnv GIT_PROTOCOL
""" % (port, folder, folder))
    if os.getuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    before = os.environ.get("GIT_SSH_COMMAND")
    os.environ["GIT_SSH_COMMAND"] = ("ssh -i %s/user -o IdentitiesOnly=yes -o StrictHostKeyChecking=no "
                                     "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -F none" % folder)
    try:
        with running([SSHD, "-D", "-e", "-f", config], port, folder):
            yield lambda name: "ssh://127.0.0.1:%d%s" % (port, os.path.join(top, name + ".git"))
    finally:
        if before is None:
            del os.environ["GIT_SSH_COMMAND"]
        else:
            os.environ["GIT_SSH_COMMAND"] = before


KINDS = {"file": file, "http": http, "daemon": daemon, "ssh": ssh}


@contextlib.contextmanager
def start(kind, top, folder):
    """Starts a server of KIND for the repositories below TOP; gives a function from a repository's name to its URL."""
    own = os.path.join(folder, kind)
    subprocess.run(["rm", "-rf", own], check=True)
    os.makedirs(own)
    with KINDS[kind](top, own) as url_of:
        yield url_of
