// SPDX-License-Identifier: MIT
/*
 * grep_peer.c - git grep and the library side by side.
 */
#include "grep_peer.h"
#include "grep/match.h"
#include "support.h"
#include "tools/grep_options.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64

char *grep_peer_repository(const struct grep_peer_file *files, size_t count)
{
    char *path = peer_repository_create();
    char *stream;
    size_t size;
    FILE *import = open_memstream(&stream, &size);
    struct output said;

    fprintf(import, "commit refs/heads/main\ncommitter t <t@example.org> 0 +0000\ndata 1\nx\n");
    for (size_t i = 0; i < count; i++) {
        fprintf(import, "M 100644 inline %s\ndata %zu\n", files[i].name, files[i].size);
        fwrite(files[i].data, 1, files[i].size, import);
        fputc('\n', import);
    }
    assert_int_equal(fclose(import), 0);
    said = run_command((const char *[]){"git", "-C", path, "fast-import", "--quiet", NULL}, stream,
                       size);
    assert_int_equal(said.status, 0);
    output_free(&said);
    free(stream);
    said = run_command(
        (const char *[]){"git", "-C", path, "symbolic-ref", "HEAD", "refs/heads/main", NULL}, NULL,
        0);
    assert_int_equal(said.status, 0);
    output_free(&said);
    return path;
}

struct output grep_peer_git(const char *repository, char *const *words, size_t count)
{
    const char *argv[WORDS_MAX] = {"git", "-C", repository, "grep", "--threads=1"};
    size_t argc = 5;

    assert_true(count < WORDS_MAX - 8);
    for (size_t i = 0; i < count; i++)
        argv[argc++] = words[i];
    argv[argc++] = "HEAD";
    return run_command(argv, NULL, 0);
}

static int keep(void *context, const void *bytes, size_t size)
{
    struct output *output = context;

    output->out = realloc(output->out, output->out_size + size + 1);
    memcpy(output->out + output->out_size, bytes, size);
    output->out_size += size;
    output->out[output->out_size] = '\0';
    return 0;
}

/* All files in order. The exit status. */
static int search_files(const struct trove__grep *grep, const struct grep_peer_file *files,
                        size_t file_count, struct output *output, struct trove_error *err)
{
    struct trove__grep_scratch *scratch;
    struct trove__text text = {0};
    bool earlier = false;
    int status = 1;
    size_t mark_size;
    const char *mark = trove__grep_mark(grep, &mark_size);

    assert_int_equal(trove__grep_scratch_create(grep, &scratch), 0);
    for (size_t i = 0; i < file_count; i++) {
        char name[64];
        int r;

        snprintf(name, sizeof(name), "HEAD:%s", files[i].name);
        trove__text_reset(&text);
        r = trove__grep_buffer(grep, scratch, name, TROVE__CONTENT_LOOK, files[i].data,
                               files[i].size, &text, err);
        trove__text_write(&text, earlier, mark, mark_size, keep, output);
        earlier = earlier || text.shown;
        status = r < 0 ? 128 : r > 0 ? 0 : status;
        if (r < 0 || (r > 0 && trove__grep_first_hit_ends(grep)))
            break;
    }
    trove__text_deinit(&text);
    trove__grep_scratch_destroy(scratch);
    return status;
}

struct output grep_peer_library(const struct grep_peer_file *files, size_t file_count,
                                char *const *words, size_t count,
                                void (*alter)(struct trove__grep *grep))
{
    char *argv[WORDS_MAX] = {(char *)"grep"};
    struct trove__grep_options options;
    struct output output = {.out = calloc(1, 1)};
    struct trove__grep *grep;
    struct trove_error err = {0};
    enum trove__options_end end;
    int argc = 1;

    assert_true(count < WORDS_MAX - 4);
    for (size_t i = 0; i < count; i++)
        argv[argc++] = words[i];
    argv[argc++] = (char *)"HEAD";
    trove__grep_options_init(&options);
    output.status = trove__grep_options_read(&options, argc, argv, NULL, NULL, &end, &err);
    if (output.status < 0 && options.settings.max_count == 0)
        output.status = 1;
    if (output.status < 0 && trove__grep_compile(&options.settings, &grep, &err) < 0)
        output.status = 128;
    if (output.status < 0) {
        assert_int_equal(options.rest_count, 1);
        if (alter != NULL)
            alter(grep);
        output.status = search_files(grep, files, file_count, &output, &err);
        trove__grep_destroy(grep);
    }
    trove__grep_options_deinit(&options);
    output.err = strdup(err.message);
    return output;
}

static void show_bytes(const char *what, const struct output *output, size_t around)
{
    size_t from = around > 120 ? around - 120 : 0;

    fprintf(stderr, "  %s, status %d: ", what, output->status);
    for (size_t i = from; i < output->out_size && i < around + 120; i++) {
        unsigned char c = (unsigned char)output->out[i];
        fprintf(stderr, c < 32 || c > 126 ? "\\x%02x" : "%c", c);
    }
    fprintf(stderr, "\n");
}

bool grep_peer_same(const struct output *git, const struct output *mine, char *const *words,
                    size_t count)
{
    size_t same = 0;

    if (git->status == mine->status && git->out_size == mine->out_size &&
        memcmp(git->out, mine->out, git->out_size) == 0)
        return true;
    while (same < git->out_size && same < mine->out_size && git->out[same] == mine->out[same])
        same++;
    fprintf(stderr, "differ at %zu of %zu and %zu:", same, git->out_size, mine->out_size);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, " $'");
        for (const char *c = words[i]; *c != '\0'; c++)
            fprintf(stderr, *c < 32 || *c == '\'' || *c == '\\' ? "\\x%02x" : "%c",
                    (unsigned char)*c);
        fprintf(stderr, "'");
    }
    fprintf(stderr, "\n");
    show_bytes("git", git, same);
    show_bytes("library", mine, same);
    return false;
}

void grep_peer_make_plain(struct trove__grep *grep)
{
    for (size_t i = 0; i < grep->pattern_count; i++) {
        trove__pattern_drop_superset(&grep->patterns[i]);
        grep->patterns[i].stable = false;
        grep->patterns[i].linewise = false;
    }
}
