// SPDX-License-Identifier: MIT
/*
 * pack_sink.h - a pack's objects go into the sink of a request.
 */
#ifndef TROVE_FETCH_PACK_SINK_H
#define TROVE_FETCH_PACK_SINK_H

#include "fetch/pack.h"
#include <trove/source.h>

/* A target for trove__pack_reader_create(); SINK must outlive the reader. */
struct trove__pack_target trove__pack_sink(struct trove_sink *sink);

#endif
