// SPDX-License-Identifier: MIT
/*
 * refs.c - looking a name up among a repository's refs: where several rules match, the first one wins, so a tag beats a
 * branch of the same name.
 */
#include "refs.h"

#include <stdio.h>
#include <string.h>

void trove__ref_lookup_init(struct trove__ref_lookup *lookup, const char *name)
{
    static const struct {
        const char *before, *after;
    } rules[TROVE__REF_RULES] = {
        {"", ""},
        {"refs/", ""},
        {"refs/tags/", ""},
        {"refs/heads/", ""},
        {"refs/remotes/", ""},
        {"refs/remotes/", "/HEAD"},
    };

    *lookup = (struct trove__ref_lookup){.found = TROVE__REF_RULES};
    for (size_t i = 0; i < TROVE__REF_RULES; i++) {
        snprintf(lookup->candidates[i], sizeof(lookup->candidates[i]), "%s%s%s", rules[i].before,
                 name, rules[i].after);
    }
}

int trove__ref_lookup_see(void *context, const struct trove_git_ref *ref)
{
    static const struct trove_oid none;
    struct trove__ref_lookup *lookup = context;

    for (size_t i = 0; i < TROVE__REF_RULES; i++) {
        if (strcmp(ref->name, lookup->candidates[i]) != 0)
            continue;
        if (memcmp(&ref->id, &none, sizeof(none)) == 0)
            continue; /* an unborn HEAD names nothing yet */
        lookup->matches++;
        if (i < lookup->found) {
            lookup->found = i;
            lookup->id = ref->id;
            lookup->peeled = ref->peeled;
        }
    }
    return 0;
}
