// SPDX-License-Identifier: MIT
/*
 * trove/trove.h - everything: the cache, and git as its source.
 */
#ifndef TROVE_TROVE_H
#define TROVE_TROVE_H

#include <trove/allocator.h>
#include <trove/async.h>
#include <trove/base.h>
#include <trove/cache.h>
#include <trove/error.h>
#include <trove/frozen.h>
#include <trove/git.h>
#include <trove/hash.h>
#include <trove/object.h>
#include <trove/oid.h>
#include <trove/source.h>
#include <trove/telemetry.h>
#include <trove/until.h>

#endif
