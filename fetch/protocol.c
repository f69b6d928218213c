// SPDX-License-Identifier: MIT
/*
 * protocol.c - protocol version 2: the advertisement, and the commands that we send.
 */
#include "protocol.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum caps_state { CAPS_START, CAPS_AFTER_SERVICE, CAPS_VERSION, CAPS_LINES };

void trove__wire_limits_init(struct trove__wire_limits *limits)
{
    *limits = (struct trove__wire_limits){
        .max_caps = 1000,
        .max_caps_bytes = 256 << 10,
        .max_refs = 16 << 20,
        .max_refs_bytes = 2ULL << 30,
        .max_lines = 4 << 20,
        .max_progress_bytes = 64 << 20,
    };
}

int trove__server_error(struct trove_error *err, const void *text, size_t size)
{
    char shown[TROVE_ERROR_MESSAGE_BYTES];

    trove__visible(shown, sizeof(shown) - 32, text, size, TROVE__ERROR_LINES);
    return trove_error_set(err, -EIO, "the server says: %s",
                           shown[0] != '\0' ? shown : "(nothing)");
}

/* --- the advertisement ------------------------------------------------------------------------------------------- */

/* True when the first line of a server that did not take version 2 up is that of another version. */
static bool looks_like_v0(const struct trove__pkt *line)
{
    struct trove_oid id;
    const char *text = (const char *)line->data;

    return (line->size > 41 && text[40] == ' ' &&
            trove_oid_from_hex(TROVE_SHA1, text, 40, &id) == 0) ||
           (line->size > 65 && text[64] == ' ' &&
            trove_oid_from_hex(TROVE_SHA256, text, 64, &id) == 0) ||
           trove__pkt_starts(line, "shallow ");
}

static int bad_version(const struct trove__pkt *line, struct trove_error *err)
{
    char shown[80];
    const char *version = trove__pkt_starts(line, "version 1") ? "version 1"
                          : looks_like_v0(line)                ? "version 0"
                                                               : NULL;

    if (version != NULL)
        return trove_error_set(err, -ENOTSUP,
                               "the server speaks git protocol %s, and version 2 is needed (an ssh "
                               "server must let GIT_PROTOCOL through: 'AcceptEnv GIT_PROTOCOL')",
                               version);
    trove__visible(shown, sizeof(shown), line->data, line->size, 1);
    return trove_error_set(err, trove__pkt_starts(line, "version ") ? -ENOTSUP : -EPROTO,
                           "not an answer of git protocol version 2: '%s'", shown);
}

/* True when the words of VALUE hold WORD. */
static bool has_word(const char *value, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = value; (at = strstr(at, word)) != NULL; at += length)
        if ((at == value || at[-1] == ' ') && (at[length] == '\0' || at[length] == ' '))
            return true;
    return false;
}

static int set_object_format(struct trove__caps *caps, const char *value, struct trove_error *err)
{
    enum trove_algo algo = strcmp(value, "sha1") == 0     ? TROVE_SHA1
                           : strcmp(value, "sha256") == 0 ? TROVE_SHA256
                                                          : 0;

    if (algo == 0) {
        char shown[80];
        trove__visible(shown, sizeof(shown), value, strlen(value), 1);
        return trove_error_set(err, -ENOTSUP, "the repository's object format '%s' is not known",
                               shown);
    }
    if (caps->object_format && caps->algo != algo)
        return trove_error_set(err, -EPROTO, "the server names two object formats");
    caps->object_format = true;
    caps->algo = algo;
    return 0;
}

/* One capability line, KEY or KEY=VALUE. */
static int take_capability(struct trove__caps *caps, const struct trove__pkt *line,
                           struct trove_error *err)
{
    char text[1024];
    char *value;

    if (line->size == 0 || memchr(line->data, '\0', line->size) != NULL)
        return trove_error_set(err, -EPROTO, "the server advertises a malformed capability");
    if (line->size >= sizeof(text)) /* nothing that we know is that long */
        return 0;
    memcpy(text, line->data, line->size);
    text[line->size] = '\0';
    value = strchr(text, '=');
    if (value != NULL)
        *value++ = '\0';
    else
        value = text + line->size;

