// SPDX-License-Identifier: MIT
/*
 * test_cat_file.c - `trove cat-file` beside `git cat-file`: output and exit status are equal, requests are few.
 */
#include "peer.h"
#include "source_peer.h"
#include "support.h"
#include "tools/commands.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 16

static char path[256];

static int make_repositories(void **state)
{
    peer_set_up(state);
    source_peer_make(peer_dir, "r.git", "sha1");
    source_peer_make(peer_dir, "r256.git", "sha256");
    snprintf(path, sizeof(path), "%s/r.git", peer_dir);
    /* Names that need quotes, a large file, and one full of NULs. */
    peer_shell(
        "cd '%s'; git clone -q r.git w 2>/dev/null; cd w; printf x >'quo\"te'; printf y >'tab\there';"
        "printf z >\"$(printf 'caf\\303\\251')\"; printf w >'a b'; head -c 3000000 /dev/zero >large;"
        "git add -A; git commit -qm names; git push -q origin HEAD:main; cd ..; rm -rf w;"
        "git -C r.git rev-list --objects --all | cut -d' ' -f1 >ids;"
        "git -C r256.git rev-list --objects --all | cut -d' ' -f1 >ids256",
        peer_dir);
    return 0;
}

static void redirect(const char *file, int flags, int fd)
{
    char at[512];
    int opened;

    snprintf(at, sizeof(at), "%s/%s", peer_dir, file);
    opened = open(at, flags | O_CLOEXEC, 0600);
    if (opened < 0 || dup2(opened, fd) < 0)
        _exit(250);
}

