// SPDX-License-Identifier: MIT
/*
 * grep_patterns.c - the patterns of git grep's command line: each -e, and each line of each -f.
 */
#include "common.h"
#include "core/memory.h"
#include "grep_options.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int trove__grep_options_add_pattern(struct trove__grep_options *options, const char *bytes,
                                    size_t size, const char *origin, int line,
                                    struct trove_error *err)
{
    size_t count = options->settings.pattern_count;
    struct trove__grep_pattern *patterns = options->patterns;
    char *copy;
    char *origin_copy;

    if (count == options->pattern_capacity) {
        size_t capacity = count != 0 ? count * 2 : 8;
        patterns = trove__realloc(patterns, capacity * sizeof(*patterns));
        if (patterns == NULL)
            return trove_error_set(err, TROVE__EXIT_FATAL, "out of memory");
        options->patterns = patterns;
        options->pattern_capacity = capacity;
    }
    copy = trove__malloc(size + 1);
    origin_copy = trove__strdup(origin);
    if (copy == NULL || origin_copy == NULL) {
        trove__free(copy);
        trove__free(origin_copy);
        return trove_error_set(err, TROVE__EXIT_FATAL, "out of memory");
    }
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    patterns[count] = (struct trove__grep_pattern){
        .bytes = copy, .size = size, .origin = origin_copy, .line = line};
    options->settings.patterns = patterns;
    options->settings.pattern_count = count + 1;
    return 0;
}

/* Each line that is not empty, without its newline and a carriage return before that. */
static int add_lines(struct trove__grep_options *options, FILE *file, const char *origin,
                     struct trove_error *err)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    int status = 0;

    for (int number = 1; status == 0 && (size = getline(&line, &capacity, file)) >= 0;) {
        if (size > 0 && line[size - 1] == '\n') {
            size--;
            if (size > 0 && line[size - 1] == '\r')
                size--;
        }
        if (size > 0)
            status =
                trove__grep_options_add_pattern(options, line, (size_t)size, origin, number++, err);
    }
    free(line);
    return status;
}

int trove__grep_options_add_file(struct trove__grep_options *options, const char *name,
                                 struct trove_error *err)
{
    bool relative = options->directory != NULL && name[0] != '/' && name[0] != '\0';
    char *path = NULL;
    FILE *file;
    int status;

    if (strcmp(name, "-") == 0)
        return add_lines(options, stdin, name, err);
    if (relative && asprintf(&path, "%s/%s", options->directory, name) < 0)
        return trove_error_set(err, TROVE__EXIT_FATAL, "out of memory");
    file = fopen(relative ? path : name, "re");
    free(path);
    if (file == NULL)
        return trove_error_set(err, TROVE__EXIT_FATAL, "cannot open '%s': %s", name,
                               strerror(errno));
    status = add_lines(options, file, name, err);
    fclose(file);
    return status;
}
