// SPDX-License-Identifier: MIT
/*
 * test_tool.c - the `trove` program itself: what each kind of search asks for, whether --stats tells the truth, limits
 * that end with status 128, servers it cannot speak to, and the progress bar.
 */
#include "source_peer.h"
#include "wire.h"
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <trove/oid.h>
#include <unistd.h>

static char *program;
static char url[256]; /* of the repository in peer_dir */

static int set_up(void **state)
{
    peer_set_up(state);
    source_peer_make(peer_dir, "r.git", "sha1");
    snprintf(url, sizeof(url), "%s/r.git", peer_dir);
    program = peer_program();
    return 0;
}

/* Runs trove with ARGUMENTS, words for a shell; streams are files in peer_dir. Returns its exit status. */
static int run(const char *format, ...)
{
    va_list args;
    char *arguments, *text;
    int status;

    va_start(args, format);
    assert_true(vasprintf(&arguments, format, args) >= 0);
    va_end(args);
    text = peer_output("cd '%s'; '%s' %s >out 2>err </dev/null; echo $?", peer_dir, program,
                       arguments);
    status = atoi(text);
    free(text);
    free(arguments);
    return status;
}

static void expect(int status, int expected, const char *words)
{
    char *err = peer_output("cat '%s/err'", peer_dir);

    if (status != expected || strstr(err, words) == NULL)
        fail_msg("status %d instead of %d; '%s' is not in '%s'", status, expected, words, err);
    free(err);
}

/* A figure of the JSON that the last run printed. */
static unsigned long figure(const char *name)
{
    char *text = peer_output("grep -o '\"%s\":[0-9]*' '%s/err' | cut -d: -f2", name, peer_dir);
    unsigned long value = strtoul(text, NULL, 10);

    assert_true(text[0] != '\0');
    free(text);
    return value;
}

/* --- request plans ----------------------------------------------------------------------------------------------- */

static char *git_says(const char *arguments)
{
    return peer_output("git -C '%s' %s", url, arguments);
}

/* Goal: each kind of search asks for what it needs and no more, in as few requests as the plans say. */
static void tool__request_plans(void **state)
{
    static const struct {
        const char *arguments;   /* behind `grep -c one`; %s: the id of HEAD */
        unsigned requests, refs; /* fetch commands; ls-refs commands */
        const char *objects; /* a command that prints the ids that must come; NULL: not counted */
    } cases[] = {
        {"HEAD", 1, 1, "rev-list --objects --no-walk HEAD"},
        {"", 1, 1, "rev-list --objects --no-walk HEAD"},
        {"main", 1, 1, "rev-list --objects --no-walk HEAD"},
        {"%s", 1, 0, "rev-list --objects --no-walk HEAD"},
        {"v1", 1, 1, "rev-list --objects --no-walk v1^{}"},
        {"nested", 1, 1, "rev-list --objects --no-walk v1^{}"},
        {"topic/x", 1, 1, "rev-list --objects --no-walk topic/x"},
        {"HEAD~3", 2, 1, NULL},
        {"HEAD^", 2, 1, NULL},
        {"HEAD -- README", 2, 1, "rev-parse HEAD HEAD^{tree} HEAD:README"},
        {"HEAD -- a/b/c/file1", 2, 1, NULL},
        {"HEAD -- d", 2, 1, NULL},
        {"HEAD -- 'd/*7'", 2, 1, NULL},
        {"HEAD -- nothing/here", 1, 1, NULL},
        {"HEAD:README", 2, 1, "rev-parse HEAD HEAD^{tree} HEAD:README"},
        {"HEAD:d", 2, 1, NULL},
        {"HEAD:a/b/c", 2, 1, NULL},
    };
    char *head = git_says("rev-parse HEAD");

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char arguments[256];
        int status;

        snprintf(arguments, sizeof(arguments),
                 strcmp(cases[i].arguments, "%s") == 0 ? head : cases[i].arguments, "");
        status = run("--stats=json -C '%s' grep -c one %s", url, arguments);
        assert_in_range(status, 0, 1);
        if (figure("requests") != cases[i].requests ||
            figure("round_trips") != figure("connections") + cases[i].refs + cases[i].requests)
            fail_msg("%s: %lu requests, %lu round trips", arguments, figure("requests"),
                     figure("round_trips"));
        /* Where the machine is busy, the second of two requests may not wait for the first to end. */
        assert_in_range(figure("connections"), 1, cases[i].requests);
        if (cases[i].objects != NULL) {
            char *count = peer_output("git -C '%s' %s | cut -d' ' -f1 | sort -u | wc -l", url,
                                      cases[i].objects);
            unsigned long most = strtoul(count, NULL, 10);
            /* When all is searched the transfer ends, perhaps before the symbolic link, which no search reads. */
            if (figure("objects_fetched") > most || figure("objects_fetched") + 1 < most)
                fail_msg("%s: %lu objects instead of %s", arguments, figure("objects_fetched"),
                         count);
            free(count);
        }
    }
    free(head);
}

