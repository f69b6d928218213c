# SPDX-License-Identifier: MIT
"""The repositories that the end-to-end tests search. Made once, below the build folder; each is a bare repository.

self      this project's own history, or one commit of its files where there is no complete history
source    a part of the GNU C library as Debian ships it, in two commits, with annotated tags and a merge
large     all of it, in one commit: some 20,000 files
awkward   names, modes and contents that break careless readers, made by a seeded generator, with every kind of ref
sha256    the same under SHA-256
tree      not bare: a clone of awkward with a work tree and attributes of its own
"""
import os
import shutil
import subprocess
import sys
import tarfile

import awkward

VERSION = "3"  # changes whenever this file or awkward.py makes other repositories
SOURCE_TARBALL_FOLDER = "/usr/src/glibc"
SOURCE_PARTS = ("argp", "elf", "inet", "malloc", "posix", "stdlib", "string", "time", "localedata/charmaps", "po",
                "manual", "nscd", "sysdeps/x86_64", "debug", "scripts")

IDENTITY = {
    "GIT_AUTHOR_NAME": "A U Thor", "GIT_AUTHOR_EMAIL": "author@example.com",
    "GIT_COMMITTER_NAME": "C O Mitter", "GIT_COMMITTER_EMAIL": "committer@example.com",
    "GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000",
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C",
}


def git(folder, *args, **kwargs):
    """Runs git in FOLDER, free of the caller's configuration; returns its standard output."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment.update(IDENTITY)
    return subprocess.run(["git", "-C", folder, "-c", "gc.auto=0", *args], env=environment, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, **kwargs).stdout


def commit_all(folder, message):
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", message)


def finish(work, bare, *options):
    """Turns the work tree WORK into the bare repository BARE, packed, and removes WORK."""
    subprocess.run(["git", "-c", "gc.auto=0", *options, "clone", "-q", "--bare", "--no-local", work, bare],
                   env={**os.environ, **IDENTITY}, check=True, stderr=subprocess.DEVNULL)
    shutil.rmtree(work)


def serve_everything(bare):
    git(bare, "config", "uploadpack.allowFilter", "true")
    git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")


def copy_project(root, work):
    """The project's files without its history and without what was built."""
    skip = shutil.ignore_patterns(".git", "build", "out", "__pycache__")
    shutil.copytree(root, work, symlinks=True, ignore=skip)


def make_self(root, bare, work):
    complete = os.path.isdir(os.path.join(root, ".git")) and not os.path.exists(os.path.join(root, ".git/shallow"))
    if complete and len(git(root, "rev-list", "--max-count=2", "HEAD").split()) == 2:
        subprocess.run(["git", "clone", "-q", "--bare", "--no-local", root, bare],
                       env={**os.environ, **IDENTITY}, check=True)
        git(bare, "update-ref", "refs/heads/main", "HEAD")
        git(bare, "symbolic-ref", "HEAD", "refs/heads/main")
    else:
        copy_project(root, work)
        git(work, "init", "-q", "-b", "main")
        git(work, "commit", "-q", "--allow-empty", "-m", "begin")
        commit_all(work, "the project")
        finish(work, bare)
    git(bare, "tag", "-f", "tip", "HEAD")
    git(bare, "branch", "-f", "older", "HEAD~1")
    serve_everything(bare)


def unpack_source(folder):
    """Unpacks Debian's glibc-source and returns its top folder."""
    tarballs = [name for name in os.listdir(SOURCE_TARBALL_FOLDER) if name.endswith(".tar.xz")]
    if not tarballs:
        sys.exit("no source tarball in %s: is glibc-source installed?" % SOURCE_TARBALL_FOLDER)
    os.makedirs(folder)
    with tarfile.open(os.path.join(SOURCE_TARBALL_FOLDER, tarballs[0])) as archive:
        archive.extractall(folder)
    return os.path.join(folder, os.listdir(folder)[0])


def make_source(unpacked, bare, work):
    os.makedirs(work)
    git(work, "init", "-q", "-b", "main")
    for part in SOURCE_PARTS:
        shutil.copytree(os.path.join(unpacked, part), os.path.join(work, part), symlinks=True, dirs_exist_ok=True)
    commit_all(work, "the library")
    git(work, "tag", "-a", "v1", "-m", "version 1")
    git(work, "checkout", "-q", "-b", "side")
    shutil.rmtree(os.path.join(work, "nscd"))
    commit_all(work, "without nscd")
    git(work, "checkout", "-q", "main")
    for folder, _, names in sorted(os.walk(os.path.join(work, "malloc"))):
        for name in sorted(names)[::3]:
            with open(os.path.join(folder, name), "ab") as file:
                file.write(b"\n/* a second version of malloc */\n")
    commit_all(work, "malloc, again")
    git(work, "merge", "-q", "-m", "merge", "side")
    git(work, "tag", "-a", "v2", "-m", "version 2")
    finish(work, bare)
    serve_everything(bare)


def make_large(unpacked, bare, work):
    shutil.copytree(unpacked, work, symlinks=True)
    git(work, "init", "-q", "-b", "main")
    commit_all(work, "all of it")
    finish(work, bare, "-c", "pack.window=0")


def make_tree(awkward_bare, folder):
    """A work tree whose attributes differ from the committed ones; some files are changed and not committed."""
    subprocess.run(["git", "clone", "-q", awkward_bare, folder], env={**os.environ, **IDENTITY}, check=True,
                   stderr=subprocess.DEVNULL)
    for name in ("HEAD", "main"):  # a file of a revision's name makes every use of that name ambiguous
        os.unlink(os.path.join(folder, name))
    with open(os.path.join(folder, ".gitattributes"), "w") as file:
        file.write("*.c -diff\n*.bin diff\n*.txt binary\ndir/* -binary\n")
    with open(os.path.join(folder, "plain.txt"), "w") as file:
        file.write("only in the work tree: foo bar\n")


def make_all(root, top):
    """Makes what is missing of the repositories below TOP; returns {name: path}."""
    stamp = os.path.join(top, "version")
    names = ("self", "source", "large", "awkward", "sha256")
    paths = {name: os.path.join(top, name + ".git") for name in names}
    paths["tree"] = os.path.join(top, "tree")
    fresh = os.path.exists(stamp) and open(stamp).read() == VERSION
    if not fresh:
        shutil.rmtree(top, ignore_errors=True)
        os.makedirs(top)
        unpacked = unpack_source(os.path.join(top, "unpacked"))
        make_source(unpacked, paths["source"], os.path.join(top, "work"))
        make_large(unpacked, paths["large"], os.path.join(top, "work"))
        shutil.rmtree(os.path.join(top, "unpacked"))
        for name, algorithm in (("awkward", "sha1"), ("sha256", "sha256")):
            awkward.make(paths[name], algorithm, git)
            if name == "awkward":
                serve_everything(paths[name])
        make_tree(paths["awkward"], paths["tree"])
        with open(stamp, "w") as file:
            file.write(VERSION)
    # The project's own history is made anew each time: it has changed since.
    shutil.rmtree(paths["self"], ignore_errors=True)
    make_self(root, paths["self"], os.path.join(top, "work"))
    return paths
