// SPDX-License-Identifier: MIT
/*
 * test_metrics.c - the metrics, read by a strict parser of Prometheus' text format 0.0.4.
 */
#include "fake_source.h"
#include "support.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <trove/telemetry.h>

/* --- the parser --------------------------------------------------------------------------------------------------- */

#define NAMES_MAX 64
#define LABELS_MAX 8
#define SAMPLES_MAX 2000
#define TEXT_MAX 200

struct sample {
    char name[TEXT_MAX];
    unsigned labels;
    char keys[LABELS_MAX][TEXT_MAX], values[LABELS_MAX][TEXT_MAX];
    double value;
};

static struct {
    struct sample samples[SAMPLES_MAX];
    unsigned count, families;
    char helped[NAMES_MAX][TEXT_MAX], typed[NAMES_MAX][TEXT_MAX], types[NAMES_MAX][TEXT_MAX];
} parsed;

/* [a-zA-Z_:][a-zA-Z0-9_:]*, labels without the colon. */
static const char *parse_name(const char *at, char *name, bool is_label)
{
    size_t size = 0;

    assert_true(isalpha((unsigned char)*at) || *at == '_' || (!is_label && *at == ':'));
    while (isalnum((unsigned char)*at) || *at == '_' || (!is_label && *at == ':')) {
        assert_true(size < TEXT_MAX - 1);
        name[size++] = *at++;
    }
    name[size] = '\0';
    return at;
}

static const char *parse_quoted(const char *at, char *value)
{
    size_t size = 0;

    assert_int_equal(*at++, '"');
    for (; *at != '"'; at++) {
        char c = *at;

        assert_true(c != '\0' && c != '\n');
        if (c == '\\') {
            c = *++at;
            assert_true(c == '\\' || c == '"' || c == 'n');
            c = c == 'n' ? '\n' : c;
        }
        assert_true(size < TEXT_MAX - 1);
        value[size++] = c;
    }
    value[size] = '\0';
    return at + 1;
}

static const char *parse_labels(const char *at, struct sample *sample)
{
    while (*at != '}') {
        assert_true(sample->labels < LABELS_MAX);
        at = parse_name(at, sample->keys[sample->labels], true);
        assert_int_equal(*at, '=');
        at = parse_quoted(at + 1, sample->values[sample->labels]);
        for (unsigned i = 0; i < sample->labels; i++)
            assert_string_not_equal(sample->keys[i], sample->keys[sample->labels]);
        sample->labels++;
        assert_true(*at == ',' || *at == '}');
        if (*at == ',')
            at++;
    }
    return at + 1;
}

static bool is_of_family(const char *name, const char *family, const char *type)
{
    size_t size = strlen(family);
    const char *ending = name + size;

    if (strncmp(name, family, size) != 0)
        return false;
    if (strcmp(type, "histogram") != 0)
        return *ending == '\0';
    return strcmp(ending, "_bucket") == 0 || strcmp(ending, "_sum") == 0 ||
           strcmp(ending, "_count") == 0;
}

/* A sample belongs to the metric that the last TYPE began: so all of one metric follow each other. */
static const char *parse_sample(const char *at)
{
    struct sample *sample = &parsed.samples[parsed.count++];
    char *end;

    assert_true(parsed.count < SAMPLES_MAX);
    memset(sample, 0, sizeof(*sample));
    at = parse_name(at, sample->name, false);
    if (*at == '{')
        at = parse_labels(at + 1, sample);
    assert_int_equal(*at++, ' ');
    sample->value = strtod(at, &end);
    assert_true(end > at && *end == '\n');
    assert_true(parsed.families > 0);
    assert_true(is_of_family(sample->name, parsed.typed[parsed.families - 1],
                             parsed.types[parsed.families - 1]));
    for (unsigned i = 0; i + 1 < parsed.count; i++) { /* no sample twice */
        const struct sample *other = &parsed.samples[i];

        assert_false(strcmp(other->name, sample->name) == 0 && other->labels == sample->labels &&
                     memcmp(other->values, sample->values, sizeof(other->values)) == 0);
    }
    return end + 1;
}

