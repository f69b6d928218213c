// SPDX-License-Identifier: MIT
/*
 * protocol_answer.c - protocol version 2: the answers to ls-refs and fetch.
 */
#include "protocol.h"
#include <errno.h>
#include <string.h>

/* --- ls-refs ----------------------------------------------------------------------------------------------------- */

/* The word at *TEXT, *SIZE bytes long, up to a space; both then stand behind that space. */
static size_t next_word(const char **text, size_t *size, const char **ret_word)
{
    const char *space = memchr(*text, ' ', *size);
    size_t length = space != NULL ? (size_t)(space - *text) : *size;
    size_t taken = space != NULL ? length + 1 : length;

    *ret_word = *text;
    *text += taken;
    *size -= taken;
    return length;
}

/* Copies a ref's name; -EPROTO when it holds what no name may hold, -EFBIG when it is too long. */
static int copy_name(char *to, const char *name, size_t length)
{
    if (length > TROVE__REF_MAX_BYTES)
        return -EFBIG;
    if (length == 0)
        return -EPROTO;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return -EPROTO;
    memcpy(to, name, length);
    to[length] = '\0';
    return 0;
}

static int whole_id(enum trove_algo algo, const char *hex, size_t length, struct trove_oid *ret)
{
    return length == trove_oid_bytes(algo) * 2 && trove_oid_from_hex(algo, hex, length, ret) == 0
               ? 0
               : -EPROTO;
}

static int take_attribute(struct trove__refs_reader *reader, const char *word, size_t length,
                          struct trove_git_ref *ref)
{
    static const char peeled[] = "peeled:", symref[] = "symref-target:";

    if (length >= sizeof(peeled) - 1 && memcmp(word, peeled, sizeof(peeled) - 1) == 0)
        return whole_id(reader->algo, word + sizeof(peeled) - 1, length - (sizeof(peeled) - 1),
                        &ref->peeled);
    if (length >= sizeof(symref) - 1 && memcmp(word, symref, sizeof(symref) - 1) == 0)
        return copy_name(reader->target, word + sizeof(symref) - 1, length - (sizeof(symref) - 1));
    return 0; /* the protocol lets servers add attributes */
}

static int take_ref(struct trove__refs_reader *reader, const struct trove__pkt *line,
                    struct trove_git_ref *ret)
{
    const char *text = (const char *)line->data, *word;
    size_t left = line->size, length = next_word(&text, &left, &word);
    struct trove_git_ref ref = {.name = reader->name, .symref_target = reader->target};
    int result = 0;

    /* An unborn HEAD has a target and no id: it comes with an id of all zero. */
    if (length != 6 || memcmp(word, "unborn", 6) != 0)
        result = whole_id(reader->algo, word, length, &ref.id);
    length = next_word(&text, &left, &word);
    if (result == 0)
        result = copy_name(reader->name, word, length);
    reader->target[0] = '\0';
    while (result == 0 && left > 0) {
        length = next_word(&text, &left, &word);
        result = take_attribute(reader, word, length, &ref);
    }
    if (result == 0)
        *ret = ref;
    return result;
}

int trove__refs_reader_feed(struct trove__refs_reader *reader, const struct trove__pkt *pkt,
                            struct trove_git_ref *ret, struct trove_error *err)
{
    struct trove__pkt line = trove__pkt_line(*pkt);
    int result;

    if (line.kind == TROVE__PKT_FLUSH)
        return 1;
    if (line.kind != TROVE__PKT_DATA)
        return trove_error_set(err, -EPROTO, "malformed list of refs");
    if (trove__pkt_starts(&line, "ERR "))
        return trove__server_error(err, line.data + 4, line.size - 4);
    reader->bytes += line.size;
    if (++reader->count > reader->limits->max_refs ||
        reader->bytes > reader->limits->max_refs_bytes)
        return trove_error_set(err, -EFBIG, "the server lists refs without end");
    result = take_ref(reader, &line, ret);
    if (result == -EFBIG)
        return trove_error_set(err, result, "the server lists a ref whose name is too long");
    if (result < 0)
        return trove_error_set(err, result, "the server lists a malformed ref");
    return 0;
}

/* --- fetch ------------------------------------------------------------------------------------------------------- */

enum fetch_state { FETCH_HEADER, FETCH_SHALLOWS, FETCH_OTHER, FETCH_IN_PACK, FETCH_ENDED };

