#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""serve.py - a real git server on loopback, for as long as standard input stays open.

    serve.py git  ROOT              git daemon
    serve.py http ROOT [options]    lighttpd in front of git http-backend
    serve.py ssh  ROOT [options]    sshd; every key, and its configuration, in a folder of its own

Prints lines NAME=VALUE, the last one READY=1, once the server accepts connections:
    URL=...       what stands before the path of a repository below ROOT, e.g. http://127.0.0.1:1234/
    SSH=...       (ssh) a value for GIT_SSH_COMMAND
    CA=...        (http --tls) a certificate file for http.sslCAInfo
Ends, with everything it started and wrote, when standard input ends. Servers of repositories below ROOT allow filters
and wants by id; a repository's own configuration may still say otherwise.

Options
    --auth USER:PASSWORD   (http) asks for basic authentication
    --tls                  (http) https with HTTP/2
    --hook PROGRAM         runs PROGRAM in the place of `git pack-objects` (uploadpack.packObjectsHook)
    --no-protocol          (ssh) does not let GIT_PROTOCOL through, as a stock sshd
"""
import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

GIT_CONFIG = """[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
[safe]
\tdirectory = *
"""

# No time limits: a client that is stopped, or slow under valgrind, for more than the usual 5 s between the handshake and its
# request would find the connection closed.
LIGHTTPD = """
server.document-root = "{work}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{work}/error.log"
server.pid-file = "{work}/pid"
server.upload-dirs = ( "{work}" )
server.stream-response-body = 1
server.max-keep-alive-idle = 36000
server.max-read-idle = 36000
server.max-write-idle = 36000
server.modules = ( "mod_alias", "mod_setenv", "mod_cgi", "mod_auth", "mod_authn_file" {modules} )
alias.url = ( "/" => "{backend}/" )
cgi.assign = ( "" => "" )
setenv.set-environment = (
    "GIT_PROJECT_ROOT" => "{root}",
    "GIT_HTTP_EXPORT_ALL" => "1",
    "GIT_CONFIG_GLOBAL" => "{work}/gitconfig",
    "GIT_CONFIG_NOSYSTEM" => "1"
)
{more}
"""

SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {work}/host_key
AuthorizedKeysFile {work}/client_key.pub
PidFile {work}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
PrintMotd no
MaxStartups 100
LoginGraceTime 0
SetEnv GIT_CONFIG_GLOBAL={work}/gitconfig GIT_CONFIG_NOSYSTEM=1
{accept}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def git_config(args):
    return GIT_CONFIG + (f"[uploadpack]\n\tpackObjectsHook = {args.hook}\n" if args.hook else "")


def git_command(args, port):
    command = ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--reuseaddr",
               "--verbose", "--export-all", f"--base-path={args.root}", args.root]
    return command, {"URL": f"git://127.0.0.1:{port}/"}


def http_command(args, work, port):
    backend = os.path.join(subprocess.check_output(["git", "--exec-path"], text=True).strip(),
                           "git-http-backend")
    more, modules, scheme, answer = "", "", "http", {}
    if args.auth:
        write(f"{work}/users", args.auth + "\n")
        more += f'auth.backend = "plain"\nauth.backend.plain.userfile = "{work}/users"\n'
        more += 'auth.require = ( "/" => ( "method" => "basic", "realm" => "git", "require" => "valid-user" ) )\n'
    if args.tls:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", f"{work}/key.pem", "-out", f"{work}/cert.pem"],
                       check=True, capture_output=True)
        modules, scheme, answer = ', "mod_openssl"', "https", {"CA": f"{work}/cert.pem"}
        more += f'ssl.engine = "enable"\nssl.pemfile = "{work}/cert.pem"\nssl.privkey = "{work}/key.pem"\n'
    write(f"{work}/lighttpd.conf", LIGHTTPD.format(
        work=work, port=port, root=args.root, backend=backend, more=more, modules=modules))
    command = ["/usr/sbin/lighttpd", "-D", "-f", f"{work}/lighttpd.conf"]
    return command, {"URL": f"{scheme}://127.0.0.1:{port}/", **answer}


def ssh_command(args, work, port):
    for name in ("host_key", "client_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{work}/{name}"], check=True)
    accept = "" if args.no_protocol else "AcceptEnv GIT_PROTOCOL"
    write(f"{work}/sshd_config", SSHD.format(work=work, port=port, accept=accept))
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    client = (f"ssh -F none -i {work}/client_key -o IdentitiesOnly=yes -o BatchMode=yes"
              f" -o StrictHostKeyChecking=no -o UserKnownHostsFile={work}/known_hosts -o LogLevel=ERROR")
    user = subprocess.check_output(["id", "-un"], text=True).strip()
    command = ["/usr/sbin/sshd", "-D", "-e", "-f", f"{work}/sshd_config"]
    return command, {"URL": f"ssh://{user}@127.0.0.1:{port}{args.root}/", "SSH": client}


# What a server writes once it listens, and where. A connection to its port would not do: somebody else may have taken it.
LISTENS = {"git": ("log", "Ready to rumble"), "http": ("error.log", "server started"), "ssh": ("log", "Server listening on")}


def listens(kind, work):
    name, words = LISTENS[kind]
    try:
        with open(f"{work}/{name}", encoding="utf-8", errors="replace") as log:
            return words in log.read()
    except FileNotFoundError:
        return False


def start(args, work):
    """Starts the server; another port is tried when somebody else took the one we found free."""
    for _ in range(10):
        port = free_port()
        if args.kind == "git":
            command, answer = git_command(args, port)
        elif args.kind == "http":
            command, answer = http_command(args, work, port)
        else:
            shutil.rmtree(work)
            os.mkdir(work, 0o700)
            write(f"{work}/gitconfig", git_config(args))
            command, answer = ssh_command(args, work, port)
        environment = dict(os.environ, GIT_CONFIG_GLOBAL=f"{work}/gitconfig", GIT_CONFIG_NOSYSTEM="1")
        log = open(f"{work}/log", "w", encoding="utf-8")
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  env=environment, start_new_session=True)
        while server.poll() is None:
            if listens(args.kind, work):
                return server, answer
            time.sleep(0.01)
        sys.stderr.write(open(f"{work}/log", encoding="utf-8").read())
    sys.exit("serve.py: the server does not start")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["git", "http", "ssh"])
    parser.add_argument("root")
    parser.add_argument("--auth")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--hook")
    parser.add_argument("--no-protocol", action="store_true")
    args = parser.parse_args()
    args.root = os.path.realpath(args.root)
    parent = tempfile.mkdtemp(prefix="trove-serve.")
    work = os.path.join(parent, "work")
    os.mkdir(work, 0o700)
    write(f"{work}/gitconfig", git_config(args))
    server, answer = start(args, work)
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda *_: sys.exit(1))
    try:
        for name, value in answer.items():
            print(f"{name}={value}")
        print("READY=1", flush=True)
        sys.stdin.buffer.read()
    finally:
        try:
            os.killpg(server.pid, signal.SIGKILL)  # a group of its own: helpers end with it
        except ProcessLookupError:
            pass
        server.wait()
        shutil.rmtree(parent, ignore_errors=True)


main()
