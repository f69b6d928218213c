// SPDX-License-Identifier: MIT
/*
 * metrics.c - what caches count, as text in Prometheus' exposition format, version 0.0.4.
 *
 * One table of metrics; for each its name, what it is, and where it comes from. A metric's samples follow each other, one for
 * each cache, as the format wants it. Names end in what they are counted in; times are in seconds, sizes in bytes.
 *
 * TESTS  tests/unit/test_metrics.c reads every line of it with a parser of the format.
 */
#include "core/cache_struct.h"
#include "core/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Where the text goes. Once FN has failed nothing more is written. */
struct out {
    trove_write_fn fn;
    void *context;
    int status;
};

static void put_bytes(struct out *out, const char *text, size_t size)
{
    if (out->status == 0 && size > 0)
        out->status = out->fn(out->context, text, size);
}

static void put_text(struct out *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

TROVE_PRINTF(2, 3) static void put_line(struct out *out, const char *format, ...)
{
    char line[256];
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    put_bytes(out, line, size > 0 ? (size_t)size : 0);
}

/* A label's value: backslash, quote and line feed are escaped, everything else is as it is. */
static void put_label(struct out *out, const char *name)
{
    while (*name != '\0') {
        size_t plain = strcspn(name, "\\\"\n");

        put_bytes(out, name, plain);
        name += plain;
        if (*name == '\0')
            break;
        put_text(out, *name == '\n' ? "\\n" : *name == '"' ? "\\\"" : "\\\\");
        name++;
    }
}

/* "trove_hits_total{cache="name"" without its end, for more labels. */
static void put_name(struct out *out, const char *metric, const char *ending, const char *cache)
{
    put_line(out, "trove_%s%s{cache=\"", metric, ending);
    put_label(out, cache);
    put_text(out, "\"");
}

static void put_head(struct out *out, const char *metric, const char *type, const char *help)
{
    put_line(out, "# HELP trove_%s %s\n", metric, help);
    put_line(out, "# TYPE trove_%s %s\n", metric, type);
}

/* --- counters and gauges ------------------------------------------------------------------------------------------ */

struct metric {
    const char *name, *type, *help;
    size_t offset; /* in struct trove_stats */
};

#define GAUGE(field, name, help)                                                                   \
    {                                                                                              \
        name, "gauge", help, offsetof(struct trove_stats, field)                                   \
    }
#define COUNTER(field, name, help)                                                                 \
    {                                                                                              \
        name "_total", "counter", help, offsetof(struct trove_stats, field)                        \
    }

static const struct metric metrics[] = {
    GAUGE(object_count, "objects", "Objects that are cached."),
    GAUGE(object_bytes, "object_bytes", "What they take, as allocated."),
    GAUGE(used_bytes, "used_bytes", "Objects, table, queues, and what waits to be freed."),
    GAUGE(over_max_bytes, "over_max_bytes", "How far that is above max_bytes (policy GROW)."),
    GAUGE(deferred_bytes, "deferred_bytes", "Evicted and not free yet."),
    GAUGE(pinned_bytes, "pinned_bytes", "Not cached, and held by pins."),
    GAUGE(inflight_bytes, "inflight_bytes", "Under way from the source."),
    GAUGE(table_bytes, "table_bytes", "What the table takes."),
    GAUGE(table_slots, "table_slots", "Places in the table."),
    GAUGE(flights_now, "flights", "Ids that are being fetched."),
    COUNTER(hits, "hits", "Resolves of what was cached."),
    COUNTER(misses, "misses", "Resolves of what was not."),
    COUNTER(fetched, "fetched", "Resolves that led a flight to its object."),
    COUNTER(joined, "joined", "Resolves that waited for the flight of another."),
    COUNTER(absent, "absent", "Resolves of what the source does not have."),
    COUNTER(failed, "failed", "Resolves that failed in another way."),
    COUNTER(uncached, "uncached", "Answers that were not cached."),
    COUNTER(requests, "requests", "Requests to the source."),
    COUNTER(puts, "puts", "Objects that were added."),
    COUNTER(evictions, "evictions", "Objects that were evicted."),
    COUNTER(overfulls, "overfulls", "Puts that were refused for want of room."),
    COUNTER(overfulls_deferred, "overfulls_deferred",
            "Objects without room because what was evicted was not free yet."),
    COUNTER(has_calls, "has_calls", "Calls of has, where reads are counted."),
    COUNTER(has_found, "has_found", "Those that answered yes."),
    COUNTER(get_calls, "get_calls", "Ids asked for with get, where reads are counted."),
    COUNTER(get_found, "get_found", "Those that were cached."),
};

static void put_counts(struct out *out, const struct trove_metrics_cache *caches, size_t count,
                       const struct trove_stats *stats)
{
    for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
        put_head(out, metrics[m].name, metrics[m].type, metrics[m].help);
        for (size_t i = 0; i < count; i++) {
            uint64_t value;

            memcpy(&value, (const char *)&stats[i] + metrics[m].offset, sizeof(value));
            put_name(out, metrics[m].name, "", caches[i].name);
            put_line(out, "} %" PRIu64 "\n", value);
        }
    }
}

/* --- who holds reclamation up ------------------------------------------------------------------------------------- */

