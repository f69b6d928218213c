// SPDX-License-Identifier: MIT
/*
 * fuzz_refs.c - the advertisement and the answer to ls-refs, of both object formats. Properties: names hold no control
 * byte and end where they say; limits hold; every failure says why.
 */
#include "fetch/protocol.h"
#include "fuzz.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void check_name(const char *name)
{
    CHECK(strlen(name) <= TROVE__REF_MAX_BYTES);
    for (; *name != '\0'; name++)
        CHECK((unsigned char)*name >= 0x20 && *name != 0x7f);
}

/* Reads an advertisement; *OFFSET stands behind it. */
static int read_caps(const uint8_t *data, size_t size, size_t *offset,
                     struct trove__wire_limits *limits, enum trove_algo *ret_algo)
{
    struct trove__caps_reader reader = {.limits = limits, .allow_service = true};
    struct trove_error err = {0};
    struct trove__pkt pkt;
    size_t used;
    int result = 0;

    while (result == 0 && trove__pkt_parse(data + *offset, size - *offset, &pkt, &used) == 0) {
        *offset += used;
        result = trove__caps_reader_feed(&reader, &pkt, &err);
    }
    CHECK(result >= 0 || err.message[0] != '\0');
    if (result == 1) {
        CHECK(reader.caps.ls_refs && reader.caps.fetch);
        CHECK(reader.caps.algo == TROVE_SHA1 || reader.caps.algo == TROVE_SHA256);
        *ret_algo = reader.caps.algo;
    }
    CHECK(reader.count <= limits->max_caps + 1);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trove__refs_reader *reader = calloc(1, sizeof(*reader));
    struct trove__wire_limits limits;
    struct trove_error err = {0};
    struct trove__pkt pkt;
    size_t offset = 0, used;
    int result = 0;

    CHECK(reader != NULL);
    trove__wire_limits_init(&limits);
    limits.max_refs = 50;
    reader->limits = &limits;
    reader->algo = TROVE_SHA1;
    if (read_caps(data, size, &offset, &limits, &reader->algo) != 1)
        offset = 0;
    while (result == 0 && trove__pkt_parse(data + offset, size - offset, &pkt, &used) == 0) {
        struct trove_git_ref ref = {.name = NULL};

        offset += used;
        result = trove__refs_reader_feed(reader, &pkt, &ref, &err);
        CHECK(result == 0 || ref.name == NULL);
        if (result == 0) {
            CHECK(ref.name[0] != '\0');
            check_name(ref.name);
            check_name(ref.symref_target);
            for (size_t i = trove_oid_bytes(reader->algo); i < TROVE_OID_BYTES_MAX; i++)
                CHECK(ref.id.bytes[i] == 0 && ref.peeled.bytes[i] == 0);
        }
    }
    CHECK(result >= 0 || err.message[0] != '\0');
    CHECK(reader->count <= limits.max_refs + 1);
    free(reader);
    return 0;
}
