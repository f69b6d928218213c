// SPDX-License-Identifier: MIT
/*
 * trove/telemetry.h - what a cache does, told as it happens and summed: spans, latencies, metrics as text.
 *
 * Nobody pays for what nobody asked for. Without a subscriber a call looks at one word and goes on; has and get do not even
 * do that: they are told of only by a cache that was opened with trove_options.count_reads, which has other entry points for
 * them. Counters and latencies are kept per stripe of threads and summed by who reads them; nobody is stopped for it.
 * Beside this there are static trace points (`readelf -n`, perf, bpftrace, SystemTap), where the build found <sys/sdt.h>:
 * provider `trove`, listed in libtrove(3).
 */
#ifndef TROVE_TELEMETRY_H
#define TROVE_TELEMETRY_H

#include <trove/cache.h>

/* --- spans ------------------------------------------------------------------------------------------------------- */

/* What a span is about. Values are bits, for trove_subscriber.kinds. */
enum trove_span_kind {
    TROVE_SPAN_RESOLVE = 1,  /* one id of a resolve, whichever call asked for it */
    TROVE_SPAN_PUT = 2,      /* a trove_put(); what a source brings is no put */
    TROVE_SPAN_HAS = 4,      /* count_reads only */
    TROVE_SPAN_GET = 8,      /* count_reads only; get_many is one span, with its count */
    TROVE_SPAN_FETCH = 16,   /* a trove_fetch(), from its start to its end */
    TROVE_SPAN_REQUEST = 32, /* one call of the source */
    TROVE_SPAN_SOURCE = 64,  /* what the source does within: it names the spans */
    TROVE_SPAN_EVICT = 128, /* making room: objects and bytes that went; no parent: for the table */
    TROVE_SPAN_OVERFULL = 256 /* an object that found no room, or only past the bound (status 0) */
};
#define TROVE_SPAN_ALL 511u

/* Something that takes time. The subscriber sees it twice: when it starts, the fields above the line set, and when it stops.
 * A hit, and what is over in no time, is told of like everything else. */
struct trove_span {
    uint64_t id;     /* of this process, never 0 */
    uint64_t parent; /* the span that this one is part of; 0: none, or none that is told of */
    enum trove_span_kind kind;
    const char *name; /* "resolve", ...; of a source's span, what the source calls it. Static */
    int64_t start_ns; /* on the clock of trove_now_ns() */
    const struct trove_oid
        *oid;       /* what it is about; NULL where it is not one id, or not yet known */
    uint64_t count; /* ids asked for; at the stop of EVICT and FETCH, objects */
    uint64_t tag;   /* RESOLVE at its stop: the leader's (trove_options.leader_tag) */
    /* ------ */
    uint64_t duration_ns;
    int status;         /* 0, or the negative errno it ended with */
    enum trove_how how; /* of a RESOLVE, HAS or GET that found something; else 0 */
    uint64_t bytes;     /* of the object put or found; evicted; wanted; received */
    /* Of a RESOLVE: its time until a request with its id began (of those that wait for a flight or to be gathered with
     * others), while that request was under way, and beside: for an object that another request brings, and to be woken. */
    uint64_t queued_ns, wire_ns, waited_ns;
};

/*
 * Who listens. Each function may be NULL. They are called by the thread that does the thing (callers; fetch threads; a
 * source's own threads; who wakes), several at once, with no lock held and no read section open but the caller's own: what
 * is told from within trove_has(), trove_get(), or a trove_put() that its caller wraps in a section, is told inside it. There a
 * function must not block; elsewhere blocking delays that thread alone.
 * They may call trove, also this cache; what they do there is not told of (so they cannot call themselves), and a resolve on
 * a fetch thread waits as a source's would. They must not close the cache, or unsubscribe: -EDEADLK.
 * A span that started before its listener came, or stops after it went, is told of by half or not at all.
 */
struct trove_subscriber {
    unsigned kinds; /* of enum trove_span_kind; 0 for all */
    void (*start)(void *context, const struct trove_span *span);
    void (*stop)(void *context, const struct trove_span *span);
    void *context;
};

#define TROVE_SUBSCRIBERS_MAX 4

/* --- latencies --------------------------------------------------------------------------------------------------- */

