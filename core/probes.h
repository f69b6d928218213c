// SPDX-License-Identifier: MIT
/*
 * probes.h - static trace points (USDT): a `nop` and a note of where it is and what it can tell. perf, bpftrace and SystemTap
 * put a breakpoint there; meanwhile nobody looks at anything.
 *
 * They are listed, with their arguments, in libtrove(3); tests/unit/trace_points.py holds the libraries to that list. Without
 * <sys/sdt.h> they are nothing (CMakeLists.txt says so).
 */
#ifndef TROVE_CORE_PROBES_H
#define TROVE_CORE_PROBES_H

#ifdef TROVE_TRACE_POINTS
#define SDT_USE_VARIADIC 1
#include <sys/sdt.h>
#define TROVE_PROBE(name, ...) STAP_PROBEV(trove, name, __VA_ARGS__)
#else
#define TROVE_PROBE(name, ...) ((void)0)
#endif

#endif