    if (strcmp(text, "agent") == 0) {
        trove__visible(caps->agent, sizeof(caps->agent), value, strlen(value), 1);
    } else if (strcmp(text, "ls-refs") == 0) {
        caps->ls_refs = true;
        caps->unborn = has_word(value, "unborn");
    } else if (strcmp(text, "fetch") == 0) {
        caps->fetch = true;
        caps->shallow = has_word(value, "shallow");
        caps->filter = has_word(value, "filter");
        caps->ref_in_want = has_word(value, "ref-in-want");
        caps->sideband_all = has_word(value, "sideband-all");
        caps->wait_for_done = has_word(value, "wait-for-done");
    } else if (strcmp(text, "object-info") == 0) {
        caps->object_info = true;
    } else if (strcmp(text, "object-format") == 0) {
        return set_object_format(caps, value, err);
    }
    return 0;
}

static int caps_start(struct trove__caps_reader *reader, const struct trove__pkt *line,
                      struct trove_error *err)
{
    if (line->kind != TROVE__PKT_DATA)
        return trove_error_set(err, -EPROTO, "the server's answer begins with an empty message");
    if (reader->allow_service && reader->state == CAPS_START &&
        trove__pkt_starts(line, "# service=")) {
        if (line->size != 25 || !trove__pkt_starts(line, "# service=git-upload-pack"))
            return trove_error_set(err, -EPROTO, "the server answers for another service");
        reader->state = CAPS_AFTER_SERVICE;
        return 0;
    }
    if (line->size != 9 || !trove__pkt_starts(line, "version 2"))
        return bad_version(line, err);
    reader->caps.algo = TROVE_SHA1;
    reader->state = CAPS_LINES;
    return 0;
}

static int caps_complete(const struct trove__caps_reader *reader, struct trove_error *err)
{
    if (!reader->caps.ls_refs || !reader->caps.fetch)
        return trove_error_set(err, -ENOTSUP, "the server does not offer ls-refs and fetch");
    return 1;
}

int trove__caps_reader_feed(struct trove__caps_reader *reader, const struct trove__pkt *pkt,
                            struct trove_error *err)
{
    struct trove__pkt line = trove__pkt_line(*pkt);

    reader->bytes += pkt->size;
    if (++reader->count > reader->limits->max_caps ||
        reader->bytes > reader->limits->max_caps_bytes)
        return trove_error_set(err, -EFBIG, "the server advertises capabilities without end");
    if (trove__pkt_starts(&line, "ERR "))
        return trove__server_error(err, line.data + 4, line.size - 4);
    if (reader->state == CAPS_START || reader->state == CAPS_VERSION)
        return caps_start(reader, &line, err);
    if (reader->state == CAPS_AFTER_SERVICE) {
        if (line.kind != TROVE__PKT_FLUSH) /* git wrote this to be extended: skip such lines */
            return line.kind == TROVE__PKT_DATA
                       ? 0
                       : trove_error_set(err, -EPROTO, "malformed service announcement");
        reader->state = CAPS_VERSION;
        return 0;
    }
    if (line.kind == TROVE__PKT_FLUSH)
        return caps_complete(reader, err);
    if (line.kind != TROVE__PKT_DATA)
        return trove_error_set(err, -EPROTO, "malformed capability advertisement");
    return take_capability(&reader->caps, &line, err);
}

/* --- commands ---------------------------------------------------------------------------------------------------- */

/* True for a text that may stand in a line: no control bytes. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static void begin_command(struct trove__bytes *out, const struct trove__caps *caps,
                          const char *name)
{
    trove__bytes_clear(out);
    trove__pkt_addf(out, "command=%s\n", name);
    if (caps->agent[0] != '\0') /* sent only to a server that announced its own */
        trove__pkt_addf(out, "agent=trove/%s\n", trove_version());
    if (caps->object_format)
        trove__pkt_addf(out, "object-format=%s\n", caps->algo == TROVE_SHA256 ? "sha256" : "sha1");
    trove__pkt_delim(out);
}

static int end_command(struct trove__bytes *out, struct trove_error *err)
{
    trove__pkt_flush(out);
    return out->failed ? trove_error_set(err, -ENOMEM, "no memory for a request") : 0;
}

