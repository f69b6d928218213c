// SPDX-License-Identifier: MIT
/*
 * logins.c - the names and passwords of one repository's connections.
 *
 * INVARIANTS
 *   I1 of one question at most one connection is asking; it holds no lock meanwhile, and others wait for it.
 *   I2 a credential that is kept has the number that its copies have; none of two answers have the same.
 *
 * Whoever asks may be cancelled, or time out: that is no answer, and one of those who wait asks instead.
 *
 * TESTS tests/unit/test_logins.c
 */
#include "logins.h"

#include <errno.h>
#include <string.h>

#include "condition.h"
#include "core/memory.h"

struct trove__login {
    struct trove__bytes question;
    struct trove__credential credential; /* the last answer; number 0: none, or it did not work */
    bool asking, approved;
    uint64_t asked, unanswered; /* how often; the last time that the helpers gave nothing */
    struct trove__login *next;
};

void trove__logins_init(struct trove__logins *logins)
{
    *logins = (struct trove__logins){.first = NULL};
    pthread_mutex_init(&logins->lock, NULL);
    trove__condition_init(&logins->changed);
}

static void free_login(struct trove__login *login)
{
    trove__bytes_free(&login->question);
    trove__credential_clear(&login->credential);
    trove__free(login);
}

void trove__logins_deinit(struct trove__logins *logins)
{
    while (logins->first != NULL) {
        struct trove__login *login = logins->first;
        logins->first = login->next;
        free_login(login);
    }
    pthread_cond_destroy(&logins->changed);
    pthread_mutex_destroy(&logins->lock);
}

void trove__logins_forget(struct trove__logins *logins)
{
    for (struct trove__login *login = logins->first; login != NULL; login = login->next)
        login->asking = false;
    logins->waiting = 0;
    trove__condition_init(&logins->changed);
}

/* The one for URL, made when it is new; NULL: no memory. */
static struct trove__login *find_locked(struct trove__logins *logins, const struct trove__url *url)
{
    struct trove__login *made = trove__calloc(1, sizeof(*made));

    if (made == NULL || trove__credential_question(url, &made->question) < 0) {
        trove__free(made);
        return NULL;
    }
    for (struct trove__login *login = logins->first; login != NULL; login = login->next) {
        if (login->question.size == made->question.size &&
            memcmp(login->question.data, made->question.data, made->question.size) == 0) {
            free_login(made);
            return login;
        }
    }
    made->next = logins->first;
    logins->first = made;
    return made;
}

/* Waits while another connection asks. 0: there is an answer, or it is this one's turn. */
static int await_locked(struct trove__logins *logins, struct trove__login *login,
                        struct trove__io *io, struct trove_error *err)
{
    int status = 0;

    logins->waiting++;
    while (status == 0 && login->asking) {
        uint64_t asked = login->asked;
        status = trove__condition_wait(&logins->changed, &logins->lock, &io->until);
        if (login->unanswered == asked)
            status = trove__credential_unknown(err);
        else if (status < 0)
            trove_error_set(err, status, "waiting for a name and password: %s",
                            trove_strerror(status));
    }
    logins->waiting--;
    return status;
}

/* Keeps a copy of an answer, if there is memory for it. */
static void keep_locked(struct trove__logins *logins, struct trove__login *login,
                        struct trove__credential *credential)
{
    struct trove__credential copy;

    if (trove__credential_copy(credential, &copy) < 0)
        return;
    trove__credential_clear(&login->credential);
    login->credential = copy;
    login->credential.number = credential->number = ++logins->answers;
    login->approved = false;
}

/* Asks the helpers, while others wait. */
static int ask_locked(struct trove__logins *logins, struct trove__login *login,
                      const struct trove__url *url, struct trove__io *io,
                      struct trove__credential *ret, struct trove_error *err)
{
    int status;

    login->asking = true;
    login->asked++;
    pthread_mutex_unlock(&logins->lock);
    status = trove__credential_fill(url, io, ret, err);
    pthread_mutex_lock(&logins->lock);
    if (status == 0)
        keep_locked(logins, login, ret);
    else if (status == -EACCES)
        login->unanswered = login->asked;
    login->asking = false;
    pthread_cond_broadcast(&logins->changed);
    return status;
}

static int get_locked(struct trove__logins *logins, const struct trove__url *url,
                      struct trove__io *io, struct trove__credential *ret, struct trove_error *err)
{
    struct trove__login *login = find_locked(logins, url);
    int status;

    if (login == NULL)
        return trove__credential_no_memory(err);
    status = await_locked(logins, login, io, err);
    if (status < 0)
        return status;
    if (login->credential.number == 0)
        return ask_locked(logins, login, url, io, ret, err);
    if (trove__credential_copy(&login->credential, ret) < 0)
        return trove__credential_no_memory(err);
    ret->is_shared = true;
    return 0;
}

int trove__logins_get(struct trove__logins *logins, const struct trove__url *url,
                      struct trove__io *io, struct trove__credential *ret, struct trove_error *err)
{
    int status;

    if (logins == NULL)
        return trove__credential_fill(url, io, ret, err);
    pthread_mutex_lock(&logins->lock);
    status = get_locked(logins, url, io, ret, err);
    pthread_mutex_unlock(&logins->lock);
    return status;
}

/* Whether the helpers are still to be told of the answer with NUMBER. */
static bool note_locked(struct trove__logins *logins, uint64_t number, bool worked)
{
    struct trove__login *login = logins->first;
    bool is_news;

    while (login != NULL && login->credential.number != number)
        login = login->next;
    if (login == NULL)
        return false; /* somebody else said that it does not work */
    is_news = !worked || !login->approved;
    login->approved = worked;
    if (!worked)
        trove__credential_clear(&login->credential);
    return is_news;
}

void trove__logins_report(struct trove__logins *logins, const struct trove__credential *credential,
                          bool worked, struct trove__io *io)
{
    bool is_news = true;

    if (logins != NULL && credential->number != 0) {
        pthread_mutex_lock(&logins->lock);
        is_news = note_locked(logins, credential->number, worked);
        pthread_mutex_unlock(&logins->lock);
    }
    if (is_news)
        trove__credential_report(credential, worked, io);
}
