// SPDX-License-Identifier: MIT
/*
 * span_log.c - see span_log.h.
 */
#include "span_log.h"
#include "core/rcu.h"
#include "support.h"
#include <string.h>

static void note(struct span_log *log, const struct trove_span *span, bool is_stop)
{
    pthread_mutex_lock(&log->lock);
    if (log->count < SPAN_LOG_MAX) {
        struct span_entry *entry = &log->entries[log->count++];

        *entry = (struct span_entry){
            .is_stop = is_stop, .in_section = trove__section_ongoing(), .span = *span};
        if (span->oid != NULL) {
            entry->oid = *span->oid;
            entry->span.oid = &entry->oid;
        }
    }
    pthread_mutex_unlock(&log->lock);
}

static void on_start(void *context, const struct trove_span *span)
{
    note(context, span, false);
}

static void on_stop(void *context, const struct trove_span *span)
{
    note(context, span, true);
}

void span_log_start(struct span_log *log, struct trove *cache, unsigned kinds)
{
    const struct trove_subscriber subscriber = {
        .kinds = kinds, .start = on_start, .stop = on_stop, .context = log};

    memset(log, 0, sizeof(*log));
    pthread_mutex_init(&log->lock, NULL);
    assert_int_equal(trove_subscribe(cache, &subscriber, &log->number), 0);
}

void span_log_stop(struct span_log *log, struct trove *cache)
{
    assert_int_equal(trove_unsubscribe(cache, log->number, NULL), 0);
}

static bool is_of(const struct span_entry *entry, unsigned kind, bool stops)
{
    return ((unsigned)entry->span.kind & kind) != 0 && entry->is_stop == stops;
}

unsigned span_log_count(struct span_log *log, unsigned kind, bool stops)
{
    unsigned count = 0;

    pthread_mutex_lock(&log->lock);
    for (unsigned i = 0; i < log->count; i++)
        count += is_of(&log->entries[i], kind, stops);
    pthread_mutex_unlock(&log->lock);
    return count;
}

const struct trove_span *span_log_nth(struct span_log *log, unsigned kind, bool stops, unsigned n)
{
    const struct trove_span *found = NULL;

    pthread_mutex_lock(&log->lock);
    for (unsigned i = 0; i < log->count && found == NULL; i++)
        if (is_of(&log->entries[i], kind, stops) && n-- == 0)
            found = &log->entries[i].span;
    pthread_mutex_unlock(&log->lock);
    return found;
}

const struct span_entry *span_log_of(struct span_log *log, uint64_t id, bool is_stop)
{
    const struct span_entry *found = NULL;

    pthread_mutex_lock(&log->lock);
    for (unsigned i = 0; i < log->count && found == NULL; i++)
        if (log->entries[i].span.id == id && log->entries[i].is_stop == is_stop)
            found = &log->entries[i];
    pthread_mutex_unlock(&log->lock);
    return found;
}

void span_log_check(struct span_log *log)
{
    assert_true(log->count < SPAN_LOG_MAX);
    for (unsigned i = 0; i < log->count; i++) {
        const struct span_entry *entry = &log->entries[i];
        const struct span_entry *other = span_log_of(log, entry->span.id, !entry->is_stop);

        assert_int_not_equal(entry->span.id, 0);
        assert_ptr_equal(span_log_of(log, entry->span.id, entry->is_stop), entry);
        assert_non_null(other);
        assert_true(entry->is_stop ? other < entry : other > entry);
        assert_int_equal(entry->span.kind, other->span.kind);
        assert_int_equal(entry->span.parent, other->span.parent);
        assert_int_equal(entry->span.start_ns, other->span.start_ns);
        assert_string_equal(entry->span.name, other->span.name);
    }
}
