// SPDX-License-Identifier: MIT
/*
 * Goal: children get what they need and nothing of ours, speak to ssh as git does, and none outlives its session.
 * Method: programs of the test's own in the place of ssh, which write down what they see; a real sshd that does not let
 * GIT_PROTOCOL through.
 */
#include "fetch/child.h"
#include "fetch/session.h"
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct trove__session_options options = {.low_speed_bytes = 1000,
                                                      .low_speed_seconds = 30};

static int open_fails(const char *url, struct trove_error *err)
{
    struct trove__session *session = NULL;
    int result = trove__session_open(url, &options, NULL, &session, err);

    assert_null(session);
    return result;
}

/* A program NAME in peer_dir. */
static void write_program(const char *name, const char *body)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", peer_dir, name);
    file = fopen(path, "we");
    fprintf(file, "#!/bin/sh\nD='%s'\n%s\n", peer_dir, body);
    fclose(file);
    assert_int_equal(chmod(path, 0755), 0);
}

static void use_program(const char *variable, const char *format)
{
    char value[512];

    snprintf(value, sizeof(value), format, peer_dir);
    setenv(variable, value, 1);
}

static void assert_said(const char *file, const char *expected)
{
    char *said = peer_output("cat '%s/%s'", peer_dir, file);

    assert_string_equal(said, expected);
    free(said);
}

/* --- what ssh is told -------------------------------------------------------------------------------------------- */

#define TELL "for a; do echo \"<$a>\"; done >$D/args; echo \"$GIT_PROTOCOL\" >>$D/args; exit 3"

static void child__ssh_arguments(void **state)
{
    struct trove_error err;

    (void)state;
    write_program("ssh", TELL);
    use_program("GIT_SSH", "%s/ssh");
    assert_int_equal(open_fails("ssh://me@host:77/a%20b'c", &err), -EIO);
    assert_non_null(strstr(err.message, "status 3"));
    assert_said("args", "<-o>\n<SendEnv=GIT_PROTOCOL>\n<-p>\n<77>\n<me@host>\n"
                        "<git-upload-pack '/a b'\\''c'>\nversion=2");
    assert_int_equal(open_fails("host:~x/y", &err), -EIO);
    assert_said("args",
                "<-o>\n<SendEnv=GIT_PROTOCOL>\n<host>\n<git-upload-pack '~x/y'>\nversion=2");
    /* Through a shell, with words of the user's own; before GIT_SSH. */
    use_program("GIT_SSH_COMMAND", "%s/ssh -v 'two words'");
    assert_int_equal(open_fails("host:x", &err), -EIO);
    assert_said("args", "<-v>\n<two words>\n<-o>\n<SendEnv=GIT_PROTOCOL>\n<host>\n"
                        "<git-upload-pack 'x'>\nversion=2");
    peer_isolate();
}

static void child__ssh_variants(void **state)
{
    struct trove_error err;

    (void)state;
    write_program("plink", TELL);
    use_program("GIT_SSH", "%s/plink");
    assert_int_equal(open_fails("ssh://host:77/x", &err), -EIO);
    assert_said("args", "<-P>\n<77>\n<host>\n<git-upload-pack '/x'>\nversion=2");
    /* A program of another name is asked with -G whether it is OpenSSH. */
    write_program("mine", "[ \"$1\" = -G ] && exit 1\n" TELL);
    use_program("GIT_SSH", "%s/mine");
    assert_int_equal(open_fails("host:x", &err), -EIO);
    assert_said("args", "<host>\n<git-upload-pack 'x'>\nversion=2");
    assert_int_equal(open_fails("ssh://host:77/x", &err), -ENOTSUP);
    write_program("mine", "[ \"$1\" = -G ] && exit 0\n" TELL);
    assert_int_equal(open_fails("ssh://host:77/x", &err), -EIO);
    assert_said("args", "<-o>\n<SendEnv=GIT_PROTOCOL>\n<-p>\n<77>\n<host>\n"
                        "<git-upload-pack '/x'>\nversion=2");
    setenv("GIT_SSH_VARIANT", "simple", 1);
    assert_int_equal(open_fails("host:x", &err), -EIO);
    assert_said("args", "<host>\n<git-upload-pack 'x'>\nversion=2");
    peer_isolate();
}

