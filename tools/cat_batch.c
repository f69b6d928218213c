// SPDX-License-Identifier: MIT
/*
 * cat_batch.c - `cat-file --batch` and `--batch-check`.
 *
 * Names queue up in a window. All that are waiting on standard input are asked for together; answers come in any order
 * and leave in the order of the names. Objects that came early are held, up to a budget; what does not fit into it is
 * let go, and asked for again, together with what follows it, when its turn comes. So memory stays bounded whatever the
 * objects' sizes, and a batch of small ones is one request.
 *
 * A producer that writes steadily would have its first few names sent alone: after several names have come at once, a
 * moment is waited for more. One that waits for its answer gets it without that.
 */
#include "cat_batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cat_format.h"
#include "line_input.h"

enum {
    WINDOW = 16384, /* names in the queue */
    LINGER_GAP_MS = 5,
    LINGER_ALL_MS = 100,
    AGAIN_MAX = 1024, /* objects asked for again at once */
};

enum answer {
    ASKED,   /* not there yet */
    FOUND,   /* type and size are known; the object is held, or was let go */
    MISSING, /* no such object */
    REFUSED, /* not to be told: the batch ends when its turn comes */
};

struct entry {
    char *line; /* own; the name, and behind its NUL the rest if the format uses it */
    const char *rest;
    struct trove_oid id;
    enum answer answer;
    enum trove_type type;
    uint64_t size;
    struct trove_object *object; /* own; NULL unless held */
    struct trove_error *refusal; /* own; of what is REFUSED */
};

struct batch {
    struct trove__tool *tool;
    const struct trove__cat_batch_options *options;
    struct trove__line_input input;
    struct trove_stream *stream;
    struct entry *entries; /* a ring of WINDOW; counters run on and are taken modulo WINDOW */
    uint64_t head, tail;   /* the next to print; behind the last that was read */
    struct trove_want *wants;
    uintptr_t *tags;
    size_t want_count; /* read, not yet asked for */
    uint64_t held_bytes, budget_bytes;
    bool input_ended;

    /* The ref looked up last: names that came together and begin alike ask the server once. */
    char *base; /* own; NULL for none */
    struct trove_oid base_id;
};

static struct entry *entry_at(struct batch *batch, uint64_t number)
{
    return &batch->entries[number % WINDOW];
}

/* --- names in ---------------------------------------------------------------------------------------------------- */

/* Makes the ref that NAME (LENGTH bytes of it) is the one in batch->base. Returns 0 or a negative errno. */
static int look_up_base(struct batch *batch, const char *name, size_t length,
                        struct trove_error *err)
{
    struct trove_git_revision revision;
    int status;

    if (batch->base != NULL && strlen(batch->base) == length &&
        memcmp(batch->base, name, length) == 0)
        return 0;
    free(batch->base);
    batch->base = strndup(name, length);
    if (batch->base == NULL)
        return trove_error_set(err, -ENOMEM, "out of memory");
    status = trove__tool_revision(batch->tool, batch->base, &revision, err);
    if (status < 0) {
        free(batch->base);
        batch->base = NULL;
        return status;
    }
    batch->base_id = revision.id;
    return 0;
}

/* Resolves NAME, a revision: its ref is looked up once, then its steps are taken from the ref's id. */
static int resolve_name(struct batch *batch, const char *name, struct trove_git_revision *ret,
                        struct trove_error *err)
{
    size_t base_length = strcspn(name, "~^:");
    char hex[TROVE_OID_HEX_MAX + 1], *rewritten;
    int status;

    if (base_length == 0 || strstr(name, "@{") != NULL)
        return trove__tool_revision(batch->tool, name, ret, err);
    status = look_up_base(batch, name, base_length, err);
    if (status < 0)
        return status;
    trove_oid_to_hex(trove_algo(batch->tool->cache), &batch->base_id, hex);
    if (asprintf(&rewritten, "%s%s", hex, name + base_length) < 0)
        return trove_error_set(err, -ENOMEM, "out of memory");
    status = trove__tool_revision(batch->tool, rewritten, ret, err);
    free(rewritten);
    return status;
}

