#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# plot_policy.sh RESULTS FOLDER - draws hit ratio and throughput per number of threads, from the lines of RESULTS that
# bench_policy_threads wrote, into FOLDER/policy-threads.svg.
set -euo pipefail
# shellcheck source=bench/plot_begin.sh
. "$(dirname "$0")/plot_begin.sh"
for impl in trove 'mutex LRU'; do
    # threads, hit ratio, millions of requests a second
    sed -n "s/^{\"bench\":\"policy\",\"impl\":\"$impl\",\"threads\":\([0-9]*\),\"hit\":\([0-9.]*\),\"refused\":[0-9.]*,\"requests_per_s\":\([0-9]*\)}\$/\1 \2 \3/p" \
        "$results" | awk '{ print $1, $2, $3 / 1e6 }' >"$work/${impl// /_}"
done
gnuplot <<GNUPLOT
set terminal svg noenhanced size 1000,420 font 'sans,12' background 'white'
set output '$folder/policy-threads.svg'
set multiplot layout 1,2 title 'Zipf 0.99, a cache of a tenth'
set logscale x 2
set xtics (1, 2, 4, 16)
set xlabel 'threads'
set grid ytics
set key bottom
set yrange [0:1]
set ylabel 'hit ratio'
plot '$work/trove' using 1:2 with linespoints title 'trove', '$work/mutex_LRU' using 1:2 with linespoints title 'LRU and a mutex'
set yrange [0:*]
set ylabel 'million requests a second'
plot '$work/trove' using 1:3 with linespoints title 'trove', '$work/mutex_LRU' using 1:3 with linespoints title 'LRU and a mutex'
GNUPLOT