bool trove__refused_id(enum trove_algo algo, const void *text, size_t size, struct trove_oid *ret)
{
    static const char git_says[] = "not our ref ", jgit_says[] = "want ",
                      jgit_ends[] = " not valid";
    size_t hex = trove_oid_bytes(algo) * 2;
    const char *at = memmem(text, size, git_says, sizeof(git_says) - 1);
    size_t left;

    if (at != NULL) {
        at += sizeof(git_says) - 1;
        left = size - (size_t)(at - (const char *)text);
        return left >= hex && trove_oid_from_hex(algo, at, hex, ret) == 0;
    }
    at = memmem(text, size, jgit_says, sizeof(jgit_says) - 1);
    if (at == NULL)
        return false;
    at += sizeof(jgit_says) - 1;
    left = size - (size_t)(at - (const char *)text);
    return left >= hex + sizeof(jgit_ends) - 1 &&
           memcmp(at + hex, jgit_ends, sizeof(jgit_ends) - 1) == 0 &&
           trove_oid_from_hex(algo, at, hex, ret) == 0;
}

static int refused(struct trove__fetch_reader *reader, const void *text, size_t size,
                   struct trove_error *err)
{
    int result = trove__server_error(err, text, size);

    reader->is_refused = trove__refused_id(reader->algo, text, size, &reader->refused);
    if (!reader->is_refused)
        return result;
    if (err != NULL)
        err->code = -ENOENT;
    return -ENOENT;
}

static int fetch_header(struct trove__fetch_reader *reader, const struct trove__pkt *line,
                        struct trove_error *err)
{
    static const struct {
        const char *name;
        enum fetch_state state;
    } sections[] = {{"packfile", FETCH_IN_PACK},
                    {"shallow-info", FETCH_SHALLOWS},
                    {"acknowledgments", FETCH_OTHER},
                    {"wanted-refs", FETCH_OTHER},
                    {"packfile-uris", FETCH_OTHER}};
    char shown[80];

    if (line->kind != TROVE__PKT_DATA)
        return trove_error_set(err, -EPROTO, "the server's answer holds no pack");
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (line->size != strlen(sections[i].name) || !trove__pkt_starts(line, sections[i].name))
            continue;
        reader->state = sections[i].state;
        return 0;
    }
    trove__visible(shown, sizeof(shown), line->data, line->size, 1);
    return trove_error_set(err, -EPROTO, "the server's answer holds an unknown section '%s'",
                           shown);
}

static int fetch_shallow(struct trove__fetch_reader *reader, const struct trove__pkt *line,
                         struct trove__fetch_item *ret, struct trove_error *err)
{
    bool unshallow = trove__pkt_starts(line, "unshallow ");
    size_t skip = unshallow ? 10 : 8;
    struct trove_oid id = {{0}};

    if ((!unshallow && !trove__pkt_starts(line, "shallow ")) ||
        whole_id(reader->algo, (const char *)line->data + skip, line->size - skip, &id) < 0)
        return trove_error_set(err, -EPROTO, "the server names a malformed shallow commit");
    ret->kind = unshallow ? TROVE__FETCH_UNSHALLOW : TROVE__FETCH_SHALLOW;
    ret->id = id;
    return 0;
}

static int fetch_section(struct trove__fetch_reader *reader, const struct trove__pkt *line,
                         struct trove__fetch_item *ret, struct trove_error *err)
{
    if (line->kind == TROVE__PKT_DELIM) {
        reader->state = FETCH_HEADER;
        return 0;
    }
    if (line->kind != TROVE__PKT_DATA)
        return trove_error_set(err, -EPROTO, "the server's answer ends without a pack");
    if (++reader->lines > reader->limits->max_lines)
        return trove_error_set(err, -EFBIG, "the server's answer goes on without end");
    if (trove__pkt_starts(line, "ERR "))
        return refused(reader, line->data + 4, line->size - 4, err);
    return reader->state == FETCH_SHALLOWS ? fetch_shallow(reader, line, ret, err) : 0;
}

/* Keepalives and progress tell nothing of the pack, and could be sent for ever. */
static int fetch_chatter(struct trove__fetch_reader *reader, const struct trove__pkt *pkt,
                         struct trove_error *err)
{
    reader->progress_bytes += TROVE__PKT_HEADER_BYTES + pkt->size;
    if (reader->progress_bytes > reader->limits->max_progress_bytes)
        return trove_error_set(err, -EFBIG, "the server sends progress messages without end");
    return 0;
}

