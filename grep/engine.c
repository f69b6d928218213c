// SPDX-License-Identifier: MIT
/*
 * engine.c - searching many objects on all cores.
 */
#include <trove/base.h>