int trove__build_ls_refs(struct trove__bytes *out, const struct trove__caps *caps,
                         const char *const *prefixes, struct trove_error *err)
{
    begin_command(out, caps, "ls-refs");
    trove__pkt_addf(out, "peel\n");
    trove__pkt_addf(out, "symrefs\n");
    if (caps->unborn)
        trove__pkt_addf(out, "unborn\n");
    for (; prefixes != NULL && *prefixes != NULL; prefixes++) {
        if (!is_plain(*prefixes) || strlen(*prefixes) > TROVE__REF_MAX_BYTES)
            return trove_error_set(err, -EINVAL, "malformed ref name");
        trove__pkt_addf(out, "ref-prefix %s\n", *prefixes);
    }
    return end_command(out, err);
}

static int check_fetch(const struct trove__caps *caps, const struct trove__fetch_args *args,
                       struct trove_error *err)
{
    if (args->want_count ==
        0) /* the server would wait for another command, and we for its answer */
        return trove_error_set(err, -EINVAL, "a fetch without wants");
    if (args->filter != NULL && !caps->filter)
        return trove_error_set(err, -ENOTSUP, "the server offers no object filters");
    if (args->filter != NULL && (!is_plain(args->filter) || strlen(args->filter) > 60000))
        return trove_error_set(err, -EINVAL, "malformed object filter");
    if ((args->depth > 0 || args->shallow_count > 0) && !caps->shallow)
        return trove_error_set(err, -ENOTSUP, "the server offers no shallow fetches");
    return 0;
}

static void add_ids(struct trove__bytes *out, const struct trove__caps *caps, const char *verb,
                    const struct trove_oid *ids, size_t count)
{
    char hex[TROVE_OID_HEX_MAX + 1];

    for (size_t i = 0; i < count; i++)
        trove__pkt_addf(out, "%s %s\n", verb, trove_oid_to_hex(caps->algo, &ids[i], hex));
}

int trove__build_fetch(struct trove__bytes *out, const struct trove__caps *caps,
                       const struct trove__fetch_args *args, struct trove_error *err)
{
    int result = check_fetch(caps, args, err);

    if (result < 0)
        return result;
    begin_command(out, caps, "fetch");
    if (args->have_count > 0)
        trove__pkt_addf(out, "thin-pack\n");
    trove__pkt_addf(out, "ofs-delta\n");
    if (!args->progress)
        trove__pkt_addf(out, "no-progress\n");
    add_ids(out, caps, "want", args->wants, args->want_count);
    add_ids(out, caps, "shallow", args->shallows, args->shallow_count);
    if (args->depth > 0)
        trove__pkt_addf(out, "deepen %u\n", args->depth);
    if (args->filter != NULL)
        trove__pkt_addf(out, "filter %s\n", args->filter);
    add_ids(out, caps, "have", args->haves, args->have_count);
    trove__pkt_addf(out, "done\n");
    return end_command(out, err);
}

int trove__build_question(struct trove__bytes *out, const struct trove__caps *caps,
                          const struct trove_oid *ids, size_t count, struct trove_error *err)
{
    /* Another server would end the question itself, with a pack. */
    if (!caps->wait_for_done)
        return trove_error_set(err, -ENOTSUP, "the server cannot be asked what it has");
    begin_command(out, caps, "fetch");
    trove__pkt_addf(out, "wait-for-done\n");
    add_ids(out, caps, "have", ids, count);
    return end_command(out, err);
}

int trove__build_git_request(struct trove__bytes *out, const char *path, const char *host,
                             const char *port)
{
    struct trove__bytes line = {0};
    bool bracket = strchr(host, ':') != NULL;
    int result;

    trove__bytes_clear(out);
    trove__bytes_addf(&line, "git-upload-pack %s%chost=%s%s%s", path, '\0', bracket ? "[" : "",
                      host, bracket ? "]" : "");
    if (port != NULL)
        trove__bytes_addf(&line, ":%s", port);
    trove__bytes_addf(&line, "%c%cversion=2%c", '\0', '\0', '\0');
    trove__pkt_add(out, line.data, line.size);
    result = line.failed || out->failed ? -ENOMEM : 0;
    trove__bytes_free(&line);
    return result;
}
