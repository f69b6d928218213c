// SPDX-License-Identifier: MIT
/*
 * plan.c - which requests a revision, a folder or a set of ids becomes.
 */
#include "plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <trove/error.h>

/* --- a revision -------------------------------------------------------------------------------------------------- */

void trove__plan_first(bool everything, uint32_t tree_depth, struct trove__plan_first *ret_plan)
{
    *ret_plan = (struct trove__plan_first){.whole = everything, .depth = 1};
    if (everything)
        return;
    if (tree_depth == 0)
        snprintf(ret_plan->filter, TROVE__FILTER_MAX, "blob:none");
    else
        snprintf(ret_plan->filter, TROVE__FILTER_MAX, "combine:blob:none+tree:%" PRIu32,
                 tree_depth);
}

enum trove__plan_rest trove__plan_rest(uint64_t total, bool complete, uint64_t selected,
                                       uint64_t whole_folders, uint64_t folders)
{
    if (selected == 0)
        return TROVE__REST_NOTHING;
    if (complete && selected > total / 2)
        return TROVE__REST_WHOLE;
    /* The few blobs beside the folders follow by id. */
    if (folders > 0 && whole_folders >= selected - whole_folders)
        return TROVE__REST_TREES;
    return TROVE__REST_BLOBS;
}

/* --- filters ----------------------------------------------------------------------------------------------------- */

struct family_name {
    const char
        *prefix; /* of a filter, and, less the colon at its end, what servers call the family */
    enum trove__filter_family family;
};

static const struct family_name family_names[] = {
    {"tree:", TROVE__FILTER_TREE},
    {"blob:none", TROVE__FILTER_BLOB_NONE},
    {"blob:limit", TROVE__FILTER_BLOB_LIMIT},
    {"object:type", TROVE__FILTER_TYPE},
    {"combine:", TROVE__FILTER_COMBINE},
};

#define FAMILIES (sizeof(family_names) / sizeof(family_names[0]))

/* A bit for each family in FILTER: one, or for combine: that and its parts'. */
static uint32_t families_of(const char *filter)
{
    uint32_t found = 0;

    for (size_t i = 0; i < FAMILIES; i++) {
        const char *prefix = family_names[i].prefix, *at = strstr(filter, prefix);
        /* At the start, or behind the colon or a plus of a combination. */
        if (at != NULL && (at == filter || at[-1] == '+' || at[-1] == ':'))
            found |= 1u << family_names[i].family;
    }
    return found != 0 ? found : 1u << TROVE__FILTER_OTHER;
}

/* The filter to try when FILTER is refused: one that leaves out less. */
static const char *wider(const char *filter)
{
    bool no_blobs = strcmp(filter, "tree:0") == 0 ||
                    (strncmp(filter, "combine:", 8) == 0 && strstr(filter, "blob:none") != NULL);

    return no_blobs ? "blob:none" : "";
}

void trove__plan_filter(const char *filter, const struct trove__plan_server *server,
                        char ret_filter[TROVE__FILTER_MAX])
{
    if (filter == NULL || !server->filter || strlen(filter) >= TROVE__FILTER_MAX)
        filter = "";
    while (filter[0] != '\0' && (families_of(filter) & server->refused) != 0)
        filter = wider(filter);
    snprintf(ret_filter, TROVE__FILTER_MAX, "%s", filter);
}

uint32_t trove__plan_refused(const char *filter, const char *message)
{
    uint32_t sent;

    if (filter == NULL || filter[0] == '\0' || strstr(message, "filter") == NULL)
        return 0;
    sent = families_of(filter);
    for (size_t i = 0; i < FAMILIES; i++) {
        char quoted[32];
        int length = (int)strlen(family_names[i].prefix);
        if (family_names[i].prefix[length - 1] == ':')
            length--;
        snprintf(quoted, sizeof(quoted), "'%.*s'", length, family_names[i].prefix);
        if (strstr(message, quoted) != NULL)
            return 1u << family_names[i].family & sent ? 1u << family_names[i].family : sent;
    }
    return sent;
}

bool trove__plan_is_about_ids(const char *message)
{
    static const char *const words[] = {"want", "object", "not found", "missing", "unadvertised"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(message, words[i]) != NULL)
            return true;
    }
    return false;
}

int trove__plan_go_on(int status)
{
    return status == -ECACHE_OVERFULL || status == -ECONNRESET ? 0 : status;
}

/* --- ids of a kind ----------------------------------------------------------------------------------------------- */

void trove__plan_ids(enum trove_type type, const struct trove__plan_server *server,
                     uint32_t *ret_depth, char ret_filter[TROVE__FILTER_MAX])
{
    bool may_be_commit = type != TROVE_TREE && type != TROVE_BLOB;

    *ret_depth = may_be_commit && server->shallow ? 1 : 0;
    /* A wanted blob brings itself and nothing else, so it needs no filter. */
    trove__plan_filter(type == TROVE_BLOB ? "" : "tree:0", server, ret_filter);
}
