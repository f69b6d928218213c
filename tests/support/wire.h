// SPDX-License-Identifier: MIT
/*
 * wire.h - what a small git server says, for scripts (peer.h), and listeners that keep nothing.
 */
#ifndef TROVE_TESTS_WIRE_H
#define TROVE_TESTS_WIRE_H

#include "peer.h"
#include <trove/git.h>

/* Protocol v2: capabilities, a pack of four bytes. */
#define CAPS "000eversion 2\n000cls-refs\n0019fetch=shallow filter\n0000"
#define PACK "000dpackfile\n0009\1PACK0000"

/* Over HTTP. */
#define CAPS_TYPE "Content-Type: application/x-git-upload-pack-advertisement\r\n"
#define PACK_TYPE "Content-Type: application/x-git-upload-pack-result\r\n"
#define GET_OK "HTTP/1.1 200 OK\r\n" CAPS_TYPE "Content-Length: 55\r\n\r\n" CAPS
#define PACK_OK "HTTP/1.1 200 OK\r\n" PACK_TYPE "Content-Length: 26\r\n\r\n" PACK
/* The end of a request's head. */
#define GET AFTER("\r\n\r\n")

/* Whether TEXT is in what the last connection of SCRIPT sent. */
bool wire_sent(const struct peer_script *script, const char *text);

/* Listeners: to references; to a pack; to a pack whose bytes are counted, in a size_t. */
int wire_no_ref(void *context, const struct trove_git_ref *ref);
int wire_no_pack(void *context, const void *bytes, size_t size, struct trove_error *err);
int wire_count_pack(void *total, const void *bytes, size_t size, struct trove_error *err);

#endif
