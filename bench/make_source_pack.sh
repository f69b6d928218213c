#!/bin/sh
# SPDX-License-Identifier: MIT
# make_source_pack.sh FOLDER [REPOSITORY] - a depth-1 pack to measure with; prints its path.
#
# REPOSITORY is a path or URL, HEAD of which is packed. Without it: a repository of one commit that holds the source of
# Debian's glibc (package glibc-source), 20,000 files and 206 MB, the same for everybody who has that package.
# FOLDER keeps what was made, so that the second call is quick.
set -eu

folder=$1 repository=${2:-}

make_glibc() {
    archive=$(ls /usr/src/glibc/glibc-*.tar.xz 2>/dev/null | tail -n 1)
    if [ -z "$archive" ]; then
        echo "make_source_pack.sh: no /usr/src/glibc/*.tar.xz (package glibc-source); or name a repository" >&2
        exit 2
    fi
    mkdir -p "$folder/tree"
    tar -C "$folder/tree" --strip-components=1 -xf "$archive"
    git -C "$folder/tree" init -q
    git -C "$folder/tree" -c core.autocrlf=false add -A -f
    GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' \
        git -C "$folder/tree" -c user.name=bench -c user.email=bench@localhost commit -q -m source
}

name=$(printf '%s' "${repository:-glibc}" | cksum | cut -d' ' -f1)
bare=$folder/$name.git
if [ ! -d "$bare" ]; then
    mkdir -p "$folder"
    if [ -z "$repository" ]; then
        [ -d "$folder/tree/.git" ] || make_glibc >&2
        repository=$(cd "$folder/tree" && pwd)
    fi
    case $repository in
    *://* | *:*) url=$repository ;;
    *) url=file://$(cd "$repository" && pwd) ;;
    esac
    rm -rf "$bare.part"
    git clone -q --bare --depth 1 "$url" "$bare.part" >&2
    mv "$bare.part" "$bare"
fi
ls "$bare"/objects/pack/*.pack | head -n 1