static void child__ssh_from_configuration(void **state)
{
    struct trove_error err;

    (void)state;
    write_program("ssh", TELL);
    peer_shell(
        "printf '[core]\\n\\tsshCommand = %s/ssh -x\\n[url \"me@host:\"]\\n\\tinsteadOf = s/\\n'"
        " >'%s/gitconfig'",
        peer_dir, peer_dir);
    use_program("GIT_CONFIG_GLOBAL", "%s/gitconfig");
    assert_int_equal(open_fails("s/x", &err), -EIO);
    assert_said("args",
                "<-x>\n<-o>\n<SendEnv=GIT_PROTOCOL>\n<me@host>\n<git-upload-pack 'x'>\nversion=2");
    peer_isolate();
}

static void child__ssh_of_another_protocol(void **state)
{
    struct trove_error err;
    struct peer peer;
    char url[600];

    (void)state;
    peer_start(&peer, "ssh --no-protocol", peer_dir);
    setenv("GIT_SSH_COMMAND", peer.ssh, 1);
    snprintf(url, sizeof(url), "%sone.git", peer.url);
    assert_int_equal(open_fails(url, &err), -ENOTSUP);
    assert_non_null(strstr(err.message, "version 0"));
    assert_non_null(strstr(err.message, "AcceptEnv"));
    peer_isolate();
    peer_stop(&peer);
}

/* --- what a child says when it fails ----------------------------------------------------------------------------- */

static void child__complaints(void **state)
{
    struct trove_error err;
    char url[256];

    (void)state;
    snprintf(url, sizeof(url), "%s/none.git", peer_dir);
    assert_int_equal(open_fails(url, &err), -EIO);
    assert_non_null(strstr(err.message, "does not appear to be a git repository"));

    write_program("ssh", "i=0; while [ $i -lt 5000 ]; do echo \"line $i\" >&2; i=$((i+1)); done;"
                         "printf 'last \\033[31m\\233 words' >&2; exit 1");
    use_program("GIT_SSH", "%s/ssh");
    assert_int_equal(open_fails("host:x", &err), -EIO);
    assert_null(strchr(err.message, '\x1b'));
    assert_null(strchr(err.message, '\x9b'));

    write_program("ssh", "echo 'Welcome to host'; cat");
    assert_int_equal(open_fails("host:x", &err), -EPROTO);
    assert_non_null(strstr(err.message, "Welcome to host"));
    write_program("ssh", "exit 0");
    assert_int_equal(open_fails("host:x", &err), -EIO);
    assert_non_null(strstr(err.message, "ended early"));
    use_program("GIT_SSH", "%s/nothing-here");
    setenv("GIT_SSH_VARIANT", "ssh", 1);
    assert_int_equal(open_fails("host:x", &err), -EIO);
    assert_non_null(strstr(err.message, "cannot start"));
    peer_isolate();
}

/* --- nothing of ours, nothing left ------------------------------------------------------------------------------- */

static void child__inherits_no_descriptor(void **state)
{
    struct trove_error err;
    int fd = fcntl(1, F_DUPFD, 100);
    char *said;

    (void)state;
    assert_true(fd >= 100);
    write_program("ssh", "ls /proc/$$/fd | tr '\\n' ' ' >$D/fds");
    use_program("GIT_SSH", "%s/ssh");
    assert_int_equal(open_fails("host:x", &err), -EIO);
    said = peer_output("cat '%s/fds'", peer_dir);
    assert_null(strstr(said, "100"));
    assert_non_null(strstr(said, "0 1 "));
    free(said);
    close(fd);
    peer_isolate();
}

/* What points git at another repository does not reach the server. */
static void child__not_in_our_repository(void **state)
{
    struct trove__session *session = NULL;
    struct trove_error err = {0};
    char url[256];

    (void)state;
    setenv("GIT_DIR", "/nonexistent", 1);
    setenv("GIT_OBJECT_DIRECTORY", "/nonexistent", 1);
    snprintf(url, sizeof(url), "%s/one.git", peer_dir);
    if (trove__session_open(url, &options, NULL, &session, &err) != 0)
        fail_msg("%s", err.message);
    trove__session_close(session);
    unsetenv("GIT_OBJECT_DIRECTORY");
    peer_isolate();
}

