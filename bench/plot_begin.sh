# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# plot_begin.sh - what plot_*.sh begin with, read by them with their own arguments: RESULTS is $results and FOLDER is $folder,
# which is there then; $work is a folder that goes at the end. Without gnuplot nothing is drawn, and that is no failure.
results=$1 folder=$2
if ! command -v gnuplot >/dev/null; then
    echo "$(basename "$0"): no gnuplot (scripts/install-packages --bench), no plots" >&2
    exit 0
fi
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
