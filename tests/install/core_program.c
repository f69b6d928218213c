// SPDX-License-Identifier: MIT
/*
 * core_program.c - libtrove-core alone, with a hash and a source of its own: no git, no I/O.
 */
#include <stdio.h>
#include <string.h>
#include <trove/async.h>

/* Not a hash that anybody should use: the first bytes of the object. */
static int first_bytes(void *context, enum trove_type type, const void *data, size_t size,
                       struct trove_oid *ret_id)
{
    (void)context;
    (void)type;
    memset(ret_id, 0, sizeof(*ret_id));
    memcpy(ret_id->bytes, data, size < 20 ? size : 20);
    return 0;
}

/* Knows every object: its bytes are its id. */
static int bring(void *source, const struct trove_request *request, struct trove_sink *sink,
                 struct trove_error *err)
{
    int *requests = source;

    (void)err;
    ++*requests;
    for (size_t i = 0; i < request->want_count; i++) {
        int code = trove_sink_put(sink, TROVE_BLOB, request->wants[i].id.bytes, 20, 0);
        if (code != 0)
            return code;
    }
    trove_sink_done(sink);
    return 0;
}

int main(void)
{
    static const struct trove_hash hash = {.algo = TROVE_SHA1, .object_id = first_bytes};
    static const struct trove_source_ops ops = {.fetch = bring};
    const struct trove_oid id = {.bytes = "a missing object...."};
    const struct trove_want want = {id, TROVE_BLOB};
    struct trove_resolving *resolving;
    struct trove_options options;
    struct trove_result result;
    struct trove *cache;
    int requests = 0;

    trove_options_init(&options);
    options.hash = &hash;
    options.source = (struct trove_source){.ops = &ops, .source = &requests};
    if (trove_open(&options, &cache, NULL) != 0)
        return 1;
    for (int i = 0; i < 2; i++) {
        if (trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL) != 0)
            return 2;
        if (result.how != (i == 0 ? TROVE_FETCHED : TROVE_HIT))
            return 3;
        trove_unpin(result.object);
    }
    if (requests != 1 || !trove_has(cache, &id))
        return 4;
    if (trove_resolve_start(cache, &want, NULL, &result, &resolving, NULL) != 1)
        return 6;
    trove_unpin(result.object);
    if (trove_replace(cache, NULL, NULL, NULL) != 0 || trove_has(cache, &id))
        return 7;
    return trove_close(cache, NULL) == 0 ? 0 : 5;
}