/* What stands before this name is still answered, as git does. */
static int refuse(struct batch *batch, struct entry *entry, const struct trove_error *err)
{
    entry->refusal = malloc(sizeof(*entry->refusal));
    if (entry->refusal == NULL)
        return trove__fatal("out of memory");
    *entry->refusal = *err;
    entry->answer = REFUSED;
    batch->input_ended = true;
    return 0;
}

/* A name that is no full id: resolved at once. */
static int look_up(struct batch *batch, struct entry *entry, enum trove_type *ret_type)
{
    struct trove_git_revision revision;
    struct trove_error err = {0};
    int status = resolve_name(batch, entry->line, &revision, &err);

    if (status == -ENOENT) {
        entry->answer = MISSING;
        return 0;
    }
    if (status == -ENOTSUP || status == -EINVAL)
        return refuse(batch, entry, &err);
    if (status < 0)
        return trove__fatal_error(status, &err);
    entry->id = revision.id;
    *ret_type = revision.type;
    return 0;
}

static void split_rest(const struct batch *batch, struct entry *entry, size_t length)
{
    char *blank = batch->options->uses_rest ? strpbrk(entry->line, " \t") : NULL;

    entry->rest = entry->line + length; /* empty */
    if (blank == NULL)
        return;
    entry->rest = blank + strspn(blank, " \t");
    *blank = '\0';
}

static int add_line(struct batch *batch, const char *line, size_t length)
{
    struct entry *entry = entry_at(batch, batch->tail);
    enum trove_type type = TROVE_ANY;
    size_t hex = trove_oid_bytes(trove_algo(batch->tool->cache)) * 2;
    int status = 0;

    *entry = (struct entry){.answer = ASKED, .line = malloc(length + 1)};
    if (entry->line == NULL)
        return trove__fatal("out of memory");
    memcpy(entry->line, line, length + 1);
    split_rest(batch, entry, length);
    batch->tail++;
    if (strlen(entry->line) != hex ||
        trove_oid_from_hex(trove_algo(batch->tool->cache), entry->line, hex, &entry->id) < 0)
        status = look_up(batch, entry, &type);
    if (status == 0 && entry->answer == ASKED) {
        batch->wants[batch->want_count] = (struct trove_want){.id = entry->id, .type = type};
        batch->tags[batch->want_count++] = (uintptr_t)(entry - batch->entries);
    }
    return status;
}

static struct trove_until until_ms(const struct batch *batch, int64_t ms)
{
    return trove_until_ms(ms, batch->tool->cancel);
}

/* For how long to wait for the next name, when COUNT have come since START_NS. */
static struct trove_until patience(const struct batch *batch, uint64_t count, int64_t start_ns)
{
    struct trove_until until;

    if (count == 0)
        return until_ms(batch, batch->head == batch->tail ? -1 : 0);
    if (batch->options->buffered)
        return until_ms(batch, -1);
    if (count == 1)
        return until_ms(batch, 0);
    until = until_ms(batch, LINGER_GAP_MS);
    if (until.deadline_ns > start_ns + LINGER_ALL_MS * INT64_C(1000000))
        until.deadline_ns = start_ns + LINGER_ALL_MS * INT64_C(1000000);
    return until;
}

/* Reads the names that are waiting; waits for one when there is nothing else to do. */
static int read_names(struct batch *batch)
{
    int64_t start_ns = 0;
    uint64_t count = 0;

    /* Room for a few names only would make small requests. */
    if (batch->tail - batch->head > WINDOW / 2)
        return 0;
    free(batch->base); /* refs may have moved meanwhile */
    batch->base = NULL;
    while (!batch->input_ended && batch->tail - batch->head < WINDOW) {
        struct trove_until until = patience(batch, count, start_ns);
        size_t length;
        char *line;
        int status = trove__line_input_next(&batch->input, &until, &line, &length);

        if (status == -ETIMEDOUT)
            break;
        if (status == -ECANCELED)
            return trove__fatal_error(status, NULL);
        if (status < 0)
            return trove__fatal("cannot read standard input: %s", trove_strerror(status));
        if (status == 0) {
            batch->input_ended = true;
            break;
        }
        if (count++ == 0)
            start_ns = trove_now_ns();
        status = add_line(batch, line, length);
        if (status != 0)
            return status;
    }
    return 0;
}

