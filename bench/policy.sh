#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# policy.sh [REPOSITORY [FOLDER]] - what stays cached: traces are recorded from a local REPOSITORY (else the one of `make
# demo`) into build/bench-traces/, once, and replayed with the synthetic ones and with those that FOLDER holds, *.csv or
# oracleGeneral. Lines of results go to $BENCH_RESULTS, if set.
set -euo pipefail
cd "$(dirname "$0")/.."

repository=${1:-build/demo/repository}
[ -n "${1:-}" ] || scripts/demo-repository "$repository"
traces=build/bench-traces/$(basename "$(dirname "$repository")")-$(basename "$repository" .git)
bench/policy/record_traces.py "$repository" "$traces"
build/release/bench/bench_policy --csv obj-type-col=4 --traces "$traces" ${2:+--traces "$2"} \
    ${BENCH_RESULTS:+--json "$BENCH_RESULTS"}
build/release/bench/bench_policy_threads
[ -z "${BENCH_RESULTS:-}" ] || bench/plot_policy.sh "$BENCH_RESULTS" build/release/plots