/* Runs `trove -C REPOSITORY ARGS` in a process of its own, with files for its streams. Returns its exit status. */
static int run_trove(const char *repository, const char *const *args)
{
    char *argv[ARGS_MAX + 1] = {NULL};
    int argc = 0, status;
    pid_t pid;

    while (args[argc] != NULL) {
        argv[argc] = (char *)args[argc];
        argc++;
    }
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct trove__tool tool;
        redirect("in", O_RDONLY, STDIN_FILENO);
        redirect("ours", O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
        redirect("err", O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
        if (trove__tool_init(&tool) < 0)
            _exit(251);
        tool.repository = repository;
        status = trove__cmd_cat_file(&tool, argc, argv);
        trove__tool_deinit(&tool);
        fflush(NULL);
        _exit(status);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The same with git; also its exit status. */
static int run_git(const char *repository, const char *const *args)
{
    char command[2048] = "";
    char *text;
    int status;

    for (size_t i = 0; args[i] != NULL; i++)
        snprintf(command + strlen(command), sizeof(command) - strlen(command), " '%s'", args[i]);
    text = peer_output("cd '%s'; git -C '%s' %s <in >theirs 2>/dev/null; echo $?", peer_dir,
                       repository, command);
    status = atoi(text);
    free(text);
    return status;
}

static void compare(const char *repository, const char *const *args)
{
    char shown[1024] = "", *message;
    int ours = run_trove(repository, args), theirs = run_git(repository, args);

    for (size_t i = 0; args[i] != NULL; i++)
        snprintf(shown + strlen(shown), sizeof(shown) - strlen(shown), " %s", args[i]);
    message = peer_output("cd '%s'; cmp ours theirs 2>&1; head -c 500 err; true", peer_dir);
    if (ours != theirs || strstr(message, "differ") != NULL || strstr(message, "EOF on") != NULL)
        fail_msg("%s: %d, git %d: %s", shown, ours, theirs, message);
    if (ours > 1)
        assert_true(message[0] != '\0'); /* it says why */
    free(message);
}

/* A number from the JSON that --stats=json wrote last. */
static unsigned stat_of(const char *name)
{
    char *text = peer_output("grep -o '\"%s\":[0-9]*' '%s/err' | cut -d: -f2", name, peer_dir);
    unsigned value = (unsigned)atoi(text);

    assert_true(text[0] != '\0');
    free(text);
    return value;
}

static void cat_file__single_objects(void **state)
{
    static const char *const cases[][5] = {
        {"cat-file", "-p", "HEAD"},
        {"cat-file", "-t", "HEAD"},
        {"cat-file", "-s", "HEAD"},
        {"cat-file", "-e", "HEAD"},
        {"cat-file", "-p", "HEAD:"},
        {"cat-file", "-p", "HEAD^{tree}"},
        {"cat-file", "-p", "HEAD:a/b/c"},
        {"cat-file", "-p", "HEAD:large"},
        {"cat-file", "-s", "HEAD:large"},
        {"cat-file", "-p", "v1"},
        {"cat-file", "-t", "nested"},
        {"cat-file", "-t", "tree-tag"},
        {"cat-file", "-p", "blob-tag^{}"},
        {"cat-file", "-t", "HEAD:link"},
        {"cat-file", "-e", "HEAD:module"},
        {"cat-file", "-p", "HEAD:module"},
        {"cat-file", "blob", "HEAD:a/file1"},
        {"cat-file", "blob", "blob-tag"},
        {"cat-file", "tree", "v1"},
        {"cat-file", "commit", "nested"},
        {"cat-file", "tag", "v1"},
        {"cat-file", "tag", "HEAD"},
        {"cat-file", "commit", "HEAD:a"},
        {"cat-file", "blub", "HEAD"},
        {"cat-file", "-p", "nosuch"},
        {"cat-file", "-e", "nosuch"},
        {"cat-file", "-e", "1111111111111111111111111111111111111111"},
        {"cat-file", "-p", "1111111111111111111111111111111111111111"},
        {"cat-file", "-t", "1111111111111111111111111111111111111111"},
        {"cat-file", "-s", "1111111111111111111111111111111111111111"},
        {"cat-file", "blob", "1111111111111111111111111111111111111111"},
        {"cat-file", "-p", "HEAD:nope"},
        {"cat-file", "HEAD", "-p"},
        {"cat-file", "-p"},
        {"cat-file"},
        {"cat-file", "-p", "HEAD", "HEAD"},
        {"cat-file", "-t", "-p", "HEAD"},
        {"cat-file", "-y", "HEAD"},
        {"cat-file", "--batch", "HEAD"},
        {"cat-file", "--batch", "--batch-check"},
        {"cat-file", "--buffer", "HEAD"},
        {"cat-file", "--batch=%(nope)"},
        {"cat-file", "--batch-check=%(objectname"},
    };

    (void)state;
    peer_shell(": >'%s/in'", peer_dir);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        compare(path, cases[i]);
}

/* Goal: what stands before a name that cannot be answered is answered, and a carriage return before a newline is none of
 * the name's. */
static void cat_file__batches_end_where_git_ends_them(void **state)
{
    static const char *const check[] = {"cat-file", "--batch-check", NULL};
    static const char *const twice[] = {"cat-file", "--batch-check", "--batch-check", NULL};
    static const char *const behind[] = {"cat-file", "HEAD", "-t", NULL};
    char *out;

    (void)state;
    peer_shell("cd '%s'; printf 'HEAD\\r\\nnosuch\\r\\nv1\\r\\nHEAD:./x\\nHEAD\\n' >in", peer_dir);
    compare(path, check); /* git ends there too: this is no work tree */
    peer_shell("cd '%s'; printf 'HEAD\\r\\n\\r\\nv1\\r' >in", peer_dir);
    compare(path, check);
    compare(path, twice);
    compare(path, behind);
    peer_shell("cd '%s'; printf 'v1\\nHEAD@{1}\\nv1\\n' >in", peer_dir);
    assert_int_equal(run_trove(path, check), 128); /* no reflog is served: git knows better */
    out = peer_output("cat '%s/ours' | cut -d' ' -f2", peer_dir);
    assert_string_equal(out, "tag");
    free(out);
}

static void cat_file__batches_of_every_form(void **state)
{
    static const char *const forms[][5] = {
        {"cat-file", "--batch-check"},
        {"cat-file", "--batch"},
        {"cat-file", "--batch", "--buffer"},
        {"cat-file", "--batch="},
        {"cat-file", "--batch-check="},
        {"cat-file", "--batch-check=%(objectname)|%%|%x|%(objecttype) %(objectsize)%"},
        {"cat-file", "--batch=%(objecttype) %(rest)"},
        {"cat-file", "--batch-check=[%(rest)]"},
    };

    (void)state;
    peer_shell(
        "cd '%s'; { echo HEAD; echo; echo nosuch; echo 'HEAD  with  a rest'; echo ' HEAD';"
        "git -C r.git ls-tree -r --name-only HEAD | head -60 | sed 's/^/HEAD:/'; echo HEAD~3:README;"
        "printf 'HEAD\\ttab\\n'; git -C r.git rev-parse HEAD:a | tr a-f A-F; git -C r.git rev-parse HEAD;"
        "echo 1111111111111111111111111111111111111111; echo HEAD:module; echo v1^{}; echo nested;"
        "git -C r.git rev-parse HEAD; printf 'HEAD^{tree}'; } >in",
        peer_dir);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        compare(path, forms[i]);
    /* The ref that sixty names begin with is looked up once, and their folders are fetched once. */
    assert_int_equal(
        run_trove(path, (const char *const[]){"cat-file", "--batch-check", "--stats=json", NULL}),
        0);
    assert_in_range(stat_of("round_trips"), 1, 40);
    peer_shell("tr '\\n' '\\0' <'%s/in' >'%s/in0'; mv '%s/in0' '%s/in'", peer_dir, peer_dir,
               peer_dir, peer_dir);
    compare(path, (const char *const[]){"cat-file", "--batch-check", "-z", NULL});
    peer_shell(": >'%s/in'", peer_dir);
    compare(path, (const char *const[]){"cat-file", "--batch", NULL});
}

/* Goal: git's list of all ids leaves in few requests and comes back byte for byte, also with a cache far too small. */
static void cat_file__all_ids(void **state)
{
    static const char *const check[] = {"cat-file", "--batch-check", NULL};
    static const char *const batch[] = {"cat-file", "--batch", NULL};
    static const char *const stats[] = {"cat-file", "--batch-check", "--stats=json", NULL};
    static const char *const small[] = {"cat-file", "--batch", "--max-bytes=1M", NULL};
    char other[300];

    (void)state;
    peer_shell("cp '%s/ids' '%s/in'", peer_dir, peer_dir);
    compare(path, check);
    compare(path, batch);
    assert_int_equal(run_trove(path, stats), 0);
    assert_in_range(stat_of("requests"), 1, 6);
    assert_true(stat_of("objects_fetched") >= 150);
    assert_int_equal(run_git(path, batch), 0);
    assert_int_equal(run_trove(path, small), 0);
    peer_shell("cmp '%s/ours' '%s/theirs'", peer_dir, peer_dir);
    peer_shell("cp '%s/ids256' '%s/in'", peer_dir, peer_dir);
    snprintf(other, sizeof(other), "%s/r256.git", peer_dir);
    compare(other, check);
    compare(other, batch);
}

/* Goal: trove's own options, before or among the command's, and their mistakes. */
static void cat_file__own_options(void **state)
{
    (void)state;
    peer_shell("echo HEAD >'%s/in'", peer_dir);
    assert_int_equal(
        run_trove(path, (const char *const[]){"cat-file", "--stats", "-t", "HEAD", "--timeout",
                                              "9.5", "--no-progress", NULL}),
        0);
    peer_shell("grep -q '^requests: *1$' '%s/err'; grep -qx commit '%s/ours'", peer_dir, peer_dir);
    assert_int_equal(
        run_trove(path, (const char *const[]){"cat-file", "--max-bytes", "x", "-t", "HEAD", NULL}),
        129);
    assert_int_equal(
        run_trove(path, (const char *const[]){"cat-file", "--timeout=0", "-t", "HEAD", NULL}), 129);
    assert_int_equal(
        run_trove(path, (const char *const[]){"cat-file", "--stats=xml", "-t", "HEAD", NULL}), 129);
    assert_int_equal(run_trove(NULL, (const char *const[]){"cat-file", "-t", "HEAD", NULL}), 128);
    assert_int_equal(
        run_trove("/nonexistent", (const char *const[]){"cat-file", "-t", "HEAD", NULL}), 128);
}

/* Goal: what git has and a remote repository cannot give is refused with 129, naming it. */
static void cat_file__what_cannot_be_had(void **state)
{
    static const char *const cases[][2] = {
        {"--batch-check=%(objectsize:disk)", "objectsize:disk"},
        {"--batch=%(deltabase)", "deltabase"},
        {"--batch-all-objects", "batch-all-objects"},
        {"--follow-symlinks", "follow-symlinks"},
        {"--textconv", "textconv"},
        {"--filters", "filters"},
        {"--batch-command", "batch-command"},
    };

    (void)state;
    peer_shell(": >'%s/in'", peer_dir);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(run_trove(path, (const char *const[]){"cat-file", cases[i][0], NULL}),
                         129);
        peer_shell("head -1 '%s/err' | grep -q '%s'", peer_dir, cases[i][1]);
    }
    /* An abbreviation that is no ref: it says so. */
    peer_shell("git -C '%s' rev-parse --short HEAD >'%s/in'", path, peer_dir);
    assert_int_equal(run_trove(path, (const char *const[]){"cat-file", "--batch-check", NULL}),
                     128);
    peer_shell("grep -q 'give the full id' '%s/err'", peer_dir);
}

/* Goal: a peer that waits for each answer gets it: names are not held back for a batch. */
static void cat_file__answers_a_peer_that_waits(void **state)
{
    char answer[512], expected[512], at[512], *id;
    FILE *to, *from;
    pid_t pid;
    int in[2], out[2], status;

    (void)state;
    id = peer_output("git -C '%s' rev-parse HEAD", path);
    snprintf(at, sizeof(at), "%s commit ", id);
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct trove__tool tool;
        char *argv[] = {(char *)"cat-file", (char *)"--batch-check", NULL};
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        if (trove__tool_init(&tool) < 0)
            _exit(251);
        tool.repository = path;
        status = trove__cmd_cat_file(&tool, 2, argv);
        trove__tool_deinit(&tool);
        _exit(status);
    }
    close(in[0]);
    close(out[1]);
    to = fdopen(in[1], "w");
    from = fdopen(out[0], "r");
    for (int i = 0; i < 3; i++) {
        fputs(i == 1 ? "nosuch\n" : "HEAD\n", to);
        fflush(to);
        assert_non_null(fgets(answer, sizeof(answer), from));
        snprintf(expected, sizeof(expected), "%s", i == 1 ? "nosuch missing\n" : at);
        assert_int_equal(strncmp(answer, expected, strlen(expected)), 0);
    }
    fclose(to);
    assert_null(fgets(answer, sizeof(answer), from));
    fclose(from);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    free(id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cat_file__single_objects),
        cmocka_unit_test(cat_file__batches_of_every_form),
        cmocka_unit_test(cat_file__batches_end_where_git_ends_them),
        cmocka_unit_test(cat_file__all_ids),
        cmocka_unit_test(cat_file__own_options),
        cmocka_unit_test(cat_file__what_cannot_be_had),
        cmocka_unit_test(cat_file__answers_a_peer_that_waits),
    };

    return cmocka_run_group_tests(tests, make_repositories, peer_tear_down);
}
