// SPDX-License-Identifier: MIT
/*
 * peer.c - folders, repositories and servers for tests.
 */
#include "peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- folders and repositories ------------------------------------------------------------------------------------ */

void peer_isolate(void)
{
    static const char *const unset[] = {
        "GIT_SSL_CAINFO",      "GIT_SSL_CAPATH",  "GIT_SSL_NO_VERIFY",
        "GIT_SSL_CERT",        "GIT_SSL_KEY",     "GIT_SSH",
        "GIT_SSH_COMMAND",     "GIT_SSH_VARIANT", "GIT_DIR",
        "GIT_HTTP_USER_AGENT", "GIT_CONFIG_COUNT"};
    static const char *const set[][2] = {
        {"GIT_CONFIG_NOSYSTEM", "1"}, {"GIT_CONFIG_GLOBAL", "/dev/null"},
        {"HOME", "/nonexistent"},     {"no_proxy", "*"},
        {"GIT_TERMINAL_PROMPT", "0"}, {"GIT_ASKPASS", "false"}};

    for (size_t i = 0; i < sizeof(unset) / sizeof(unset[0]); i++)
        unsetenv(unset[i]);
    for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
        setenv(set[i][0], set[i][1], 1);
}

static char *format_text(const char *format, va_list args)
{
    char *text;

    assert_true(vasprintf(&text, format, args) >= 0);
    return text;
}

char *peer_make_dir(void)
{
    char *dir = strdup("/tmp/trove-test.XXXXXX");

    assert_non_null(mkdtemp(dir));
    return dir;
}

void peer_remove_dir(char *dir)
{
    peer_shell("chmod -R u+w '%s' && rm -rf '%s'", dir, dir);
    free(dir);
}

char *peer_dir;

int peer_set_up(void **state)
{
    (void)state;
    peer_isolate();
    peer_dir = peer_make_dir();
    return 0;
}

int peer_set_up_repository(void **state)
{
    peer_set_up(state);
    peer_make_repository(peer_dir, "one.git", "sha1");
    return 0;
}

int peer_tear_down(void **state)
{
    (void)state;
    peer_remove_dir(peer_dir);
    return 0;
}

char *peer_program(void)
{
    static char program[512];
    char exe[256] = "";

    /* Asked by this process: another one would be told of valgrind, when that runs it. */
    assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
    /* build/PRESET/tests/test_name and build/PRESET/tools/trove */
    snprintf(program, sizeof(program), "%.*s/../tools/trove", (int)(strrchr(exe, '/') - exe), exe);
    assert_int_equal(access(program, X_OK), 0);
    return program;
}

static char *isolated(const char *format, va_list args)
{
    char *command = format_text(format, args), *text;

    assert_true(asprintf(&text,
                         "export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null"
                         " GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.com"
                         " GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.com"
                         " GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'"
                         "; %s",
                         command) >= 0);
    free(command);
    return text;
}

void peer_shell(const char *format, ...)
{
    va_list args;
    char *command;

    va_start(args, format);
    command = isolated(format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
    free(command);
}

char *peer_output(const char *format, ...)
{
    va_list args;
    char *command, *text = NULL;
    size_t capacity = 0;
    ssize_t size;
    FILE *pipe;

    va_start(args, format);
    command = isolated(format, args);
    va_end(args);
    pipe = popen(command, "re");
    assert_non_null(pipe);
    size = getdelim(&text, &capacity, '\0', pipe);
    assert_int_equal(pclose(pipe), 0);
    if (size < 0)
        text[0] = '\0';
    else if (size > 0 && text[size - 1] == '\n')
        text[size - 1] = '\0';
    free(command);
    return text;
}

void peer_config(const char *dir, const char *format, ...)
{
    char path[256];
    va_list args;
    FILE *file;

    snprintf(path, sizeof(path), "%s/gitconfig", dir);
    file = fopen(path, "we");
    assert_non_null(file);
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    fclose(file);
    setenv("GIT_CONFIG_GLOBAL", path, 1);
}

void peer_make_repository(const char *dir, const char *name, const char *object_format)
{
    peer_shell("set -e; cd '%s'; git init -q -b main --object-format=%s w; cd w;"
               "for i in 1 2 3; do mkdir -p src/d$i; seq $((i * 1000)) >src/d$i/file$i.txt;"
               "  echo \"line $i\" >>README; git add -A; git commit -qm \"commit $i\"; done;"
               "git branch side HEAD~1; git tag -a -m release v1;"
               "cd ..; git clone -q --bare w '%s'; rm -rf w; cd '%s'; git config gc.auto 0",
               dir, object_format, name, name);
}

/* --- real servers ------------------------------------------------------------------------------------------------ */

static void copy_value(char *to, size_t capacity, const char *line, const char *name)
{
    size_t length = strlen(name);

    if (strncmp(line, name, length) != 0)
        return;
    assert_true(strlen(line + length) < capacity);
    memcpy(to, line + length, strlen(line + length) + 1);
}

void peer_start(struct peer *peer, const char *options, const char *root)
{
    int in[2], out[2];
    char *command, line[2048] = "";
    FILE *answers;
    const char *rest = strchr(options, ' ');

    memset(peer, 0, sizeof(*peer));
    assert_true(asprintf(&command, "exec tests/support/serve.py %.*s '%s' %s",
                         (int)strcspn(options, " "), options, root, rest != NULL ? rest : "") >= 0);
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    peer->pid = fork();
    assert_true(peer->pid >= 0);
    if (peer->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    peer->input = in[1];
    answers = fdopen(out[0], "re");
    while (strcmp(line, "READY=1") != 0) {
        if (fgets(line, sizeof(line), answers) == NULL)
            fail_msg("the server does not start: %s", command);
        line[strcspn(line, "\n")] = '\0';
        copy_value(peer->url, sizeof(peer->url), line, "URL=");
        copy_value(peer->ssh, sizeof(peer->ssh), line, "SSH=");
        copy_value(peer->ca, sizeof(peer->ca), line, "CA=");
    }
    fclose(answers);
    free(command);
}

void peer_stop(struct peer *peer)
{
    close(peer->input);
    waitpid(peer->pid, NULL, 0);
}

/* --- scripted servers -------------------------------------------------------------------------------------------- */

/* True while the client is there and nobody asks us to stop; waits up to TIMEOUT_MS for either to change. */
static bool goes_on(struct peer_script *script, int client, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = script->stop[0], .events = POLLIN},
                           {.fd = client, .events = POLLRDHUP}};

    return poll(fds, 2, timeout_ms) == 0;
}

