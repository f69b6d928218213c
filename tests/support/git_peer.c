// SPDX-License-Identifier: MIT
/*
 * git_peer.c - real git beside a test.
 */
#include "git_peer.h"
#include "support.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *scratch_file(void)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    return file;
}

static char *read_all(FILE *file, size_t *ret_size)
{
    long size;
    char *bytes;

    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    bytes = malloc((size_t)size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
    bytes[size] = '\0';
    *ret_size = (size_t)size;
    fclose(file);
    return bytes;
}

struct output run_command(const char *const *argv, const char *input, size_t size)
{
    FILE *in = scratch_file(), *out = scratch_file(), *err = scratch_file();
    struct output output = {.status = 0};
    int wait_status;
    pid_t pid;

    assert_int_equal(fwrite(input != NULL ? input : "", 1, size, in), size);
    rewind(in);
    fflush(in);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        lseek(fileno(in), 0, SEEK_SET);
        dup2(fileno(in), 0);
        dup2(fileno(out), 1);
        dup2(fileno(err), 2);
        setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
        setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &wait_status, 0), pid);
    assert_true(WIFEXITED(wait_status));
    output.status = WEXITSTATUS(wait_status);
    assert_int_not_equal(output.status, 127);
    fclose(in);
    output.out = read_all(out, &output.out_size);
    output.err = read_all(err, &output.err_size);
    return output;
}

void output_free(struct output *output)
{
    free(output->out);
    free(output->err);
    *output = (struct output){.status = 0};
}

char *peer_repository_create(void)
{
    const char *base = getenv("TMPDIR");
    char *path = malloc(256);
    struct output made;

    assert_non_null(path);
    snprintf(path, 256, "%s/trove-test-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(path));
    made = run_command((const char *[]){"git", "init", "-q", "--bare", path, NULL}, NULL, 0);
    assert_int_equal(made.status, 0);
    output_free(&made);
    return path;
}

void peer_repository_remove(char *path)
{
    struct output done = run_command((const char *[]){"rm", "-rf", "--", path, NULL}, NULL, 0);

    output_free(&done);
    free(path);
}

struct trove_oid peer_id(const char *path, const char *revision)
{
    struct output said = run_command(
        (const char *[]){"git", "-C", path, "rev-parse", "--verify", revision, NULL}, NULL, 0);
    struct trove_oid id;

    assert_int_equal(said.status, 0);
    assert_int_equal(trove_oid_from_hex(TROVE_SHA1, said.out, said.out_size, &id), 0);
    output_free(&said);
    return id;
}

struct trove *peer_cache(const char *path)
{
    struct output all = run_command((const char *[]){"git", "-C", path, "cat-file", "--batch",
                                                     "--batch-all-objects", "--buffer", NULL},
                                    NULL, 0);
    struct trove_options options;
    struct trove *cache;
    const char *at = all.out;

    assert_int_equal(all.status, 0);
    trove_options_init(&options);
    options.hash = trove_hash_sha1();
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    while (at < all.out + all.out_size) {
        char name[16];
        unsigned long size;
        int used = 0;
        enum trove_type type;
        assert_int_equal(sscanf(at, "%*40s %15s %lu\n%n", name, &size, &used), 2);
        at = strchr(at, '\n') + 1;
        type = trove_type_from_name(name, strlen(name));
        assert_int_equal(trove_put(cache, type, at, size, NULL, NULL), 0);
        at += size + 1;
    }
    output_free(&all);
    return cache;
}