static int fetch_pack(struct trove__fetch_reader *reader, const struct trove__pkt *pkt,
                      struct trove__fetch_item *ret, struct trove_error *err)
{
    if (pkt->kind == TROVE__PKT_FLUSH) {
        reader->state = FETCH_ENDED;
        ret->kind = TROVE__FETCH_END;
        return 0;
    }
    if (pkt->kind != TROVE__PKT_DATA || pkt->size == 0)
        return trove_error_set(err, -EPROTO, "malformed frame between those of the pack");
    ret->data = pkt->data + 1;
    ret->size = pkt->size - 1;
    switch (pkt->data[0]) {
    case 1:
        ret->kind = TROVE__FETCH_PACK;
        return ret->size > 0 ? 0 : fetch_chatter(reader, pkt, err);
    case 2:
        ret->kind = TROVE__FETCH_PROGRESS;
        return fetch_chatter(reader, pkt, err);
    case 3:
        return refused(reader, ret->data, ret->size, err);
    }
    if (trove__pkt_starts(pkt, "ERR "))
        return refused(reader, pkt->data + 4, pkt->size - 4, err);
    return trove_error_set(err, -EPROTO, "unknown sideband %u", pkt->data[0]);
}

int trove__fetch_reader_feed(struct trove__fetch_reader *reader, const struct trove__pkt *pkt,
                             struct trove__fetch_item *ret, struct trove_error *err)
{
    struct trove__pkt line = trove__pkt_line(*pkt);
    struct trove__fetch_item item = {.kind = TROVE__FETCH_NOTHING};
    int result;

    if (reader->state == FETCH_ENDED)
        return trove_error_set(err, -EPROTO, "the server's answer goes on behind its end");
    if (reader->state == FETCH_IN_PACK)
        result = fetch_pack(reader, pkt, &item, err);
    else if (reader->state == FETCH_HEADER && trove__pkt_starts(&line, "ERR "))
        result = refused(reader, line.data + 4, line.size - 4, err);
    else if (reader->state == FETCH_HEADER)
        result = fetch_header(reader, &line, err);
    else
        result = fetch_section(reader, &line, &item, err);
    if (result == 0)
        *ret = item;
    return result;
}

/* --- which ids a server has -------------------------------------------------------------------------------------- */

enum acks_state { ACKS_HEADER, ACKS_LINES, ACKS_ENDED };

static int one_ack(struct trove__acks_reader *reader, const struct trove__pkt *line,
                   struct trove_oid *ret, struct trove_error *err)
{
    if (line->size == 3 &&
        trove__pkt_starts(line, "NAK")) /* git: for none; others: also beside some */
        return TROVE__ACK_NOTHING;
    if (!trove__pkt_starts(line, "ACK ") ||
        whole_id(reader->algo, (const char *)line->data + 4, line->size - 4, ret) < 0)
        return trove_error_set(err, -EPROTO, "the server acknowledges something malformed");
    return TROVE__ACK_ID;
}

int trove__acks_reader_feed(struct trove__acks_reader *reader, const struct trove__pkt *pkt,
                            struct trove_oid *ret, struct trove_error *err)
{
    struct trove__pkt line = trove__pkt_line(*pkt);

    if (reader->state == ACKS_LINES && line.kind == TROVE__PKT_FLUSH) {
        reader->state = ACKS_ENDED;
        return TROVE__ACK_END;
    }
    if (reader->state == ACKS_ENDED || line.kind != TROVE__PKT_DATA)
        return trove_error_set(err, -EPROTO, "the server answers something else than was asked");
    if (trove__pkt_starts(&line, "ERR "))
        return trove__server_error(err, line.data + 4, line.size - 4);
    if (reader->state == ACKS_LINES) {
        if (reader->lines++ > reader->most) /* one more: a NAK */
            return trove_error_set(err, -EFBIG, "the server acknowledges more than was asked");
        return one_ack(reader, &line, ret, err);
    }
    if (line.size != 15 || !trove__pkt_starts(&line, "acknowledgments"))
        return trove_error_set(err, -EPROTO, "the server answers something else than was asked");
    reader->state = ACKS_LINES;
    return TROVE__ACK_NOTHING;
}