/* What is timed. Hits, puts, evictions, has and get one time in 64, chosen at random; the others always. */
enum trove_latency_of {
    TROVE_LATENCY_HIT, /* resolve, by how it was answered; failures are not in them */
    TROVE_LATENCY_FETCHED,
    TROVE_LATENCY_JOINED,
    TROVE_LATENCY_PUT,
    TROVE_LATENCY_FETCH,   /* trove_fetch() */
    TROVE_LATENCY_REQUEST, /* a call of the source */
    TROVE_LATENCY_EVICT,   /* making room for one put */
    TROVE_LATENCY_HAS,     /* count_reads only */
    TROVE_LATENCY_GET,     /* count_reads only */
    TROVE_LATENCIES
};

#define TROVE_LATENCY_SAMPLED_ONE_IN 64 /* of HIT, PUT, EVICT, HAS, GET */

/* Bucket I holds times up to trove_latency_bound(I) nanoseconds, and above the bound before: exact up to 8 ns, then eight
 * buckets to each power of two, so none is wider than an eighth of what it holds. The last has all above 73 minutes. */
#define TROVE_LATENCY_BUCKETS 320

/* A sum over all threads, at some moment of the call for each bucket. */
struct trove_latency {
    uint64_t count;  /* of times taken: the sum of the buckets */
    uint64_t sum_ns; /* of them */
    uint64_t buckets[TROVE_LATENCY_BUCKETS];
};

/* --- metrics ------------------------------------------------------------------------------------------------------ */

/* A cache in the metrics; NAME is the value of its label `cache`, any UTF-8. */
struct trove_metrics_cache {
    struct trove *cache;
    const char *name;
};

/* Takes SIZE bytes of text. Not 0: the writing ends there, with that result. */
typedef int (*trove_write_fn)(void *context, const char *text, size_t size);

TROVE_BEGIN_DECLS

/* Adds a listener; SUBSCRIBER is copied. *RET_NUMBER is for trove_unsubscribe(). Lock-free.
 * Returns 0, -EINVAL (unknown kinds), -EMFILE (TROVE_SUBSCRIBERS_MAX are there). */
TROVE_API TROVE_NODISCARD int trove_subscribe(struct trove *cache,
                                              const struct trove_subscriber *subscriber,
                                              unsigned *ret_number);

/* Takes a listener away, and waits until none of its functions runs any more. Not inside a read section that such a function
 * waits for. Returns 0, -ENOENT (there is none of that number), -EDEADLK (called from a listener), -ETIMEDOUT or -ECANCELED:
 * it hears nothing new, but may still run; call again. */
TROVE_API int trove_unsubscribe(struct trove *cache, unsigned number,
                                const struct trove_until *until);

/* For sources: a span of their own, within the request that SINK is of. NAME is static text of letters, digits and `_`.
 * Fills *SPAN, which is the caller's, and passes to stop on any thread. When nobody listens it is nothing. */
TROVE_API void trove_sink_span_start(struct trove_sink *sink, struct trove_span *span,
                                     const char *name);
/* SPAN->bytes and SPAN->count may have been set meanwhile. */
TROVE_API void trove_sink_span_stop(struct trove_sink *sink, struct trove_span *span, int status);

/* Sums the times of all threads; stops nobody. */
TROVE_API void trove_latency(struct trove *cache, enum trove_latency_of of,
                             struct trove_latency *ret_latency);
/* The time that a share Q (0 to 1) of those in LATENCY did not exceed: never too low, at most an eighth too high. 0 when it
 * is empty. */
TROVE_API uint64_t trove_latency_quantile(const struct trove_latency *latency, double q);
/* What bucket INDEX goes up to. */
TROVE_API uint64_t trove_latency_bound(unsigned index);

/* Writes what CACHES count in Prometheus' text format (version 0.0.4), each with its label `cache`, piece by piece. All
 * caches of a process in one call: a metric's samples must follow each other. Returns 0, what WRITE answered, or -ENOMEM. */
TROVE_API int trove_metrics_write(const struct trove_metrics_cache *caches, size_t count,
                                  trove_write_fn write, void *context);

/* The same into BUFFER: at most SIZE bytes, cut off and ended by a NUL as snprintf() does. Returns what all of it needs,
 * without the NUL; 0 without memory. */
TROVE_API size_t trove_metrics_print(const struct trove_metrics_cache *caches, size_t count,
                                     char *buffer, size_t size);

TROVE_END_DECLS

#endif
