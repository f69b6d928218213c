#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# plot_lookup.sh RESULTS FOLDER - draws what the family `lookup` measured, from its lines of RESULTS, into FOLDER/*.svg:
# hits, misses and dependent hits of every implementation after turnover, for each size; hits and the 95/5 mix over threads.
set -euo pipefail
# shellcheck source=bench/plot_begin.sh
. "$(dirname "$0")/plot_begin.sh"

# impl|objects|threads|workload|state|median|min|max
sed -n 's/^{"bench":"lookup","impl":"\([^"]*\)","objects":\([0-9]*\),"threads":\([0-9]*\),"workload":"\([^"]*\)","state":"\([^"]*\)","median_ns":\([0-9.]*\),"min_ns":\([0-9.]*\),"max_ns":\([0-9.]*\)}$/\1|\2|\3|\4|\5|\6|\7|\8/p' \
    "$results" >"$work/all"

table() { # OBJECTS: a row for each implementation: name, hit, miss, dependent
    awk -F'|' -v objects="$1" '
        $2 == objects && $3 == 1 && $5 == "turned" {
            if (!($1 in seen)) { order[++count] = $1; seen[$1] = 1 }
            ns[$1, $4] = $6
        }
        function value(impl, workload) { return (impl, workload) in ns ? ns[impl, workload] : "NaN" }
        END {
            for (i = 1; i <= count; i++)
                if (value(order[i], "hit") != "NaN")
                    printf "\"%s\" %s %s %s\n", order[i], value(order[i], "hit"), value(order[i], "miss"), value(order[i], "dependent")
        }' "$work/all"
}

for objects in $(cut -d'|' -f2 "$work/all" | sort -nu); do
    table "$objects" >"$work/table"
    [ -s "$work/table" ] || continue
    gnuplot <<GNUPLOT
set terminal svg noenhanced size 1000,420 font 'sans,12' background 'white'
set output '$folder/lookup-$objects.svg'
set title '$objects objects after ten turnovers, one thread'
set ylabel 'nanoseconds a lookup'
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.8 border -1
set boxwidth 0.9
set grid ytics
set xtics rotate by -35
set key top left
plot '$work/table' using 2:xtic(1) title 'hit', '' using 3 title 'miss', '' using 4 title 'dependent hit'
GNUPLOT
done

threads_plot() { # WORKLOAD TITLE
    local lines= impl
    while read -r impl; do
        awk -F'|' -v impl="$impl" -v workload="$1" \
            '$1 == impl && $2 == 1048576 && $4 == workload && $5 == "turned" { print $3, 1000 / $6 * ($3 < 2 ? 1 : 2) }' \
            "$work/all" | sort -n >"$work/$1-${impl// /_}"
        lines="$lines${lines:+, }'$work/$1-${impl// /_}' using 1:2 with linespoints title '$impl'"
    done < <(awk -F'|' -v workload="$1" '$2 == 1048576 && $3 > 2 && $4 == workload && $5 == "turned" { print $1 }' "$work/all" | awk '!seen[$0]++')
    [ -n "$lines" ] || return 0
    gnuplot <<GNUPLOT
set terminal svg noenhanced size 800,520 font 'sans,12' background 'white'
set output '$folder/lookup-threads-$1.svg'
set title '$2, 1048576 objects after ten turnovers, two processors'
set xlabel 'threads'
set ylabel 'million operations a second, all threads'
set logscale x 2
set yrange [0:*]
set grid
set key outside right
plot $lines
GNUPLOT
}
threads_plot hit 'Hits'
threads_plot mix95 '95 hits and 5 replacements'
echo "Plots: $folder/lookup-*.svg"
