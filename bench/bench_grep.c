// SPDX-License-Identifier: MIT
/*
 * Question: what does searching cost once the bytes are in memory, beside git grep of the same files?
 * Fixed: the files of a folder (a git work tree), read before; one thread; output made, not written.
 * Varied: engine and pattern. Unit: CPU milliseconds (user) for one pass, median of the runs, runs of both interleaved.
 * git's figure is `git grep --threads=1` on the work tree with its output thrown away: it holds git's reading of files
 * too, so look at what is left above the row "nothing", whose pattern occurs nowhere and is found by the plainest search.
 *
 *     bench_grep FOLDER [RUNS]
 */
#include "grep/grep.h"
#include <fcntl.h>
#include <ftw.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct file {
    char *name;
    char *data;
    size_t size;
};

static struct file *files;
static size_t file_count;
static size_t byte_count;

static const struct query {
    const char *title;
    const char *flags; /* as git has them */
    const char *pattern;
} queries[] = {
    {"nothing", "-F", "no such string here"},
    {"rare word", "-F", "pthread_mutex_timedlock"},
    {"common word", "-F", "malloc"},
    {"every second line", "-F", "e"},
    {"word, -w", "-Fw", "int"},
    {"word, -i", "-Fi", "malloc"},
    {"-E alternatives", "-E", "malloc|calloc|realloc"},
    {"-E class", "-E", "[a-z]+_lock \\("},
    {"-E gap", "-E", "if \\(.*== *NULL\\)"},
    {"-E -i", "-Ei", "mutex.*lock"},
    {"-E -o", "-Eo", "__[a-z]+_chk"},
    {"-G back reference", "-G", "\\([a-z]\\)\\1\\1"},
    {"-P look-behind", "-P", "(?<=return )-1"},
    {"-P class", "-P", "[a-z]+_lock \\("},
    {"-v", "-vE", "[a-z;{}]"},
};

static int read_file(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    struct file *file;
    int fd;

    if (ftw->level == 1 && kind == FTW_D && strcmp(path + ftw->base, ".git") == 0)
        return FTW_SKIP_SUBTREE;
    if (kind != FTW_F)
        return FTW_CONTINUE;
    files = realloc(files, (file_count + 1) * sizeof(*files));
    file = &files[file_count++];
    file->name = strdup(path);
    file->size = (size_t)status->st_size;
    file->data = malloc(file->size + 1);
    fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, file->data, file->size) != (ssize_t)file->size)
        exit(1);
    close(fd);
    byte_count += file->size;
    return FTW_CONTINUE;
}

static double cpu_ms(int who)
{
    struct rusage usage;

    getrusage(who, &usage);
    return (double)usage.ru_utime.tv_sec * 1e3 + (double)usage.ru_utime.tv_usec / 1e3;
}

static struct trove__grep *compile(const struct query *query)
{
    struct trove__grep_pattern pattern = {query->pattern, strlen(query->pattern), "bench", 0};
    struct trove__grep_settings settings = {
        .patterns = &pattern,
        .pattern_count = 1,
        .max_count = -1,
        .show_name = true,
        .line_number = true,
        .ignore_case = strchr(query->flags, 'i') != NULL,
        .word = strchr(query->flags, 'w') != NULL,
        .only_matching = strchr(query->flags, 'o') != NULL,
        .invert = strchr(query->flags, 'v') != NULL,
        .type = strchr(query->flags, 'E') != NULL   ? TROVE__GREP_EXTENDED
                : strchr(query->flags, 'F') != NULL ? TROVE__GREP_FIXED
                : strchr(query->flags, 'P') != NULL ? TROVE__GREP_PERL
                                                    : TROVE__GREP_BASIC,
    };
    struct trove__grep *grep;
    struct trove_error err;

    if (trove__grep_compile(&settings, &grep, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    return grep;
}

/* One pass over everything; *RET_BYTES is the size of the output, so that the work is the same as git's. */
static double search_all(const struct trove__grep *grep, size_t *ret_bytes)
{
    struct trove__grep_scratch *scratch;
    struct trove__text text = {0};
    struct trove_error err;
    double start = cpu_ms(RUSAGE_SELF);

    *ret_bytes = 0;
    if (trove__grep_scratch_create(grep, &scratch) < 0)
        exit(1);
    for (size_t i = 0; i < file_count; i++) {
        trove__text_reset(&text);
        if (trove__grep_buffer(grep, scratch, files[i].name, TROVE__CONTENT_LOOK, files[i].data,
                               files[i].size, &text, &err) < 0)
            exit(1);
        *ret_bytes += text.size;
    }
    trove__text_deinit(&text);
    trove__grep_scratch_destroy(scratch);
    return cpu_ms(RUSAGE_SELF) - start;
}

static double git_all(const char *folder, const struct query *query)
{
    double start = cpu_ms(RUSAGE_CHILDREN);
    pid_t child = fork();

    if (child == 0) {
        int nothing = open("/dev/null", O_WRONLY);
        dup2(nothing, STDOUT_FILENO);
        execlp("git", "git", "-C", folder, "grep", "--threads=1", "-n", query->flags, "-e",
               query->pattern, (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
    return cpu_ms(RUSAGE_CHILDREN) - start;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static void measure(const char *folder, const struct query *query, int runs)
{
    struct trove__grep *grep = compile(query);
    double mine[64];
    double git[64];
    size_t bytes = 0;

    search_all(grep, &bytes); /* warm */
    for (int i = 0; i < runs; i++) {
        mine[i] = search_all(grep, &bytes);
        git[i] = git_all(folder, query);
    }
    qsort(mine, (size_t)runs, sizeof(*mine), compare);
    qsort(git, (size_t)runs, sizeof(*git), compare);
    printf("%-18s %-4s %-26s %9.1f %9.1f %11zu\n", query->title, query->flags, query->pattern,
           mine[runs / 2], git[runs / 2], bytes);
    trove__grep_destroy(grep);
}

int main(int argc, char **argv)
{
    int runs = argc > 2 ? atoi(argv[2]) : 3;

    if (argc < 2 || runs < 1 || runs > 64) {
        fprintf(stderr, "usage: bench_grep FOLDER [RUNS]\n");
        return 2;
    }
    setlocale(LC_CTYPE, "");
    nftw(argv[1], read_file, 32, FTW_PHYS | FTW_ACTIONRETVAL);
    printf("%zu files, %zu bytes, LC_CTYPE %s, %d runs\n", file_count, byte_count,
           setlocale(LC_CTYPE, NULL), runs);
    printf("%-18s %-4s %-26s %9s %9s %11s\n", "", "", "", "trove ms", "git ms", "output");
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
        measure(argv[1], &queries[i], runs);
    return 0;
}