static int ask(struct batch *batch)
{
    int status;

    if (batch->want_count == 0)
        return 0;
    trove__tool_renew(batch->tool);
    status = trove_stream_add(batch->stream, batch->wants, batch->tags, batch->want_count,
                              &batch->tool->until);
    batch->want_count = 0;
    return status < 0 ? trove__fatal_error(status, NULL) : 0;
}

/* --- objects out ------------------------------------------------------------------------------------------------- */

static uint64_t room(const struct batch *batch, uint64_t taken)
{
    return batch->budget_bytes > taken ? batch->budget_bytes - taken : 0;
}

/* Keeps OBJECT (taken over) for printing if it is wanted and fits; the head always fits. */
static void hold(struct batch *batch, struct entry *entry, struct trove_object *object)
{
    bool is_head = entry == entry_at(batch, batch->head);

    entry->answer = FOUND;
    entry->type = trove_object_type(object);
    entry->size = trove_object_size(object);
    if (batch->options->contents && (is_head || entry->size <= room(batch, batch->held_bytes))) {
        entry->object = object;
        batch->held_bytes += entry->size;
        return;
    }
    trove_unpin(object);
}

static int take_answer(struct batch *batch, struct entry *entry, struct trove_result *result,
                       const struct trove_error *err)
{
    if (result->status == 0)
        hold(batch, entry, result->object);
    else if (result->status == -ENOENT)
        entry->answer = MISSING;
    else
        return trove__fatal_error(result->status, err);
    return 0;
}

/* Lets go of what is held far behind the head, so that most of the budget is for what is printed next. */
static void make_room_at_head(struct batch *batch)
{
    for (uint64_t i = batch->tail;
         i > batch->head && batch->held_bytes > batch->budget_bytes / 4;) {
        struct entry *entry = entry_at(batch, --i);
        if (entry->object == NULL)
            continue;
        trove_unpin(entry->object);
        entry->object = NULL;
        batch->held_bytes -= entry->size;
    }
}

/* Asks again for the head, which was let go, and for as many behind it as the budget takes. */
static int ask_again(struct batch *batch)
{
    struct trove_want wants[AGAIN_MAX];
    struct trove_result results[AGAIN_MAX];
    struct entry *again[AGAIN_MAX];
    struct trove_error err = {0};
    uint64_t bytes;
    size_t count = 0;
    int status = 0, found;

    make_room_at_head(batch);
    bytes = batch->held_bytes;
    for (uint64_t i = batch->head; i < batch->tail && count < AGAIN_MAX; i++) {
        struct entry *entry = entry_at(batch, i);
        if (entry->answer != FOUND || entry->object != NULL)
            continue;
        if (count > 0 && entry->size > room(batch, bytes))
            break;
        bytes += entry->size;
        wants[count] = (struct trove_want){.id = entry->id, .type = entry->type};
        again[count++] = entry;
    }
    trove__tool_renew(batch->tool);
    found =
        trove_resolve_many(batch->tool->cache, wants, count, &batch->tool->until, results, &err);
    if (found < 0)
        return trove__fatal_error(found, &err);
    for (size_t i = 0; i < count; i++) {
        if (status == 0)
            status = take_answer(batch, again[i], &results[i], &err);
        else
            trove_unpin(results[i].object);
    }
    return status;
}

