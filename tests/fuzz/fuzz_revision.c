// SPDX-License-Identifier: MIT
/*
 * fuzz_revision.c - how revisions are written. Every step moves on, paths point into the revision, and what was
 * understood, written out again, is understood the same way.
 */
#include "fetch/revision_syntax.h"
#include "fuzz.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Writes STEP as git's manual does. */
static void write_step(FILE *out, const struct trove__revision_step *step)
{
    if (step->kind == TROVE__STEP_PARENT)
        fprintf(out, "^%u", step->number);
    else if (step->kind == TROVE__STEP_ANCESTOR)
        fprintf(out, "~%u", step->number);
    else if (step->kind == TROVE__STEP_OBJECT)
        fputs("^{object}", out);
    else if (step->kind == TROVE__STEP_PEEL)
        fprintf(out, "^{%s}", step->type == TROVE_ANY ? "" : trove_type_name(step->type));
    else
        fprintf(out, ":%s", step->path);
}

/* Returns what was understood of REVISION, written out; NULL if it was refused. */
static char *understood(enum trove_algo algo, const char *revision)
{
    struct trove__revision_base base;
    struct trove__revision_step step;
    char hex[TROVE_OID_HEX_MAX + 1], *text = NULL;
    const char *at, *before;
    size_t size;
    int status = trove__revision_base(algo, revision, &base, &at, NULL);
    FILE *out = open_memstream(&text, &size);

    CHECK(out != NULL);
    if (status == 0) {
        CHECK(at > revision && at <= revision + strlen(revision));
        CHECK(base.is_id || trove__ref_name_ok(base.name, strlen(base.name)));
        fputs(base.is_id ? trove_oid_to_hex(algo, &base.id, hex) : base.name, out);
    }
    while (status == 0 && *at != '\0') {
        before = at;
        status = trove__revision_step(&at, &step, NULL);
        if (status < 0) {
            CHECK(at == before);
            break;
        }
        CHECK(at > before && at <= revision + strlen(revision));
        CHECK(step.kind != TROVE__STEP_PATH || step.path == before + 1);
        write_step(out, &step);
    }
    CHECK(status == 0 || status == -ENOENT || status == -ENOTSUP);
    fclose(out);
    if (status == 0)
        return text;
    free(text);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *revision, *once, *twice;
    enum trove_algo algo;

    if (size == 0)
        return 0;
    algo = data[0] & 1 ? TROVE_SHA256 : TROVE_SHA1;
    revision = strndup((const char *)data + 1, size - 1);
    CHECK(revision != NULL);
    once = understood(algo, revision);
    if (once != NULL) {
        twice = understood(algo, once);
        CHECK(twice != NULL && strcmp(once, twice) == 0);
        free(twice);
    }
    free(once);
    free(revision);
    return 0;
}