static void put_seconds(struct out *out, uint64_t ns)
{
    put_line(out, "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);
}

/* No sample of a cache whose reclaimer does not wait: whose would it be? */
static void put_holdups(struct out *out, const struct trove_metrics_cache *caches, size_t count,
                        const struct trove_stats *stats)
{
    static const char name[] = "reclaim_wait_seconds";

    put_head(
        out, name, "gauge",
        "How long the reclaimer has waited for the section of this thread; thread 0: unknown.");
    for (size_t i = 0; i < count; i++) {
        const struct trove_holdup *holdup = &stats[i].holdup;

        if (holdup->who == TROVE_HOLDUP_NONE)
            continue;
        put_name(out, name, "", caches[i].name);
        put_line(out, ",thread=\"%d\",name=\"", holdup->thread_id);
        put_label(out, holdup->thread_name);
        put_line(out, "\",outside=\"%d\"} ", holdup->who == TROVE_HOLDUP_OUTSIDE);
        put_seconds(out, holdup->age_ns);
        put_text(out, "\n");
    }
}

/* --- times -------------------------------------------------------------------------------------------------------- */

/* Of the buckets each power of two from here to there is told: 128 ns to 69 s. */
#define LE_FIRST 7
#define LE_LAST 36

struct times {
    const char *name, *labels, *help; /* HELP: of the first of a name */
    enum trove_latency_of of;
};

static const struct times times[] = {
    {"resolve_seconds", ",how=\"hit\"", "Times of resolves; of hits one in 64.", TROVE_LATENCY_HIT},
    {"resolve_seconds", ",how=\"fetched\"", NULL, TROVE_LATENCY_FETCHED},
    {"resolve_seconds", ",how=\"joined\"", NULL, TROVE_LATENCY_JOINED},
    {"put_seconds", "", "Times of puts, one in 64.", TROVE_LATENCY_PUT},
    {"fetch_seconds", "", "Times of fetches.", TROVE_LATENCY_FETCH},
    {"request_seconds", "", "Times of requests to the source.", TROVE_LATENCY_REQUEST},
    {"evict_seconds", "", "Times of making room for one put, one in 64.", TROVE_LATENCY_EVICT},
    {"has_seconds", "", "Times of has, one in 64, where reads are counted.", TROVE_LATENCY_HAS},
    {"get_seconds", "", "Times of get, one in 64, where reads are counted.", TROVE_LATENCY_GET},
};

/* Each bucket with all below it; the last with everything, and what is counted is that very sum. */
static void put_histogram(struct out *out, const struct times *t, const char *cache,
                          const struct trove_latency *latency)
{
    uint64_t seen = 0;
    unsigned bucket = 0;

    for (unsigned power = LE_FIRST; power <= LE_LAST; power++) {
        uint64_t bound = (uint64_t)1 << power;

        for (; trove_latency_bound(bucket) <= bound; bucket++)
            seen += latency->buckets[bucket];
        put_name(out, t->name, "_bucket", cache);
        put_line(out, "%s,le=\"", t->labels);
        put_seconds(out, bound);
        put_line(out, "\"} %" PRIu64 "\n", seen);
    }
    put_name(out, t->name, "_bucket", cache);
    put_line(out, "%s,le=\"+Inf\"} %" PRIu64 "\n", t->labels, latency->count);
    put_name(out, t->name, "_sum", cache);
    put_line(out, "%s} ", t->labels);
    put_seconds(out, latency->sum_ns);
    put_text(out, "\n");
    put_name(out, t->name, "_count", cache);
    put_line(out, "%s} %" PRIu64 "\n", t->labels, latency->count);
}

static void put_times(struct out *out, const struct trove_metrics_cache *caches, size_t count)
{
    struct trove_latency latency;

    for (size_t t = 0; t < sizeof(times) / sizeof(times[0]); t++) {
        if (times[t].help != NULL)
            put_head(out, times[t].name, "histogram", times[t].help);
        for (size_t i = 0; i < count && out->status == 0; i++) {
            trove_latency(caches[i].cache, times[t].of, &latency);
            put_histogram(out, &times[t], caches[i].name, &latency);
        }
    }
}

/* --- public ------------------------------------------------------------------------------------------------------- */

int trove_metrics_write(const struct trove_metrics_cache *caches, size_t count,
                        trove_write_fn write, void *context)
{
    struct out out = {.fn = write, .context = context};
    struct trove_stats *stats;

    if (count == 0)
        return 0;
    stats = trove__calloc(count, sizeof(*stats));
    if (stats == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        trove_stats(caches[i].cache, &stats[i]);
    put_counts(&out, caches, count, stats);
    put_holdups(&out, caches, count, stats);
    trove__free(stats);
    put_times(&out, caches, count);
    return out.status;
}

struct buffer {
    char *bytes;
    size_t size, used; /* USED may be more than there is room for */
};

static int append(void *context, const char *text, size_t size)
{
    struct buffer *buffer = context;

    if (buffer->used < buffer->size) {
        size_t room = buffer->size - buffer->used;

        memcpy(buffer->bytes + buffer->used, text, size < room ? size : room);
    }
    buffer->used += size;
    return 0;
}

size_t trove_metrics_print(const struct trove_metrics_cache *caches, size_t count, char *buffer,
                           size_t size)
{
    struct buffer into = {.bytes = buffer, .size = size};

    (void)trove_metrics_write(caches, count, append, &into);
    if (size > 0)
        buffer[into.used < size ? into.used : size - 1] = '\0';
    return into.used;
}
