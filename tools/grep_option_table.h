// SPDX-License-Identifier: MIT
/*
 * grep_option_table.h - the names of git grep's options, and what each does.
 */
#ifndef TROVE_TOOLS_GREP_OPTION_TABLE_H
#define TROVE_TOOLS_GREP_OPTION_TABLE_H

#include "grep_options.h"

enum trove__grep_option_id {
    TROVE__GREP_OPTION_IGNORED, /* means nothing for a revision, or nothing at all */
    TROVE__GREP_OPTION_NOT_YET,
    TROVE__GREP_OPTION_WORK_TREE, /* git refuses it beside a revision; its negation means nothing */
    TROVE__GREP_OPTION_AFTER,
    TROVE__GREP_OPTION_ALL_TEXT,
    TROVE__GREP_OPTION_BEFORE,
    TROVE__GREP_OPTION_BREAK,
    TROVE__GREP_OPTION_COLOR,
    TROVE__GREP_OPTION_COLUMN,
    TROVE__GREP_OPTION_CONTEXT,
    TROVE__GREP_OPTION_COUNT,
    TROVE__GREP_OPTION_FULL_NAME,
    TROVE__GREP_OPTION_HEADING,
    TROVE__GREP_OPTION_HIDE_NAME,
    TROVE__GREP_OPTION_IGNORE_CASE,
    TROVE__GREP_OPTION_INVERT,
    TROVE__GREP_OPTION_LINE_NUMBER,
    TROVE__GREP_OPTION_MAX_COUNT,
    TROVE__GREP_OPTION_MAX_DEPTH,
    TROVE__GREP_OPTION_NAME_ONLY,
    TROVE__GREP_OPTION_NO_BINARY,
    TROVE__GREP_OPTION_NULL,
    TROVE__GREP_OPTION_ONLY_MATCHING,
    TROVE__GREP_OPTION_PATTERN,
    TROVE__GREP_OPTION_PATTERN_FILE,
    TROVE__GREP_OPTION_QUIET,
    TROVE__GREP_OPTION_RECURSIVE,
    TROVE__GREP_OPTION_SHOW_NAME,
    TROVE__GREP_OPTION_THREADS,
    TROVE__GREP_OPTION_TYPE_BASIC,
    TROVE__GREP_OPTION_TYPE_EXTENDED,
    TROVE__GREP_OPTION_TYPE_FIXED,
    TROVE__GREP_OPTION_TYPE_PERL,
    TROVE__GREP_OPTION_UNMATCH_NAME_ONLY,
    TROVE__GREP_OPTION_WORD,
};

extern const struct trove__option trove__grep_option_table[];
extern const size_t trove__grep_option_count;

/* For trove__option_parser: CONTEXT is a struct trove__grep_options. */
int trove__grep_option_take(void *context, const struct trove__option_given *given,
                            struct trove_error *err);

#endif
