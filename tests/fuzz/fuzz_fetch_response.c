// SPDX-License-Identifier: MIT
/*
 * fuzz_fetch_response.c - the answer to fetch, and to the question which ids a server has, of both object formats (the first
 * byte chooses). Properties: nothing comes behind the end, pack bytes only from a pack, chatter within its limit, no more
 * acknowledgments than were asked for, every failure says why, a refused id is in the text.
 */
#include "fetch/protocol.h"
#include "fuzz.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void check_item(const struct trove__fetch_item *item, const struct trove__pkt *pkt)
{
    bool has_bytes = item->kind == TROVE__FETCH_PACK || item->kind == TROVE__FETCH_PROGRESS;

    CHECK(item->kind <= TROVE__FETCH_END);
    if (has_bytes) {
        CHECK(pkt->kind == TROVE__PKT_DATA && item->size + 1 == pkt->size);
        CHECK(item->data == pkt->data + 1);
        CHECK(pkt->data[0] == (item->kind == TROVE__FETCH_PACK ? 1 : 2));
    }
    CHECK(item->kind != TROVE__FETCH_END || pkt->kind == TROVE__PKT_FLUSH);
}

static void check_failure(const struct trove__fetch_reader *reader, int result,
                          const struct trove_error *err)
{
    CHECK(err->code == result && err->message[0] != '\0');
    CHECK(result == -EPROTO || result == -EFBIG || result == -EIO || result == -ENOENT);
    CHECK((result == -ENOENT) == reader->is_refused);
}

static int feed_acks(enum trove_algo algo, const uint8_t *data, size_t size)
{
    struct trove__acks_reader reader = {.algo = algo, .most = 10};
    struct trove_error err = {0};
    struct trove__pkt pkt;
    struct trove_oid id;
    size_t used, count = 0;
    int result = TROVE__ACK_NOTHING;

    while ((result == TROVE__ACK_NOTHING || result == TROVE__ACK_ID) &&
           trove__pkt_parse(data, size, &pkt, &used) == 0) {
        data += used;
        size -= used;
        result = trove__acks_reader_feed(&reader, &pkt, &id, &err);
        if (result == TROVE__ACK_ID)
            CHECK(pkt.size >= 4 + trove_oid_bytes(algo) * 2 && ++count <= 11);
        CHECK(result != TROVE__ACK_END || pkt.kind == TROVE__PKT_FLUSH);
    }
    if (result < 0)
        CHECK(err.code == result && err.message[0] != '\0' &&
              (result == -EPROTO || result == -EFBIG || result == -EIO));
    if (result == TROVE__ACK_END)
        CHECK(trove__acks_reader_feed(&reader, &pkt, &id, &err) == -EPROTO);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trove__wire_limits limits;
    struct trove__fetch_reader reader = {.limits = &limits, .algo = TROVE_SHA1};
    struct trove__fetch_item item = {.kind = TROVE__FETCH_NOTHING};
    struct trove_error err = {0};
    struct trove__pkt pkt;
    size_t offset = 1, used;
    uint64_t chatter = 0;
    int result = 0;

    trove__wire_limits_init(&limits);
    limits.max_progress_bytes = 1000;
    limits.max_lines = 20;
    if (size == 0)
        return 0;
    reader.algo = data[0] & 1 ? TROVE_SHA256 : TROVE_SHA1;
    if (data[0] & 2)
        return feed_acks(reader.algo, data + 1, size - 1);
    while (result == 0 && item.kind != TROVE__FETCH_END &&
           trove__pkt_parse(data + offset, size - offset, &pkt, &used) == 0) {
        offset += used;
        result = trove__fetch_reader_feed(&reader, &pkt, &item, &err);
        if (result == 0) {
            check_item(&item, &pkt);
            if (item.kind == TROVE__FETCH_PROGRESS)
                chatter += item.size;
        }
    }
    CHECK(chatter <= limits.max_progress_bytes);
    if (result < 0)
        check_failure(&reader, result, &err);
    if (item.kind == TROVE__FETCH_END) {
        pkt = (struct trove__pkt){.kind = TROVE__PKT_FLUSH};
        CHECK(trove__fetch_reader_feed(&reader, &pkt, &item, &err) == -EPROTO);
    }
    return 0;
}