/* Goal: a part costs a part: a folder's bytes are fewer than the whole's, a file's fewer than a folder's. */
static void tool__parts_are_smaller(void **state)
{
    unsigned long whole, folder, file;

    (void)state;
    peer_shell("cd '%s'; git init -q parts; cd parts; for d in $(seq 10); do mkdir d$d;"
               "  for f in $(seq 10); do seq ${d}0${f}00 ${d}0${f}99 >d$d/f$f; done; done;"
               "git add -A; git commit -qm parts",
               peer_dir);
    assert_int_equal(run("--stats=json -C parts grep -c 1 HEAD"), 0);
    whole = figure("bytes_fetched");
    assert_int_equal(run("--stats=json -C parts grep -c 1 HEAD -- d3"), 0);
    folder = figure("bytes_fetched");
    assert_int_equal(run("--stats=json -C parts grep -c 1 HEAD -- d3/f4"), 0);
    file = figure("bytes_fetched");
    if (whole < 5 * folder || folder <= file)
        fail_msg("%lu, %lu, %lu bytes", whole, folder, file);
    assert_true(figure("pack_bytes") < file && figure("pack_bytes") > 0);
}

/* --- what --stats says ------------------------------------------------------------------------------------------- */

static void tool__stats(void **state)
{
    static const char *const keys[] = {"objects_fetched", "bytes_fetched",  "pack_bytes",
                                       "bytes_sent",      "requests",       "round_trips",
                                       "connections",     "hits",           "misses",
                                       "joins",           "cached_objects", "cache_bytes",
                                       "connect_seconds", "refs_seconds",   "wait_seconds",
                                       "pack_seconds",    "total_seconds"};
    char *json, *seconds;

    (void)state;
    assert_int_equal(run("--stats=json -C '%s' grep -c one HEAD", url), 0);
    assert_in_range(figure("cached_objects"), 100, figure("objects_fetched"));
    assert_true(figure("bytes_fetched") > figure("pack_bytes"));
    assert_true(figure("bytes_sent") > 100);
    json = peer_output("python3 -c 'import json, sys; s = json.load(open(sys.argv[1]));"
                       " phases = sum(s[k + \"_seconds\"] for k in"
                       " (\"connect\", \"refs\", \"wait\", \"pack\"));"
                       " print(0 < phases <= s[\"total_seconds\"], len(s))' '%s/err'",
                       peer_dir);
    assert_int_equal(strncmp(json, "True", 4), 0);
    free(json);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        peer_shell("grep -q '\"%s\":[0-9]' '%s/err'", keys[i], peer_dir);
    /* The same as text, a line each, and nothing else there. */
    assert_int_equal(run("--stats -C '%s' grep -c one HEAD", url), 0);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        peer_shell("grep -q \"^$(echo %s | tr _ ' '): *[0-9]\" '%s/err'", keys[i], peer_dir);
    peer_shell("! grep -v '^[a-z ]*: *[0-9.]*\\( (.* MiB)\\)\\?$' '%s/err'", peer_dir);
    /* Asked for twice, it comes once. */
    peer_shell(
        "cd '%s'; { git -C r.git rev-parse HEAD:README; git -C r.git rev-parse HEAD:README; } >in",
        peer_dir);
    seconds = peer_output("cd '%s'; '%s' --stats=json -C r.git cat-file --batch-check <in 2>err |"
                          " sort -u | wc -l",
                          peer_dir, program);
    assert_string_equal(seconds, "1");
    free(seconds);
    assert_int_equal(figure("objects_fetched"), 1);
    assert_int_equal(figure("hits") + figure("joins"), 1);
    /* What failed has cost something too. */
    assert_int_equal(run("--stats=json -C '%s' grep -c one nosuch", url), 128);
    assert_int_equal(figure("round_trips"), 2);
    assert_int_equal(figure("requests"), 0);
}

