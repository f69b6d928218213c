// SPDX-License-Identifier: MIT
/*
 * plan.h - which requests a revision, a folder or a set of ids becomes. Pure functions over what is known; no I/O.
 *
 * Searching a revision: everything is one unfiltered request of depth 1. A part begins with the skeleton (the commit and
 * its trees, as deep as needed); with the trees known, what is left is decided by trove__plan_rest(): whole folders
 * leave as the ids of their trees, unfiltered; scattered files as blob ids; and more than half of all blobs is the whole
 * revision again, because a server sends a whole pack far more cheaply than it looks up ids.
 */
#ifndef TROVE_FETCH_PLAN_H
#define TROVE_FETCH_PLAN_H

#include <trove/oid.h>

#define TROVE__FILTER_MAX 64

/* --- a revision -------------------------------------------------------------------------------------------------- */

/* The first request: for the commit, with DEPTH and FILTER ("": none) as in struct trove_fetch_options. */
struct trove__plan_first {
    bool whole; /* it brings everything; nothing follows */
    uint32_t depth;
    char filter[TROVE__FILTER_MAX];
};

/*
 * EVERYTHING: the whole tree is selected. Otherwise TREE_DEPTH bounds the levels of trees that must be seen to know
 * what is selected (the root alone is 1; 0: no bound is known).
 */
void trove__plan_first(bool everything, uint32_t tree_depth, struct trove__plan_first *ret_plan);

enum trove__plan_rest {
    TROVE__REST_NOTHING, /* no blob is selected */
    TROVE__REST_WHOLE,   /* the commit, depth 1, unfiltered */
    TROVE__REST_TREES,   /* the ids of the selected folders, unfiltered */
    TROVE__REST_BLOBS,   /* the blobs by id */
};

/*
 * What follows the skeleton. TOTAL counts the blobs of the trees seen, SELECTED those wanted and missing,
 * WHOLE_FOLDERS those among them that lie in folders selected as a whole, FOLDERS the topmost such folders.
 * COMPLETE is false when the skeleton was limited in depth, so that TOTAL is no more than a lower bound.
 */
enum trove__plan_rest trove__plan_rest(uint64_t total, bool complete, uint64_t selected,
                                       uint64_t whole_folders, uint64_t folders);

/* What callers of trove_fetch() do about its STATUS: 0 when they go on and ask by id for what is missing, else STATUS. Part
 * of it was left out of the cache, or the connection broke and what came before is there. */
int trove__plan_go_on(int status);

/* --- ids of a kind ----------------------------------------------------------------------------------------------- */

/* What of a fetch command the server allows. */
struct trove__plan_server {
    bool shallow; /* deepen */
    bool filter;
    bool tells; /* which ids it has, without a pack */
    uint32_t
        refused; /* families of filters that it refused, a bit each: 1 << enum trove__filter_family */
};

enum trove__filter_family {
    TROVE__FILTER_TREE,
    TROVE__FILTER_BLOB_NONE,
    TROVE__FILTER_BLOB_LIMIT,
    TROVE__FILTER_TYPE,
    TROVE__FILTER_COMBINE,
    TROVE__FILTER_OTHER,
};

/* Depth and filter of a request that brings ids of TYPE and as little else as the server allows. */
void trove__plan_ids(enum trove_type type, const struct trove__plan_server *server,
                     uint32_t *ret_depth, char ret_filter[TROVE__FILTER_MAX]);

/* FILTER (NULL or "": none) as SERVER takes it: itself, or the next wider that is not refused. */
void trove__plan_filter(const char *filter, const struct trove__plan_server *server,
                        char ret_filter[TROVE__FILTER_MAX]);

/* The families that MESSAGE, the server's answer to a request with FILTER, refuses; 0 when it is about something else. */
uint32_t trove__plan_refused(const char *filter, const char *message);

/* True if MESSAGE, a server's, may mean that it does not have one of the ids, without saying which. */
bool trove__plan_is_about_ids(const char *message);

#endif
