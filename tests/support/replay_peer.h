// SPDX-License-Identifier: MIT
/*
 * replay_peer.h - a conversation with a real server, recorded through a relay on loopback and played back as often as a
 * test likes, cut where it likes. Failures here end the test.
 */
#ifndef TROVE_TESTS_REPLAY_PEER_H
#define TROVE_TESTS_REPLAY_PEER_H

#include "support.h"
#include <pthread.h>
#include <stdbool.h>

#define REPLAY_EXCHANGES_MAX 16

struct replay_bytes {
    uint8_t *data;
    size_t size;
};

/* What a client sent, and what the server answered. */
struct replay_exchange {
    struct replay_bytes request, answer;
};

struct replay_peer {
    int listener, stop[2];
    unsigned port, upstream;
    bool speaks_first; /* plays the first answer to whoever connects, as a server behind ssh does */
    pthread_t thread;
    pthread_mutex_t lock;                                   /* all below */
    struct replay_exchange exchanges[REPLAY_EXCHANGES_MAX]; /* grow while recording only */
    size_t count;
    size_t left; /* bytes until the connection is cut; SIZE_MAX: never */
    bool was_cut, busy;
    pthread_cond_t idle;
};

/* Relays connections to UPSTREAM, a port on loopback, and records them, until replay_peer_play() is called. */
void replay_peer_record(struct replay_peer *peer, unsigned upstream);
void replay_peer_play(struct replay_peer *peer, bool speaks_first);
void replay_peer_stop(struct replay_peer *peer);

/* The connection is closed after BYTES more of answers, once. Not while a client is connected. */
void replay_peer_cut(struct replay_peer *peer, size_t bytes);
/* Waits until the last client that was answered is gone. */
void replay_peer_settle(struct replay_peer *peer);
bool replay_peer_was_cut(struct replay_peer *peer);
/* Of all answers together. */
size_t replay_peer_bytes(const struct replay_peer *peer);

/* From now on the ssh that trove starts is one that leads to the port of the address, on this machine (replay_pipe.c). */
void replay_peer_be_ssh(void);
void replay_peer_be_no_ssh(void);

#endif
