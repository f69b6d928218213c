# SPDX-License-Identifier: MIT
"""The repositories that the end-to-end tests search. Made once, below the build folder; each is a bare repository.

self      this project's own history; where there is none (an unpacked tarball), its files in several commits
source    a part of the GNU C library as Debian ships it, some 3,800 files, with annotated tags and a merge
large     all of it, in one commit: some 20,000 files (only with TROVE_LONG=1)
awkward   names, modes and contents that break careless readers, made by a seeded generator, with every kind of ref
sha256    the same under SHA-256
tree      not bare: a clone of awkward with a work tree and attributes of its own
"""
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

import awkward

VERSION = "7"  # changes whenever this file or awkward.py makes other repositories
SOURCE_TARBALL_FOLDER = "/usr/src/glibc"
SOURCE_PARTS = ("argp", "elf", "inet", "malloc", "posix", "stdlib", "string", "time", "po", "manual", "nscd",
                "sysdeps/x86_64", "debug", "scripts")
LONG = os.environ.get("TROVE_LONG", "0") not in ("", "0")

NOT_SOURCE = (".git", "build", "out", "__pycache__")

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
    shutil.copytree(root, work, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCE))


def history_is_complete(root):
    if not os.path.isdir(os.path.join(root, ".git")) or os.path.exists(os.path.join(root, ".git/shallow")):
        return False
    try:
        return len(git(root, "rev-list", "--max-count=2", "HEAD").split()) == 2
    except subprocess.CalledProcessError:
        return False


def make_history(root, work):
    """A history of several commits from files alone: one for each folder at the top, then one that changes some."""
    whole = work + ".files"
    copy_project(root, whole)
    os.makedirs(work)
    git(work, "init", "-q", "-b", "main")
    for name in sorted(os.listdir(whole)):
        os.rename(os.path.join(whole, name), os.path.join(work, name))
        git(work, "add", "-A", "-f")
        git(work, "commit", "-q", "--allow-empty", "-m", "add " + name)
    with open(os.path.join(work, "README.md"), "a") as file:
        file.write("\nOne line more.\n")
    commit_all(work, "one line more")
    os.rmdir(whole)


def make_self(root, bare, work):
    if history_is_complete(root):
        subprocess.run(["git", "clone", "-q", "--bare", "--no-local", root, bare],
                       env={**os.environ, **IDENTITY}, check=True)
        git(bare, "update-ref", "refs/heads/main", "HEAD")
        git(bare, "symbolic-ref", "HEAD", "refs/heads/main")
    else:
        make_history(root, work)
        finish(work, bare)
    git(bare, "tag", "-f", "tip", "HEAD")
    git(bare, "branch", "-f", "older", "HEAD~1")
    serve_everything(bare)


def state_of(root):
    """Changes whenever the project's history does; without one, whenever its files do."""
    if history_is_complete(root):
        return git(root, "rev-parse", "HEAD").decode().strip()
    digest = hashlib.sha256()
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in NOT_SOURCE)
        for name in sorted(files):
            path = os.path.join(folder, name)
            digest.update(("%s %d" % (path, os.lstat(path).st_mtime_ns)).encode(errors="surrogateescape"))
    return digest.hexdigest()


def unpack_source(top, work, parts):
    """Unpacks Debian's glibc-source, or some of its folders, into the new folder WORK."""
    tarballs = [name for name in os.listdir(SOURCE_TARBALL_FOLDER) if name.endswith(".tar.xz")]
    if not tarballs:
        sys.exit("no source tarball in %s: is glibc-source installed?" % SOURCE_TARBALL_FOLDER)
    name = tarballs[0][:-len(".tar.xz")]
    subprocess.run(["tar", "-xJf", os.path.join(SOURCE_TARBALL_FOLDER, tarballs[0]), "-C", top,
                    *(name + "/" + part for part in parts)], check=True)
    os.rename(os.path.join(top, name), work)


def make_source(top, bare, work):
    unpack_source(top, work, SOURCE_PARTS)
    git(work, "init", "-q", "-b", "main")
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


def make_large(top, bare, work):
    unpack_source(top, work, ("",))
    git(work, "init", "-q", "-b", "main")
    commit_all(work, "all of it")
    finish(work, bare, "-c", "pack.window=0")
    serve_everything(bare)


def make_awkward(bare, algorithm):
    awkward.make(bare, algorithm, git)
    serve_everything(bare)


def make_tree(awkward_bare, folder):
    """A work tree whose attributes differ from the committed ones; some files are changed and not committed."""
    subprocess.run(["git", "clone", "-q", awkward_bare, folder], env={**os.environ, **IDENTITY}, check=True,
                   stderr=subprocess.DEVNULL)
    for below, _, files in os.walk(os.fsencode(folder)):
        if not below.endswith(b"/.git"):  # a file of a revision's name makes every use of that name ambiguous
            for name in {b"HEAD", b"main"}.intersection(files):
                os.unlink(os.path.join(below, name))
    with open(os.path.join(folder, ".gitattributes"), "w") as file:
        file.write("*.c -diff\n*.bin diff\n*.txt binary\ndir/* -binary\n")
    only_in_index = os.path.join(folder, "dir", ".gitattributes")  # git asks no index for a revision's attributes
    with open(only_in_index, "w") as file:
        file.write("* -diff\n")
    git(folder, "add", only_in_index)
    os.unlink(only_in_index)
    with open(os.path.join(folder, "plain.txt"), "w") as file:
        file.write("only in the work tree: foo bar\n")


def folder(work):
    return os.path.join(work, "repos")


def make_once(top, name, version, make):
    """Calls MAKE(path) unless the repository is there in this version; returns its path."""
    path, stamp = os.path.join(top, name), os.path.join(top, name + ".version")
    if not (os.path.exists(stamp) and open(stamp).read() == version):
        for old in (path, os.path.join(top, "work")):
            shutil.rmtree(old, ignore_errors=True)
        make(path)
        with open(stamp, "w") as file:
            file.write(version)
    return path


@contextlib.contextmanager
def locked(path):
    """Tests that run at the same time make nothing twice."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_all(root, work):
    """Makes what is missing of the repositories below WORK; returns {name: path}."""
    top = folder(work)
    os.makedirs(top, exist_ok=True)
    draft = os.path.join(top, "work")
    makers = {
        "self": (state_of(root), lambda path: make_self(root, path, draft)),
        "source": (VERSION, lambda path: make_source(top, path, draft)),
        "awkward": (VERSION, lambda path: make_awkward(path, "sha1")),
        "sha256": (VERSION, lambda path: make_awkward(path, "sha256")),
    }
    if LONG:
        makers["large"] = (VERSION, lambda path: make_large(top, path, draft))
    with locked(os.path.join(top, "lock")):
        paths = {name: make_once(top, name + ".git", VERSION + " " + version, make)
                 for name, (version, make) in makers.items()}
        paths["tree"] = make_once(top, "tree", VERSION, lambda path: make_tree(paths["awkward"], path))
        paths["below"] = os.path.join(paths["tree"], "dir")
        paths["deeper"] = os.path.join(paths["tree"], "sub dir", "a")
    return paths


if __name__ == "__main__":  # repos.py ROOT WORK: makes them all
    for made in make_all(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])).items():
        print("%-8s %s" % made)
