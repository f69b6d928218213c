// SPDX-License-Identifier: MIT
/*
 * logins.h - the names and passwords of one repository's connections: whoever is asked by the server looks here first, so
 * that the user is asked once.
 */
#ifndef TROVE_FETCH_LOGINS_H
#define TROVE_FETCH_LOGINS_H

#include <pthread.h>

#include "credential.h"

struct trove__login; /* what is known about one question to the helpers */

struct trove__logins {
    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    struct trove__login *first;
    uint64_t answers; /* so far: each has a number */
    unsigned waiting; /* connections that wait for somebody's answer */
};

void trove__logins_init(struct trove__logins *logins);
void trove__logins_deinit(struct trove__logins *logins); /* wipes all of it */
/* In a child of fork(), the lock held: who asked or waited is not here. */
void trove__logins_forget(struct trove__logins *logins);

/* What URL needs: the last answer to the same question (protocol, host, port, path, user); the one that the helpers, or the
 * user, are about to give to another connection; or else what they are asked for now (trove__credential_fill()). When they
 * give none, those who waited hear that too. LOGINS NULL: asked for. */
int trove__logins_get(struct trove__logins *logins, const struct trove__url *url,
                      struct trove__io *io, struct trove__credential *ret, struct trove_error *err);
/* What became of an answer; the helpers are told once. One that did not work is forgotten. */
void trove__logins_report(struct trove__logins *logins, const struct trove__credential *credential,
                          bool worked, struct trove__io *io);

#endif
