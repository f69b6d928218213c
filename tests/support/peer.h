// SPDX-License-Identifier: MIT
/*
 * peer.h - what tests talk to: folders, repositories made by git, real servers (serve.py), and a server on loopback that
 * sends exactly what a test tells it. Failures here end the test.
 */
#ifndef TROVE_TESTS_PEER_H
#define TROVE_TESTS_PEER_H

#include "support.h"
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/* Keeps the user's and the machine's settings (configuration, certificates, proxies, ssh) away from what follows. */
void peer_isolate(void);

/* A new folder, removed by peer_remove_dir(). */
char *peer_make_dir(void);
void peer_remove_dir(char *dir);

/* Fixtures of a test program, for cmocka: set_up() isolates and makes a folder; the second one also makes one.git in it
 * (peer_make_repository()). */
extern char *peer_dir;
int peer_set_up(void **state);
int peer_set_up_repository(void **state);
int peer_tear_down(void **state);

/* The `trove` program of the build that the calling test is of; for as long as the test runs. */
char *peer_program(void);

/* Runs a shell command that must succeed, away from the user's own git configuration. */
void peer_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What such a command prints, without the last newline. Own: free(). */
char *peer_output(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes a text, written to a file in DIR, the user's configuration of git. */
void peer_config(const char *dir, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A bare repository DIR/NAME with three commits, a branch, an annotated tag; OBJECT_FORMAT is sha1 or sha256. */
void peer_make_repository(const char *dir, const char *name, const char *object_format);

/* A real server of the repositories below a folder. */
struct peer {
    pid_t pid;
    int input;
    char url[512], ssh[1024], ca[256];
};
/* OPTIONS: "http", "http --auth u:p", "ssh", "git" and so on, as for serve.py. */
void peer_start(struct peer *peer, const char *options, const char *root);
void peer_stop(struct peer *peer);

/* A server on loopback that plays STEPS to each connection, one connection after the other. */
enum peer_action {
    PEER_READ_UNTIL, /* reads until BYTES have come */
    PEER_READ_ALSO,  /* the same, and what the step before it read counts too */
    PEER_SEND,
    PEER_REPEAT,      /* sends BYTES again and again until the client goes */
    PEER_DRIP,        /* the same, a byte every 5 ms */
    PEER_HANG,        /* until the client goes */
    PEER_LEAVE_FIRST, /* closes the first connection; later ones go on */
    PEER_CLOSE,
};
struct peer_step {
    enum peer_action action;
    const void *bytes;
    size_t size;
};
/* Steps as a script writes them. */
#define SAY(text)                                                                                  \
    {                                                                                              \
        PEER_SEND, text, sizeof(text) - 1                                                          \
    }
#define DRIP(text)                                                                                 \
    {                                                                                              \
        PEER_DRIP, text, sizeof(text) - 1                                                          \
    }
#define AFTER(text)                                                                                \
    {                                                                                              \
        PEER_READ_UNTIL, text, sizeof(text) - 1                                                    \
    }
#define ALSO(text)                                                                                 \
    {                                                                                              \
        PEER_READ_ALSO, text, sizeof(text) - 1                                                     \
    }
#define HANG                                                                                       \
    {                                                                                              \
        PEER_HANG, NULL, 0                                                                         \
    }
#define LEAVE_FIRST                                                                                \
    {                                                                                              \
        PEER_LEAVE_FIRST, NULL, 0                                                                  \
    }
#define CLOSE                                                                                      \
    {                                                                                              \
        PEER_CLOSE, NULL, 0                                                                        \
    }

struct peer_script {
    const struct peer_step *steps; /* up to PEER_CLOSE */
    int listener;
    unsigned port;
    unsigned connections; /* so far; to be read after peer_script_stop() */
    pthread_t thread;
    int stop[2];
    char request[65536]; /* what the last connection sent, as far as it was read */
    size_t request_size;
};
void peer_script_start(struct peer_script *script, const struct peer_step *steps);
void peer_script_stop(struct peer_script *script);

/* A copy of SIZE bytes right before a page that may not be touched; freed by peer_unguard(). */
void *peer_guard(const void *bytes, size_t size);
void peer_unguard(void *guarded, size_t size);

#endif
