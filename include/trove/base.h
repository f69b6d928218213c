// SPDX-License-Identifier: MIT
/*
 * trove/base.h - export marks, attributes and the version: what every other header needs.
 */
#ifndef TROVE_BASE_H
#define TROVE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TROVE_VERSION_MAJOR 0
#define TROVE_VERSION_MINOR 1
#define TROVE_VERSION_PATCH 0

/* Everything else is hidden: a shared trove exports trove_* and nothing more. */
#define TROVE_API __attribute__((visibility("default")))
#define TROVE_NODISCARD __attribute__((warn_unused_result))
#define TROVE_PRINTF(format_index, args_index)                                                     \
    __attribute__((format(printf, format_index, args_index)))

#ifdef __cplusplus
#define TROVE_BEGIN_DECLS extern "C" {
#define TROVE_END_DECLS }
#else
#define TROVE_BEGIN_DECLS
#define TROVE_END_DECLS
#endif

TROVE_BEGIN_DECLS

/* The version of the library that is loaded, "MAJOR.MINOR.PATCH". Static storage, never NULL. Wait-free. */
TROVE_API const char *trove_version(void);

TROVE_END_DECLS

#endif