static const char *parse_comment(const char *at)
{
    bool is_help = strncmp(at, "# HELP ", 7) == 0;
    unsigned n = parsed.families;
    size_t size;

    assert_true(is_help || strncmp(at, "# TYPE ", 7) == 0);
    assert_true(n < NAMES_MAX);
    at = parse_name(at + 7, is_help ? parsed.helped[n] : parsed.typed[n], false);
    assert_int_equal(*at++, ' ');
    size = strcspn(at, "\n");
    assert_int_equal(at[size], '\n');
    assert_true(size > 0 && size < TEXT_MAX);
    if (!is_help) {
        memcpy(parsed.types[n], at, size);
        assert_true(strcmp(parsed.types[n], "counter") == 0 ||
                    strcmp(parsed.types[n], "gauge") == 0 ||
                    strcmp(parsed.types[n], "histogram") == 0);
        assert_string_equal(parsed.helped[n], parsed.typed[n]);
        for (unsigned i = 0; i < n; i++)
            assert_string_not_equal(parsed.typed[i], parsed.typed[n]);
        parsed.families++;
    }
    return at + size + 1;
}

static void parse(const char *text)
{
    memset(&parsed, 0, sizeof(parsed));
    while (*text != '\0')
        text = *text == '#' ? parse_comment(text) : parse_sample(text);
}

static const char *label(const struct sample *sample, const char *key)
{
    for (unsigned i = 0; i < sample->labels; i++)
        if (strcmp(sample->keys[i], key) == 0)
            return sample->values[i];
    return NULL;
}

/* The sample NAME of CACHE, whose label KEY (may be NULL) is VALUE; NAN-free: -1 when there is none. */
static double value_of(const char *name, const char *cache, const char *key, const char *value)
{
    for (unsigned i = 0; i < parsed.count; i++) {
        const struct sample *sample = &parsed.samples[i];

        if (strcmp(sample->name, name) == 0 && strcmp(label(sample, "cache"), cache) == 0 &&
            (key == NULL || strcmp(label(sample, key), value) == 0))
            return sample->value;
    }
    return -1;
}