static void print_entry(struct batch *batch, struct entry *entry)
{
    char hex[TROVE_OID_HEX_MAX + 1];
    struct trove__cat_facts facts = {
        .name = hex, .type = entry->type, .size = entry->size, .rest = entry->rest};

    trove__tool_output_begins(batch->tool);
    if (entry->answer == MISSING) {
        printf("%s missing\n", entry->line);
        return;
    }
    trove_oid_to_hex(trove_algo(batch->tool->cache), &entry->id, hex);
    trove__cat_format_print(batch->options->format, &facts, stdout);
    if (batch->options->contents) {
        fwrite(trove_object_data(entry->object), 1, trove_object_size(entry->object), stdout);
        putchar('\n');
    }
}

static void drop_head(struct batch *batch)
{
    struct entry *entry = entry_at(batch, batch->head);

    if (entry->object != NULL) {
        trove_unpin(entry->object);
        batch->held_bytes -= entry->size;
    }
    free(entry->line);
    free(entry->refusal);
    *entry = (struct entry){.line = NULL};
    batch->head++;
}

/* Prints from the head on, as far as answers are there. */
static int print_answered(struct batch *batch)
{
    while (batch->head < batch->tail) {
        struct entry *entry = entry_at(batch, batch->head);

        if (entry->answer == ASKED)
            break;
        if (entry->answer == REFUSED)
            return trove__fatal_error(entry->refusal->code, entry->refusal);
        if (entry->answer == FOUND && batch->options->contents && entry->object == NULL) {
            int status = ask_again(batch);
            if (status != 0)
                return status;
            continue; /* found, or missing by now */
        }
        print_entry(batch, entry);
        drop_head(batch);
        if (ferror(stdout))
            return TROVE__EXIT_FATAL;
    }
    return 0;
}

/* --- the loop ---------------------------------------------------------------------------------------------------- */

/* Waits for one answer. */
static int wait_for_answer(struct batch *batch)
{
    struct trove_result result;
    struct trove_error err = {0};
    int status;

    if (!batch->options->buffered && fflush(stdout) != 0)
        return TROVE__EXIT_FATAL;
    status = trove_stream_next(batch->stream, &batch->tool->until, &result, &err);
    if (status < 0)
        return trove__fatal_error(status, &err);
    if (status == 0)
        return trove__fatal("an answer was lost"); /* an entry waits, and nothing is under way */
    return take_answer(batch, &batch->entries[result.tag], &result, &err);
}

static int run(struct batch *batch)
{
    int status = 0;

    while (status == 0) {
        if (batch->head == batch->tail && !batch->options->buffered && fflush(stdout) != 0)
            return TROVE__EXIT_FATAL;
        status = read_names(batch);
        if (status == 0)
            status = ask(batch);
        if (status == 0)
            status = print_answered(batch);
        if (status != 0 || (batch->head == batch->tail && batch->input_ended))
            break;
        if (batch->head < batch->tail)
            status = wait_for_answer(batch);
    }
    return status;
}

static void deinit(struct batch *batch)
{
    trove_stream_close(batch->stream);
    while (batch->entries != NULL && batch->head < batch->tail)
        drop_head(batch);
    trove__line_input_deinit(&batch->input);
    free(batch->base);
    free(batch->entries);
    free(batch->wants);
    free(batch->tags);
}

int trove__cat_batch(struct trove__tool *tool, const struct trove__cat_batch_options *options)
{
    struct batch batch = {
        .tool = tool, .options = options, .budget_bytes = tool->cache_options.max_bytes / 4};
    struct trove_error err = {0};
    int status;

    trove__line_input_init(&batch.input, STDIN_FILENO, options->line_end);
    batch.entries = calloc(WINDOW, sizeof(*batch.entries));
    batch.wants = calloc(WINDOW, sizeof(*batch.wants));
    batch.tags = calloc(WINDOW, sizeof(*batch.tags));
    if (batch.entries == NULL || batch.wants == NULL || batch.tags == NULL) {
        status = trove__fatal("out of memory");
    } else {
        status = trove_stream_open(tool->cache, NULL, &batch.stream, &err);
        status = status < 0 ? trove__fatal_error(status, &err) : run(&batch);
    }
    deinit(&batch);
    return trove__tool_flush(tool, status);
}