/* Waits until process PID has ended (a zombie that its new parent has yet to see counts as ended). */
static void wait_until_gone(long pid)
{
    char path[64], text[512];

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    for (;;) {
        FILE *file = fopen(path, "re");
        const char *state;
        size_t size;

        if (file == NULL)
            return;
        size = fread(text, 1, sizeof(text) - 1, file);
        fclose(file);
        text[size] = '\0';
        state = strrchr(text, ')');
        if (size == 0 || (state != NULL && state[2] == 'Z'))
            return;
        sched_yield();
    }
}

/* A command that started another one, and neither ends by itself. */
static void child__and_its_children_end_with_the_session(void **state)
{
    struct trove_error err;
    char *said;

    (void)state;
    setenv("GIT_SSH_VARIANT", "ssh", 1);
    write_program("ssh", "trap '' TERM HUP PIPE; sleep 100000 & echo $$ $! >$D/pids;"
                         "echo nothing like git; while :; do sleep 100000; done");
    use_program("GIT_SSH_COMMAND", "%s/ssh; :");
    assert_int_equal(open_fails("host:x", &err), -EPROTO);
    said = peer_output("cat '%s/pids'", peer_dir);
    wait_until_gone(strtol(said, NULL, 10));
    wait_until_gone(strtol(strchr(said, ' '), NULL, 10));
    free(said);
    peer_isolate();
}

/* The server of a session that is closed in the middle of a pack. */
static int stop(void *context, const void *bytes, size_t size, struct trove_error *err)
{
    (void)context, (void)bytes, (void)size, (void)err;
    return -ECANCELED;
}

static void child__server_ends_when_stopped(void **state)
{
    struct trove__session *session = NULL;
    struct trove_error err = {0};
    char url[256], *hex = peer_output("git -C '%s/one.git' rev-parse HEAD", peer_dir), *left;
    struct trove_oid id;
    const struct trove__fetch_args args = {.wants = &id, .want_count = 1};
    const struct trove__fetch_events events = {.pack = stop};

    (void)state;
    assert_int_equal(trove_oid_from_hex(TROVE_SHA1, hex, 40, &id), 0);
    snprintf(url, sizeof(url), "%s/one.git", peer_dir);
    assert_int_equal(trove__session_open(url, &options, NULL, &session, &err), 0);
    assert_int_equal(trove__session_fetch(session, &args, &events, NULL, NULL, NULL, &err),
                     -ECANCELED);
    assert_false(trove__session_usable(session));
    assert_int_equal(trove__session_fetch(session, &args, &events, NULL, NULL, NULL, &err), -EIO);
    trove__session_close(session);
    left = peer_output("ps -o pid= --ppid %d -o comm= | grep -c git || :", (int)getpid());
    assert_string_equal(left, "0");
    free(left);
    free(hex);
}

/* --- helpers ----------------------------------------------------------------------------------------------------- */

static void child__run(void **state)
{
    const char *const cat[] = {"cat", NULL}, *const yes[] = {"yes", NULL};
    struct trove__child_spec spec = {.args = cat};
    struct trove__bytes out = {0};
    struct trove__io io;
    struct trove_error err;
    static char input[1 << 20];
    int status = 77;

    (void)state;
    memset(input, 'x', sizeof(input));
    trove__io_begin(&io, NULL, 0, 0);
    assert_int_equal(
        trove__child_run(&spec, input, sizeof(input), &out, 2 << 20, &io, &status, &err), 0);
    assert_int_equal(status, 0);
    assert_int_equal(out.size, sizeof(input));
    assert_memory_equal(out.data, input, sizeof(input));
    trove__bytes_clear(&out);
    spec.args = yes;
    assert_int_equal(trove__child_run(&spec, NULL, 0, &out, 1000, &io, &status, &err), -EFBIG);
    trove__bytes_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child__ssh_arguments),
        cmocka_unit_test(child__ssh_variants),
        cmocka_unit_test(child__ssh_from_configuration),
        cmocka_unit_test(child__ssh_of_another_protocol),
        cmocka_unit_test(child__complaints),
        cmocka_unit_test(child__inherits_no_descriptor),
        cmocka_unit_test(child__not_in_our_repository),
        cmocka_unit_test(child__and_its_children_end_with_the_session),
        cmocka_unit_test(child__server_ends_when_stopped),
        cmocka_unit_test(child__run),
    };

    return cmocka_run_group_tests(tests, peer_set_up_repository, peer_tear_down);
}
