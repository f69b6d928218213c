// SPDX-License-Identifier: MIT
/*
 * test_first_line.c - a server stops after half of its pack: the `trove` program has printed its first line before one
 * more byte is sent.
 *
 * Method: real servers run a hook in the place of `git pack-objects`. It sends the first half, and the second only when
 * the test, which has read a line from trove by then, writes to a named pipe. Were trove to wait for more, it would end
 * at its --timeout without a line.
 */
#include "peer.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *program;

/* Packs below 64 KB, of trees alone for example, go through whole. */
static const char hook[] =
    "#!/bin/sh\n"
    "cd '%s' && t=$(mktemp pack.XXXXXX) && exec 3>&1 && "
    "(cd \"$OLDPWD\" && \"$@\") >$t || exit 1\n"
    "half=$(($(wc -c <$t) / 2))\n"
    "if [ $half -gt 32768 ]; then\n"
    "  echo $half >>halved; head -c $half $t; read word <go; echo $word >>resumed\n"
    "  tail -c +$((half + 1)) $t\n"
    "else cat $t; fi\n";

static void write_hook(void)
{
    char path[600];
    FILE *file;

    snprintf(path, sizeof(path), "%s/hook", peer_dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, hook, peer_dir);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
    peer_shell("mkfifo '%s/go'; printf '[uploadpack]\n\tpackObjectsHook = %s/hook\n' >'%s/config'",
               peer_dir, peer_dir, peer_dir);
    snprintf(path, sizeof(path), "%s/config", peer_dir);
    setenv("GIT_CONFIG_GLOBAL", path, 1);
}

static int set_up(void **state)
{
    peer_set_up(state);
    /* What does not compress, so that half of the bytes is about half of the files. */
    peer_shell(
        "cd '%s'; git init -q work; cd work; git config user.name a; git config user.email a@b;"
        "for f in $(seq 100 400); do echo needle $f >f$f; head -c 600 /dev/urandom | od -An -tx1 >>f$f; done;"
        "git add -A; git commit -q -m one; cd ..; git clone -q --bare work r.git;"
        "git -C r.git config uploadpack.allowFilter true;"
        "git -C r.git config uploadpack.allowAnySHA1InWant true;"
        "git -C r.git grep -n needle HEAD >wanted",
        peer_dir);
    write_hook();
    program = peer_program();
    return 0;
}

static FILE *start_grep(const char *url, pid_t *ret_pid)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    *ret_pid = fork();
    assert_true(*ret_pid >= 0);
    if (*ret_pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl(program, "trove", "--timeout", "100", "-C", url, "grep", "-n", "needle", "HEAD",
              NULL);
        _exit(127);
    }
    close(ends[1]);
    return fdopen(ends[0], "r");
}

static void let_go(void)
{
    char path[600];
    int go;

    snprintf(path, sizeof(path), "%s/go", peer_dir);
    go = open(path, O_WRONLY);
    assert_true(go >= 0);
    assert_int_equal(write(go, "on\n", 3), 3);
    close(go);
}

static void check(const char *url)
{
    char path[600], line[256], wanted[256];
    FILE *output, *expected;
    unsigned lines = 0;
    int status;
    pid_t pid;

    peer_shell("rm -f '%s/halved' '%s/resumed'", peer_dir, peer_dir);
    snprintf(path, sizeof(path), "%s/wanted", peer_dir);
    expected = fopen(path, "r");
    assert_non_null(expected);
    output = start_grep(url, &pid);
    while (fgets(line, sizeof(line), output) != NULL) {
        assert_non_null(fgets(wanted, sizeof(wanted), expected));
        assert_string_equal(line, wanted);
        if (lines++ > 0)
            continue;
        /* The second half has not gone on its way: the line came from the first. */
        peer_shell("test -s '%s/halved' && ! test -e '%s/resumed'", peer_dir, peer_dir);
        let_go();
    }
    assert_null(fgets(wanted, sizeof(wanted), expected));
    assert_int_equal(lines, 301);
    fclose(expected);
    fclose(output);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void first_line__local(void **state)
{
    char url[600];

    (void)state;
    snprintf(url, sizeof(url), "%s/r.git", peer_dir);
    check(url);
}

static void check_server(const char *kind)
{
    char options[600], url[600];
    struct peer peer;

    snprintf(options, sizeof(options), "%s --hook %s/hook", kind, peer_dir);
    peer_start(&peer, options, peer_dir);
    snprintf(url, sizeof(url), "%sr.git", peer.url);
    check(url);
    peer_stop(&peer);
}

static void first_line__git(void **state)
{
    (void)state;
    check_server("git");
}

static void first_line__http(void **state)
{
    (void)state;
    check_server("http");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_line__local),
        cmocka_unit_test(first_line__git),
        cmocka_unit_test(first_line__http),
    };

    return cmocka_run_group_tests(tests, set_up, peer_tear_down);
}
