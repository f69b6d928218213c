// SPDX-License-Identifier: MIT
/*
 * git_config.h - what the user configured git with, as far as transports care: read through git itself, in one call,
 * outside of any repository (the one in the current folder has no say about another).
 */
#ifndef TROVE_FETCH_GIT_CONFIG_H
#define TROVE_FETCH_GIT_CONFIG_H

#include "io.h"
#include "url.h"

struct trove__git_config {
    char *text; /* as `git config -z` prints it: key LF value NUL ... */
    size_t size;
};

/* Reads url.*, http.*, ssh.*, core.sshCommand. Without git on this machine *RET is empty. Returns 0, -ETIMEDOUT, -ECANCELED,
 * -ENOMEM, -EIO. */
int trove__git_config_load(struct trove__io *io, struct trove__git_config *ret,
                           struct trove_error *err);

/* The same for the keys that match KEYS, an extended regular expression. FOLDER: of a repository, whose own configuration
 * counts too, or NULL. COLORS: values are colours, and become escape sequences. -EINVAL if git refuses something. */
struct trove__git_config_query {
    const char *keys, *folder;
    bool colors;
};
int trove__git_config_query(const struct trove__git_config_query *query, struct trove__io *io,
                            struct trove__git_config *ret, struct trove_error *err);
void trove__git_config_clear(struct trove__git_config *config);

/* The last value of KEY (section and name in lower case), or NULL. Borrowed. */
const char *trove__git_config_get(const struct trove__git_config *config, const char *key);
/* One entry after the other, from *OFFSET = 0 on: 1 with KEY as above and VALUE (borrowed), 0 at the end. */
struct trove__git_config_entry {
    const char *key, *value; /* KEY is KEY_SIZE long; VALUE is "true" where none was written */
    size_t key_size;
};
bool trove__git_config_next(const struct trove__git_config *config, size_t *offset,
                            struct trove__git_config_entry *ret);
/* True for git's words for true; a key without a value is true. */
bool trove__git_config_is_true(const char *value);

/* TEXT with the longest url.<base>.insteadOf that it begins with replaced. *RET is own: trove__free(). 0 or -ENOMEM. */
int trove__git_config_rewrite(const struct trove__git_config *config, const char *text, char **ret);

/* The value of http.<url>.NAME for URL, the most specific and then the last; SCOPED: only from sections with a URL.
 * *RET is borrowed, NULL if there is none. 0 or -ENOMEM. */
int trove__git_config_http(const struct trove__git_config *config, const struct trove__url *url,
                           const char *name, bool scoped, const char **ret);
/* Each value of a NAME that may be given several times; "" forgets those before. FN returns non-zero to stop: that, 0, or
 * -ENOMEM is the result. */
int trove__git_config_http_each(const struct trove__git_config *config,
                                const struct trove__url *url, const char *name, bool scoped,
                                int (*fn)(void *context, const char *value), void *context);

#endif
