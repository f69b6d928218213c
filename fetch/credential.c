// SPDX-License-Identifier: MIT
/*
 * credential.c - a name and password from git's credential helpers.
 */
#include "credential.h"
#include "child.h"
#include "core/memory.h"
#include <errno.h>
#include <string.h>

#define ANSWER_MAX_BYTES (64 << 10)

static int run(const char *verb, const void *input, size_t size, struct trove__bytes *out,
               struct trove__io *io, int *ret_status, struct trove_error *err)
{
    const char *const args[] = {"git", "credential", verb, NULL};
    /* Outside of any repository: the one in the current folder has no say about another. */
    static const char *const env[] = {"GIT_DIR=/dev/null", NULL};
    const struct trove__child_spec spec = {.args = args, .env = env};
    struct trove__io patient; /* somebody who types a password is not a slow server */

    trove__io_begin(&patient, &io->until, 0, 0);
    return trove__child_run(&spec, input, size, out, ANSWER_MAX_BYTES, &patient, ret_status, err);
}

static void wipe(struct trove__bytes *bytes)
{
    if (bytes->data != NULL)
        explicit_bzero(bytes->data, bytes->capacity);
    trove__bytes_free(bytes);
}

void trove__credential_clear(struct trove__credential *credential)
{
    if (credential->password != NULL)
        explicit_bzero(credential->password, strlen(credential->password));
    trove__free(credential->user);
    trove__free(credential->password);
    wipe(&credential->answer);
    *credential = (struct trove__credential){0};
}

/* Sets *RET to the value of the line "NAME=..." in ANSWER, a string of its own, if there is one. 0 or -ENOMEM. */
static int take_line(const struct trove__bytes *answer, const char *name, char **ret)
{
    size_t length = strlen(name), size;

    for (const char *at = (const char *)answer->data; *at != '\0';
         at += size + (at[size] == '\n')) {
        size = strcspn(at, "\n");
        if (size > length && strncmp(at, name, length) == 0 && at[length] == '=') {
            *ret = trove__strndup(at + length + 1, size - length - 1);
            return *ret != NULL ? 0 : -ENOMEM;
        }
    }
    return 0;
}

int trove__credential_question(const struct trove__url *url, struct trove__bytes *ret)
{
    struct trove__bytes question = {0};
    bool is_v6 = strchr(url->host, ':') != NULL; /* helpers know it as it stands in an address */

    trove__bytes_addf(&question, "protocol=%s\nhost=%s%s%s%s%s\npath=%s\n",
                      url->scheme == TROVE__HTTPS ? "https" : "http", is_v6 ? "[" : "", url->host,
                      is_v6 ? "]" : "", url->port != NULL ? ":" : "",
                      url->port != NULL ? url->port : "", url->path + (url->path[0] == '/'));
    if (url->user != NULL)
        trove__bytes_addf(&question, "username=%s\n", url->user);
    if (question.failed) {
        trove__bytes_free(&question);
        return -ENOMEM;
    }
    *ret = question;
    return 0;
}

int trove__credential_unknown(struct trove_error *err)
{
    return trove_error_set(err, -EACCES,
                           "the server asks for a name and password, and no credential "
                           "helper gives one (git credential fill)");
}

int trove__credential_no_memory(struct trove_error *err)
{
    return trove_error_set(err, -ENOMEM, "no memory for a credential");
}

int trove__credential_copy(const struct trove__credential *credential,
                           struct trove__credential *ret)
{
    struct trove__credential copy = {.number = credential->number};
    bool failed;

    copy.password = trove__strdup(credential->password);
    failed = copy.password == NULL;
    if (credential->user != NULL)
        failed |= (copy.user = trove__strdup(credential->user)) == NULL;
    trove__bytes_add(&copy.answer, credential->answer.data, credential->answer.size);
    if (failed || copy.answer.failed) {
        trove__credential_clear(&copy);
        return -ENOMEM;
    }
    *ret = copy;
    return 0;
}

int trove__credential_fill(const struct trove__url *url, struct trove__io *io,
                           struct trove__credential *ret, struct trove_error *err)
{
    struct trove__credential credential = {0};
    struct trove__bytes question;
    int status = 0, result = trove__credential_question(url, &question);

    if (result == 0) {
        result = run("fill", question.data, question.size, &credential.answer, io, &status, err);
        trove__bytes_free(&question);
    }
    if (result == 0 && status == 0) {
        if (trove__bytes_text(&credential.answer) == NULL ||
            take_line(&credential.answer, "username", &credential.user) < 0 ||
            take_line(&credential.answer, "password", &credential.password) < 0)
            result = -ENOMEM;
    }
    if (result == -ENOMEM)
        trove__credential_no_memory(err);
    if (result == -ENOENT || (result == 0 && credential.password == NULL))
        result = trove__credential_unknown(err);
    if (result < 0)
        trove__credential_clear(&credential);
    else
        *ret = credential;
    return result;
}

void trove__credential_report(const struct trove__credential *credential, bool worked,
                              struct trove__io *io)
{
    struct trove__bytes out = {0};
    int status;

    if (credential->answer.size > 0) /* what came from elsewhere is no helper's business */
        (void)run(worked ? "approve" : "reject", credential->answer.data, credential->answer.size,
                  &out, io, &status, NULL);
    trove__bytes_free(&out);
}
