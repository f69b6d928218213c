// SPDX-License-Identifier: MIT
/*
 * revision_syntax.c - how a revision is written. Ref names hold no '~', '^' or ':', so what begins with one of them is a
 * step, and reading from the left finds what git finds from the right.
 */
#include "revision_syntax.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* --- the base ---------------------------------------------------------------------------------------------------- */

bool trove__ref_name_ok(const char *name, size_t length)
{
    if (length == 0 || length >= TROVE__REF_NAME_MAX || name[0] == '-' || name[length - 1] == '/' ||
        name[length - 1] == '.')
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)name[i];
        if (byte <= ' ' || byte == 0x7f || strchr("~^:?*[\\", byte) != NULL)
            return false;
        if (byte == '.' && (i == 0 || name[i - 1] == '.' || name[i - 1] == '/'))
            return false;
        if (byte == '/' && (i == 0 || name[i - 1] == '/'))
            return false;
    }
    return true;
}

static size_t hex_run(const char *text, size_t length)
{
    size_t i = 0;

    while (i < length && strchr("0123456789abcdefABCDEF", text[i]) != NULL)
        i++;
    return i;
}

/* 4 hex digits or more, also behind "-g" as git describe writes them. */
static bool looks_like_id(const char *text, size_t length)
{
    if (length >= 4 && hex_run(text, length) == length)
        return true;
    for (size_t i = length; i > 2; i--) {
        if (text[i - 1] == 'g' && text[i - 2] == '-')
            return length - i >= 4 && hex_run(text + i, length - i) == length - i;
    }
    return false;
}

static int empty_base(const char *revision, struct trove_error *err)
{
    if (revision[0] == ':' && revision[1] == '/')
        return trove_error_set(
            err, -ENOTSUP, "cannot search commit messages of a remote repository: %s", revision);
    if (revision[0] == ':')
        return trove_error_set(
            err, -ENOTSUP,
            "a remote repository has no index: '%s' needs a revision before the colon", revision);
    return trove_error_set(err, -ENOENT, "bad revision '%s'", revision);
}

int trove__revision_base(enum trove_algo algo, const char *revision,
                         struct trove__revision_base *ret_base, const char **ret_at,
                         struct trove_error *err)
{
    size_t length = strcspn(revision, "~^:"), hex_length = trove_oid_bytes(algo) * 2;
    struct trove__revision_base base = {0};

    if (length == 0)
        return empty_base(revision, err);
    /* "@{" starts a reflog entry, a date or a branch's upstream; its braces may hold anything. */
    if (memmem(revision, length, "@{", 2) != NULL)
        return trove_error_set(err, -ENOTSUP, "a remote repository shows no reflog or upstream: %s",
                               revision);
    if (length == hex_length && hex_run(revision, length) == length) {
        base.is_id = true;
        if (trove_oid_from_hex(algo, revision, length, &base.id) < 0)
            return -EINVAL;
    } else if (length == 1 && revision[0] == '@') {
        strcpy(base.name, "HEAD");
    } else if (trove__ref_name_ok(revision, length)) {
        memcpy(base.name, revision, length);
        base.looks_like_id = looks_like_id(revision, length);
    } else {
        return trove_error_set(err, -ENOENT, "bad revision '%s'", revision);
    }
    *ret_base = base;
    *ret_at = revision + length;
    return 0;
}

/* --- steps ------------------------------------------------------------------------------------------------------- */

/* Decimal digits at *AT, 1 if there are none. */
static int read_number(const char **at, uint32_t *ret_number)
{
    const char *digit = *at;
    uint64_t number = 0;

    for (; *digit >= '0' && *digit <= '9'; digit++) {
        number = number * 10 + (uint64_t)(*digit - '0');
        if (number > INT_MAX)
            return -ENOENT;
    }
    *ret_number = digit == *at ? 1 : (uint32_t)number;
    *at = digit;
    return 0;
}

/* The inside of "^{...}" at TEXT, LENGTH bytes. */
static int read_braces(const char *text, size_t length, struct trove__revision_step *step)
{
    if (length > 0 && text[0] == '/')
        return -ENOTSUP;
    step->kind = TROVE__STEP_PEEL;
    step->type = trove_type_from_name(text, length);
    if (length == 0)
        return 0;
    if (length == strlen("object") && memcmp(text, "object", length) == 0)
        step->kind = TROVE__STEP_OBJECT;
    else if (step->type == TROVE_ANY)
        return -ENOENT;
    return 0;
}

static int read_caret(const char **at, struct trove__revision_step *step)
{
    const char *end;
    int status;

    step->kind = TROVE__STEP_PARENT;
    if (**at != '{')
        return read_number(at, &step->number);
    end = strchr(*at, '}');
    if (end == NULL)
        return -ENOENT;
    status = read_braces(*at + 1, (size_t)(end - *at) - 1, step);
    *at = end + 1;
    return status;
}

int trove__revision_step(const char **at, struct trove__revision_step *ret_step,
                         struct trove_error *err)
{
    struct trove__revision_step step = {0};
    const char *start = *at, *next = start + 1;
    int status = 0;

    switch (*start) {
    case ':':
        step.kind = TROVE__STEP_PATH;
        step.path = next;
        next += strlen(next);
        break;
    case '~':
        step.kind = TROVE__STEP_ANCESTOR;
        status = read_number(&next, &step.number);
        break;
    case '^':
        status = read_caret(&next, &step);
        break;
    default:
        status = -ENOENT;
    }
    if (status == -ENOTSUP)
        return trove_error_set(err, status,
                               "cannot search commit messages of a remote repository: '%s'", start);
    if (status < 0)
        return trove_error_set(err, status, "bad revision: '%s' is no step to another object",
                               start);
    *at = next;
    *ret_step = step;
    return 0;
}

const char *trove__revision_path(const char *revision)
{
    unsigned braces = 0;

    for (; *revision != '\0'; revision++) {
        if (*revision == ':' && braces == 0)
            return revision + 1;
        braces += *revision == '{';
        braces -= *revision == '}' && braces != 0;
    }
    return NULL;
}