/* Buckets of a histogram follow each other, each with all of those below it, up to +Inf, and that is the count. */
static void check_histograms(void)
{
    double below = 0, bound = 0;

    for (unsigned i = 0; i < parsed.count; i++) {
        const struct sample *sample = &parsed.samples[i];
        const char *le = label(sample, "le");
        size_t size = strlen(sample->name);

        if (le != NULL) {
            assert_true(sample->value >= below);
            assert_true(strtod(le, NULL) > bound);
            below = sample->value;
            bound = strtod(le, NULL);
            continue;
        }
        if (bound != 0) { /* the _sum, then the _count */
            assert_string_equal(label(&parsed.samples[i - 1], "le"), "+Inf");
            assert_string_equal(sample->name + size - 4, "_sum");
            assert_true(parsed.samples[i + 1].value == below);
            below = bound = 0;
        }
    }
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static char *print(const struct trove_metrics_cache *caches, size_t count)
{
    size_t size = trove_metrics_print(caches, count, NULL, 0) + 1000;
    char *text = malloc(size);

    assert_non_null(text);
    assert_in_range(trove_metrics_print(caches, count, text, size), 1, size - 1);
    return text;
}

static struct trove *open_cache(struct fake_source *source)
{
    struct trove_options options;

    fake_options(&options);
    options.count_reads = true;
    fake_source_init(source, NULL);
    return fake_open(source, &options);
}

static void resolve(struct trove *cache, unsigned n)
{
    struct trove_oid id = fake_id(n);
    struct trove_result result;

    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
    assert_int_equal(check_result(&result, n), 0);
}

/* Goal: what is written is in the format, whatever the caches are called, and says what the statistics say. */
static void metrics__are_in_the_format(void **state)
{
    static const char evil[] = "a \"quoted\" \\ back\\n slash\nand a line \xc3\xa9 {,=}";
    struct fake_source sources[2];
    struct trove_metrics_cache caches[2] = {{open_cache(&sources[0]), "first"},
                                            {open_cache(&sources[1]), evil}};
    struct trove_oid id = fake_id(0);
    char *text;

    (void)state;
    for (unsigned n = 0; n < 500; n++) {
        resolve(caches[1].cache, n);
        resolve(caches[1].cache, n);
        assert_true(trove_has(caches[1].cache, &id));
    }
    text = print(caches, 2);
    parse(text);
    free(text);
    check_histograms();
    assert_true(parsed.families > 30);
    assert_true(value_of("trove_objects", evil, NULL, NULL) == 500);
    assert_true(value_of("trove_objects", "first", NULL, NULL) == 0);
    assert_true(value_of("trove_hits_total", evil, NULL, NULL) == 500);
    assert_true(value_of("trove_fetched_total", evil, NULL, NULL) == 500);
    assert_true(value_of("trove_has_calls_total", evil, NULL, NULL) == 500);
    assert_true(value_of("trove_resolve_seconds_count", evil, "how", "fetched") == 500);
    assert_true(value_of("trove_resolve_seconds_count", evil, "how", "joined") == 0);
    assert_true(value_of("trove_resolve_seconds_sum", evil, "how", "fetched") > 0);
    assert_true(value_of("trove_reclaim_wait_seconds", evil, NULL, NULL) == -1);
    assert_int_equal(trove_close(caches[0].cache, NULL), 0);
    assert_int_equal(trove_close(caches[1].cache, NULL), 0);
}

/* Goal: who holds reclamation up is told of with its name, while it does. */
static void metrics__tell_who_holds_up(void **state)
{
    static unsigned char bytes[1000];
    struct trove_options options;
    struct trove_metrics_cache cache = {.name = "c"};
    struct trove_stats stats;
    char *text;

    (void)state;
    fake_options(&options);
    options.max_bytes = 1 << 20;
    assert_int_equal(trove_open(&options, &cache.cache, NULL), 0);
    trove_read_lock(); /* puts are allowed within a section */
    do {
        bytes[0]++;
        bytes[1] += bytes[0] == 0;
        (void)trove_put(cache.cache, TROVE_BLOB, bytes, sizeof(bytes), NULL, NULL);
        trove_stats(cache.cache, &stats);
    } while (stats.holdup.who != TROVE_HOLDUP_READER);
    text = print(&cache, 1);
    trove_read_unlock();
    parse(text);
    assert_true(value_of("trove_reclaim_wait_seconds", "c", "outside", "0") >= 0);
    assert_true(value_of("trove_reclaim_wait_seconds", "c", "name", stats.holdup.thread_name) >= 0);
    free(text);
    assert_int_equal(trove_close(cache.cache, NULL), 0);
}

static int refuse_third(void *context, const char *text, size_t size)
{
    (void)text;
    (void)size;
    return ++*(unsigned *)context == 3 ? -EPIPE : 0;
}

/* Goal: a buffer that is too small is cut off and ended, nothing behind it is touched; a writer that fails ends it. */
static void metrics__stop_where_they_must(void **state)
{
    struct fake_source source;
    struct trove_metrics_cache cache = {open_cache(&source), "c"};
    char *all = print(&cache, 1), part[100];
    unsigned calls = 0;

    (void)state;
    for (size_t size = 0; size < sizeof(part); size++) {
        memset(part, '#', sizeof(part));
        assert_int_equal(trove_metrics_print(&cache, 1, part, size), strlen(all));
        for (size_t i = size; i < sizeof(part); i++)
            assert_int_equal(part[i], '#');
        if (size > 0) {
            assert_int_equal(strlen(part), size - 1);
            assert_memory_equal(part, all, size - 1);
        }
    }
    assert_int_equal(trove_metrics_write(&cache, 1, refuse_third, &calls), -EPIPE);
    assert_int_equal(calls, 3);
    assert_int_equal(trove_metrics_write(NULL, 0, refuse_third, &calls), 0);
    free(all);
    assert_int_equal(trove_close(cache.cache, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics__are_in_the_format),
        cmocka_unit_test(metrics__tell_who_holds_up),
        cmocka_unit_test(metrics__stop_where_they_must),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
