#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Question: what does the first grep of a repository that is not here cost, from nothing to the last line of output?
# Fixed:    repository, revision, pattern; one machine, file://; every side starts with nothing on disk.
# Varied:   trove grep, against a depth-1 clone and git grep, and against a depth-1 blobless clone and git grep.
# Unit:     wall seconds, median of ROUNDS interleaved rounds (minimum and maximum beside it).
#
#   bench/cold_grep.sh [REPOSITORY [PATTERN [FOLDER]]]
#
# REPOSITORY is a local git repository, bare or not; without one, the repository that `make demo` makes is used.
# FOLDER limits a second set of runs (bytes and requests are compared there, not only time).
# GIT_PEER=path names a newer git to be measured as well. ROUNDS=n (default 7), BLOBLESS_ROUNDS=n of them with the blobless
# clone (default 1). TROVE=path of the program.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
trove=${TROVE:-$here/build/release/tools/trove}
repository=${1:-$here/build/demo/repository}
pattern=${2:-malloc}
folder=${3:-}
rounds=${ROUNDS:-7}
blobless_rounds=${BLOBLESS_ROUNDS:-1} # git 2.39 fetches blobs one by one there: minutes, and one round says enough
peers=(git)
[ -z "${GIT_PEER:-}" ] || peers+=("$GIT_PEER")

repository=$(cd "$repository" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
url=file://$repository
# A server that filters, for all sides alike: without it git ignores --filter and clones everything.
printf '[uploadpack]\n\tallowFilter = true\n[safe]\n\tdirectory = *\n' >"$work/gitconfig"
export GIT_CONFIG_GLOBAL=$work/gitconfig GIT_CONFIG_NOSYSTEM=1

# Both kinds of clone are what people do today; neither writes a work tree.
clone_and_grep() { # GIT OUT FILTER...
    local git=$1 out=$2
    shift 2
    rm -rf "$work/clone"
    "$git" clone -q --bare --depth 1 "$@" "$url" "$work/clone" 2>/dev/null
    "$git" -C "$work/clone" grep -n -e "$pattern" HEAD ${folder:+-- "$folder"} >"$out" 2>/dev/null || [ $? = 1 ]
}
trove_grep() { # OUT
    "$trove" -C "$url" grep -n -e "$pattern" HEAD ${folder:+-- "$folder"} >"$1" || [ $? = 1 ]
}

run() { # NAME COMMAND...: one run, its wall seconds appended to the name's file
    local name=$1 start end
    shift
    start=$(date +%s.%N)
    "$@"
    end=$(date +%s.%N)
    awk "BEGIN { printf \"%.4f\n\", $end - $start }" >>"$work/$name.times"
}

median() { sort -n "$work/$1.times" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
row() { # NAME TEXT
    sort -n "$work/$1.times" | awk -v text="$2" -v base="$(median trove)" '{ v[NR] = $1 }
        END { m = v[int((NR + 1) / 2)]
              printf "%-58s %7.3f  (%.3f .. %.3f)  %5.2f\n", text, m, v[1], v[NR], m / base }'
}

trove_grep "$work/out.trove" # warms the page cache for everybody, and is not counted
for ((round = 0; round < rounds; round++)); do
    run trove trove_grep "$work/out.trove"
    for i in "${!peers[@]}"; do
        run "full$i" clone_and_grep "${peers[i]}" "$work/out.full$i"
        if [ "$round" -lt "$blobless_rounds" ]; then
            run "blobless$i" clone_and_grep "${peers[i]}" "$work/out.blobless$i" --filter=blob:none
        fi
    done
done

echo "repository $(basename "$repository"), $(git -C "$repository" ls-tree -r HEAD | wc -l) files;" \
    "pattern '$pattern'${folder:+, folder $folder}; $rounds rounds"
printf '%-58s %7s  %-18s  %5s\n' "" "median" "(least .. most)" "ratio"
row trove "trove grep"
for i in "${!peers[@]}"; do
    version=$("${peers[i]}" version)
    cmp "$work/out.trove" "$work/out.full$i" || { echo "outputs differ from $version" >&2; exit 1; }
    row "full$i" "clone --bare --depth 1, grep ($version)"
    [ "$blobless_rounds" = 0 ] || row "blobless$i" "  the same with --filter=blob:none"
done
# A local path is asked for packs that are not compressed; bytes are compared over a server that packs as it always does.
serve() {
    local tries
    for ((tries = 0; tries < 20; tries++)); do
        port=$((20000 + RANDOM % 20000))
        git daemon --listen=127.0.0.1 --port=$port --base-path="$(dirname "$repository")" --export-all \
            --reuseaddr "$(dirname "$repository")" 2>/dev/null &
        daemon=$!
        while kill -0 $daemon 2>/dev/null; do
            git ls-remote -q "$remote:$port/$(basename "$repository")" HEAD >/dev/null 2>&1 && return 0
            sleep 0.1
        done
    done
    echo "no git daemon" >&2
    exit 1
}
remote=git://127.0.0.1
serve
trap 'kill $daemon; rm -rf "$work"' EXIT
url=$remote:$port/$(basename "$repository")

echo
echo "What is transferred over git://:"
"$trove" -C "$url" grep --stats -n -e "$pattern" HEAD ${folder:+-- "$folder"} 2>&1 >/dev/null |
    grep -E '^(objects fetched|pack bytes|bytes sent|requests|round trips):' || [ $? = 1 ]
rm -rf "$work/clone"
git clone -q --bare --depth 1 "$url" "$work/clone" 2>/dev/null
echo "pack of the depth-1 clone: $(cat "$work"/clone/objects/pack/*.pack | wc -c) bytes"