/* Reads until BYTES are in what came. */
static bool read_until(struct peer_script *script, int client, const struct peer_step *step)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = script->stop[0], .events = POLLIN},
                               {.fd = client, .events = POLLIN}};
        ssize_t got;

        if (script->request_size >= step->size &&
            memmem(script->request, script->request_size, step->bytes, step->size) != NULL)
            return true;
        if (script->request_size == sizeof(script->request))
            script->request_size = 0;
        poll(fds, 2, -1);
        if (fds[0].revents != 0)
            return false;
        got = read(client, script->request + script->request_size,
                   sizeof(script->request) - script->request_size);
        if (got <= 0)
            return false;
        script->request_size += (size_t)got;
    }
}

static bool send_bytes(struct peer_script *script, int client, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        struct pollfd fds[] = {{.fd = script->stop[0], .events = POLLIN},
                               {.fd = client, .events = POLLOUT}};
        ssize_t sent;

        poll(fds, 2, -1);
        if (fds[0].revents != 0)
            return false;
        sent = send(client, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return false;
        bytes += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

static bool play(struct peer_script *script, int client, const struct peer_step *step)
{
    switch (step->action) {
    case PEER_READ_UNTIL:
        script->request_size = 0;
        return read_until(script, client, step);
    case PEER_READ_ALSO:
        return read_until(script, client, step);
    case PEER_SEND:
        return send_bytes(script, client, step->bytes, step->size);
    case PEER_REPEAT:
        while (send_bytes(script, client, step->bytes, step->size))
            ;
        return false;
    case PEER_DRIP:
        for (size_t i = 0; goes_on(script, client, 5); i++)
            if (!send_bytes(script, client, (const uint8_t *)step->bytes + i % step->size, 1))
                break;
        return false;
    case PEER_HANG:
        (void)goes_on(script, client, -1);
        return false;
    case PEER_LEAVE_FIRST:
        return script->connections > 1;
    default:
        return false;
    }
}

static void *serve(void *argument)
{
    struct peer_script *script = argument;

    for (;;) {
        struct pollfd fds[] = {{.fd = script->stop[0], .events = POLLIN},
                               {.fd = script->listener, .events = POLLIN}};
        const struct peer_step *step = script->steps;
        int client;

        poll(fds, 2, -1);
        if (fds[0].revents != 0)
            return NULL;
        client = accept4(script->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            continue;
        script->connections++;
        while (step->action != PEER_CLOSE && play(script, client, step))
            step++;
        close(client);
    }
}

void peer_script_start(struct peer_script *script, const struct peer_step *steps)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);

    memset(script, 0, sizeof(*script));
    script->steps = steps;
    script->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(script->listener >= 0);
    assert_int_equal(bind(script->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(script->listener, 16), 0);
    assert_int_equal(getsockname(script->listener, (struct sockaddr *)&address, &length), 0);
    script->port = ntohs(address.sin_port);
    assert_int_equal(pipe2(script->stop, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&script->thread, NULL, serve, script), 0);
}

void peer_script_stop(struct peer_script *script)
{
    assert_int_equal(write(script->stop[1], "x", 1), 1);
    pthread_join(script->thread, NULL);
    close(script->stop[0]);
    close(script->stop[1]);
    close(script->listener);
}

/* --- guarded bytes ----------------------------------------------------------------------------------------------- */

static size_t whole_pages(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (size + page - 1) / page * page;
}

void *peer_guard(const void *bytes, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = whole_pages(size);
    uint8_t *memory =
        mmap(NULL, inside + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(memory + inside, page, PROT_NONE), 0);
    if (size > 0)
        memcpy(memory + inside - size, bytes, size);
    return memory + inside - size;
}

void peer_unguard(void *guarded, size_t size)
{
    size_t inside = whole_pages(size);

    munmap((uint8_t *)guarded + size - inside, inside + (size_t)sysconf(_SC_PAGESIZE));
}