/* Goal: git's list of all ids in few requests, also when it is long. */
static void tool__all_ids(void **state)
{
    char *equal;

    (void)state;
    peer_shell("cd '%s'; git init -q many; cd many; for i in $(seq 6000); do"
               "  printf 'blob\\nmark :%%d\\ndata <<E\\n%%d\\nE\\n' $i $i; done >../import;"
               "{ echo 'commit refs/heads/master'; echo 'committer A <a@example.com> 0 +0000';"
               "  echo 'data 0'; for i in $(seq 6000); do"
               "  printf 'M 100644 :%%d d%%d/f%%d\\n' $i $((i %% 300)) $i; done; } >>../import;"
               "git fast-import --quiet <../import; git config gc.auto 0;"
               "git cat-file --batch-all-objects --batch-check='%%(objectname)' >../in",
               peer_dir);
    for (int i = 0; i < 2; i++) {
        equal = peer_output("cd '%s'; git -C many cat-file %s <in >theirs;"
                            "'%s' --stats=json -C many cat-file %s <in >out 2>err; echo $?;"
                            "cmp out theirs && wc -l <in",
                            peer_dir, i == 0 ? "--batch" : "--batch-check", program,
                            i == 0 ? "--batch" : "--batch-check");
        assert_string_equal(equal, "0\n6302"); /* blobs, trees, a commit */
        free(equal);
        assert_in_range(figure("requests"), 1, 20);
        assert_int_equal(figure("objects_fetched"), 6302);
    }
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

#define REFS                                                                                       \
    "0032"                                                                                         \
    "1111111111111111111111111111111111111111 HEAD\n0000"

/* Goal: a server that says nothing more, at each stage, ends the program with 128 and a word about why. It answers only what
 * is asked: when the deadline ends a request, what waited for it may leave in one more before its callers go. */
static void tool__limits(void **state)
{
    static const struct peer_step stages[][8] = {
        {HANG},
        {AFTER("version=2"), SAY(CAPS), AFTER("0000"), HANG},
        {AFTER("version=2"), SAY(CAPS), AFTER("ls-refs"), SAY(REFS), AFTER("done"), HANG},
        {AFTER("version=2"), SAY(CAPS), AFTER("ls-refs"), SAY(REFS), AFTER("done"),
         SAY("000dpackfile\n0009\1PACK"), HANG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        struct peer_script script;

        peer_script_start(&script, stages[i]);
        expect(run("--timeout 0.2 -C git://127.0.0.1:%u/x grep one", script.port), 128,
               "the deadline passed");
        expect(run("--low-speed=1000/1 -C git://127.0.0.1:%u/x cat-file -p HEAD", script.port), 128,
               "too slow: fewer than 1000 bytes a second for 1 seconds");
        peer_script_stop(&script);
    }
}

static void tool__options(void **state)
{
    static const char *const wrong[] = {"--timeout=x",       "--timeout=-1",   "--timeout",
                                        "--low-speed=1",     "--low-speed=/1", "--low-speed=1/x",
                                        "--low-speed=1/1/1", "--stats=xml",    "--max-bytes=0",
                                        "--max-inflight=0",  "--max-inflight"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(run("%s -C '%s' grep one", wrong[i], url), 129);
    assert_int_equal(run("--low-speed=0/0 -C '%s' grep -q one", url), 0);
    assert_int_equal(run("--low-speed 1/3600 --timeout 600 -C '%s' grep -q one", url), 0);
    assert_int_equal(run("--max-inflight 4M -C '%s' grep -q one", url), 0);
    assert_int_equal(run("-C '%s/nothing' grep one", peer_dir), 128);
    assert_int_equal(run("grep one"), 129);
    assert_int_equal(run("-C '%s'", url), 129);
}

/* --- servers of other kinds -------------------------------------------------------------------------------------- */

/* Goal: a server that speaks an older protocol is told from a broken one, by name. */
static void tool__older_protocols(void **state)
{
    static const struct peer_step dumb[] = {
        AFTER("\r\n\r\n"),
        SAY("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 57\r\n\r\n"
            "1111111111111111111111111111111111111111\trefs/heads/main\n"),
        {PEER_CLOSE, NULL, 0}};
    struct peer_script script;
    struct peer ssh;

    (void)state;
    /* A stock sshd: GIT_PROTOCOL does not come through. */
    peer_start(&ssh, "ssh --no-protocol", peer_dir);
    setenv("GIT_SSH_COMMAND", ssh.ssh, 1);
    expect(run("-C '%sr.git' grep one", ssh.url), 128, "version 0");
    peer_shell("grep -q 'AcceptEnv GIT_PROTOCOL' '%s/err'", peer_dir);
    peer_stop(&ssh);
    setenv("GIT_SSH_VARIANT", "simple", 1);
    setenv("GIT_SSH_COMMAND", "f() { GIT_PROTOCOL=version=1 sh -c \"$2\"; }; f", 1);
    expect(run("-C 'ssh://there%s' grep one", url), 128, "version 1");
    setenv("GIT_SSH_COMMAND", "f() { unset GIT_PROTOCOL; sh -c \"$2\"; }; f", 1);
    expect(run("-C 'ssh://there%s' ls-tree HEAD", url), 128, "version 0");
    unsetenv("GIT_SSH_COMMAND");
    unsetenv("GIT_SSH_VARIANT");
    peer_script_start(&script, dumb);
    expect(run("-C http://127.0.0.1:%u/x grep one", script.port), 128, "dumb HTTP protocol");
    peer_script_stop(&script);
}

/* Goal: what a server says reaches the terminal without its escapes, in each of the ways in which servers speak. */
static void tool__hostile_words(void **state)
{
#define ESCAPES "\x1b[2Jevil\xc2\x9b\x9b\a"
    static const struct peer_step stages[][6] = {
        {AFTER("version=2"), SAY("0013ERR " ESCAPES "\n"), {PEER_CLOSE, NULL, 0}},
        {AFTER("version=2"),
         SAY(CAPS),
         AFTER("0000"),
         SAY("0013ERR " ESCAPES "\n"),
         {PEER_CLOSE, NULL, 0}},
        {AFTER("version=2"), SAY("\x1b]0;evil\a"), {PEER_CLOSE, NULL, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        struct peer_script script;

        peer_script_start(&script, stages[i]);
        expect(run("-C git://127.0.0.1:%u/x grep one", script.port), 128, "evil");
        peer_shell("! LC_ALL=C grep -q '[^ -~]' '%s/err'", peer_dir);
        peer_script_stop(&script);
    }
    setenv("GIT_SSH_COMMAND", "printf '\\033[2Jevil\\233\\n' >&2; exit 7 #", 1);
    setenv("GIT_SSH_VARIANT", "simple", 1);
    expect(run("-C ssh://there/x grep one"), 128, "evil");
    peer_shell("! LC_ALL=C grep -q '[^ -~]' '%s/err'", peer_dir);
    setenv("GIT_SSH_COMMAND",
           "for i in $(seq 40); do echo banner $i; done >&2; echo the reason >&2; exit 7 #", 1);
    expect(run("-C ssh://there/x grep one"), 128, "the reason");
    peer_shell("test $(wc -l <'%s/err') -le 20", peer_dir);
    setenv("GIT_SSH_COMMAND", "exit 7 #", 1);
    expect(run("-C ssh://there/x grep one"), 128, "ended with status 7");
    unsetenv("GIT_SSH_COMMAND");
    unsetenv("GIT_SSH_VARIANT");
}

/* Goal: a password in the address is in no message of the program's own, whatever stands for that address. */
static void tool__no_password_in_messages(void **state)
{
    static const char *const commands[] = {
        "grep one -- ../x",         "grep one HEAD -- /x", "ls-tree HEAD ../x",
        "grep one nothing",         "grep one nothing --", "ls-tree nothing",
        "cat-file -p HEAD:nothing", "cat-file tree v9",
    };

    (void)state;
    peer_shell("printf '[url \"%s/\"]\\n\\tinsteadOf = alias://me:s3cret@host/\\n' >'%s/alias'",
               peer_dir, peer_dir);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        setenv("GIT_CONFIG_GLOBAL", "alias", 1); /* of the folder that run() changes to */
        expect(run("--stats -C alias://me:s3cret@host/r.git %s", commands[i]), 128, "fatal: ");
        peer_shell("! grep s3cret '%s/err'", peer_dir);
    }
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

/* Goal: sizes of blobs that are together many times the cache take no more than the cache, and what the program is.
 * Method: the most that was resident, as the kernel counts it; not where a sanitizer keeps freed memory. */
static void tool__sizes_in_little_memory(void **state)
{
    struct rusage used;
    int status;
    pid_t pid;

    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
    peer_shell("git init -q --bare '%s/large.git' && cd '%s/large.git' && git tag t $("
               "for i in $(seq 40); do printf '100644 blob %%s\\tf%%s\\n' $("
               "head -c 4000000 /dev/urandom | "
               "git -c core.compression=0 hash-object -w --stdin) $i; done | git mktree)",
               peer_dir, peer_dir);
    pid = fork();
    if (pid == 0) {
        char repository[256], out[256];
        int fd;

        snprintf(repository, sizeof(repository), "%s/large.git", peer_dir);
        snprintf(out, sizeof(out), "%s/out", peer_dir);
        fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        dup2(fd, STDOUT_FILENO);
        execl(program, "trove", "--max-bytes=16M", "-C", repository, "ls-tree", "-l", "t", NULL);
        _exit(127);
    }
    assert_int_equal(wait4(pid, &status, 0, &used), pid);
    assert_int_equal(status, 0);
    peer_shell("test $(grep -c ' 4000000\t' '%s/out') = 40", peer_dir);
    assert_in_range(used.ru_maxrss, 1, 96 << 10); /* KiB; the blobs are 156 MiB */
}

/* Goal: a FIFO in the place of a file of attributes is not waited for. */
static void tool__attributes_that_are_no_file(void **state)
{
    (void)state;
    peer_shell("git clone -q '%s' '%s/tree' && cd '%s/tree' && rm -f .gitattributes && "
               "mkfifo .gitattributes",
               url, peer_dir, peer_dir);
    expect(run("-C '%s/tree' grep -q one HEAD", peer_dir), 0, "");
}

/* --- progress ---------------------------------------------------------------------------------------------------- */

/* A grep whose server waits for gate NAME; standard error is a terminal or the file err. */
static pid_t start_gated(const char *name, int *ret_terminal)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    pid_t pid = ret_terminal != NULL ? forkpty(ret_terminal, NULL, NULL, &size) : fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        char gate[300], out[300];
        int fd;

        snprintf(gate, sizeof(gate), "%s/%s", peer_dir, name);
        setenv("GATE", gate, 1);
        snprintf(out, sizeof(out), "%s/%s.out", peer_dir, name);
        fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, STDOUT_FILENO);
        if (ret_terminal == NULL)
            dup2(fd, STDERR_FILENO);
        execl(program, "trove", "-C", url, "grep", "-c", "one", "HEAD", "--", "README", NULL);
        _exit(127);
    }
    return pid;
}

/* The writer's end of gate NAME, once its reader is there. */
static int open_gate(const char *name)
{
    char gate[300];

    snprintf(gate, sizeof(gate), "%s/%s", peer_dir, name);
    return open(gate, O_WRONLY | O_CLOEXEC);
}

/* Reads from the terminal until TEXT has come, or its end; all that came is in SEEN. */
static bool see(int terminal, const char *text, char *seen, size_t *used, size_t capacity)
{
    while (strstr(seen, text) == NULL) {
        ssize_t got = read(terminal, seen + *used, capacity - *used - 1);
        if (got <= 0)
            return false;
        *used += (size_t)got;
        seen[*used] = '\0';
    }
    return true;
}

/* Goal: a bar on a terminal while something long goes on, wiped in the end; none in a pipe or file.
 * Method: two searches whose server waits at a gate; when the bar is seen on the terminal of the second, the first has
 * been waiting for longer than that. */
static void tool__progress_only_on_a_terminal(void **state)
{
    char seen[65536] = "", *first, config[300];
    size_t used = 0;
    int terminal, gates[2], status;
    pid_t file, tty;

    (void)state;
    peer_shell(
        "cd '%s'; mkfifo one two; printf '#!/bin/sh\\ncat \"$GATE\" >/dev/null\\nexec \"$@\"\\n' >hook;"
        "chmod +x hook; printf '[uploadpack]\\n\\tpackObjectsHook = %s/hook\\n' >config",
        peer_dir, peer_dir);
    snprintf(config, sizeof(config), "%s/config", peer_dir);
    setenv("GIT_CONFIG_GLOBAL", config, 1);
    file = start_gated("one", NULL);
    gates[0] = open_gate("one");
    tty = start_gated("two", &terminal);
    gates[1] = open_gate("two");
    assert_true(gates[0] >= 0 && gates[1] >= 0);
    assert_true(see(terminal, "Fetching: ", seen, &used, sizeof(seen)));
    /* The requests that follow find the gate gone, and pass. */
    peer_shell("cd '%s'; rm one two; : >one; : >two", peer_dir);
    close(gates[0]);
    close(gates[1]);
    see(terminal, "never", seen, &used, sizeof(seen));
    assert_true(used >= 4 && strcmp(seen + used - 4, "\r\033[K") == 0);
    close(terminal);
    assert_int_equal(waitpid(tty, &status, 0), tty);
    assert_int_equal(status, 0);
    assert_int_equal(waitpid(file, &status, 0), file);
    assert_int_equal(status, 0);
    first = peer_output("cat '%s/one.out'", peer_dir);
    assert_string_equal(first, "HEAD:README:1");
    free(first);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tool__request_plans),
        cmocka_unit_test(tool__parts_are_smaller),
        cmocka_unit_test(tool__stats),
        cmocka_unit_test(tool__all_ids),
        cmocka_unit_test(tool__limits),
        cmocka_unit_test(tool__options),
        cmocka_unit_test(tool__older_protocols),
        cmocka_unit_test(tool__hostile_words),
        cmocka_unit_test(tool__no_password_in_messages),
        cmocka_unit_test(tool__sizes_in_little_memory),
        cmocka_unit_test(tool__attributes_that_are_no_file),
        cmocka_unit_test(tool__progress_only_on_a_terminal),
    };

    return cmocka_run_group_tests(tests, set_up, peer_tear_down);
}
