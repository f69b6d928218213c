// SPDX-License-Identifier: MIT
/*
 * question.h - asking a server which of some ids it has.
 *
 * A server refuses a whole request for the first id that it does not have, and names that one alone: whoever takes it out
 * and asks again pays a request for each. But negotiation tells all at once: a server acknowledges each `have` of an
 * object that it has, of any type, and sends no pack before it hears `done` (git since 2.32, which GitHub and GitLab
 * run; JGit where configured).
 */
#ifndef TROVE_FETCH_QUESTION_H
#define TROVE_FETCH_QUESTION_H

#include "transfer.h"

/* Asks about what is left of TRANSFER's rounds, ids of TYPE; what the server does not have is refused, in rounds and sink.
 * When nothing can be learned that way, nothing changes. */
void trove__question_ask(struct trove__transfer *transfer, enum trove_type type);

#endif
