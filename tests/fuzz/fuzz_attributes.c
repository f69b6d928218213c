// SPDX-License-Identifier: MIT
/*
 * fuzz_attributes.c - any file of attributes, for any path.
 *
 * Properties: an answer depends on nothing that was asked before; a file added after another wins where it says something
 * about every path; a file that says nothing changes nothing; a driver that is set decides for the files that name it.
 */
#include "clean_path.h"
#include "fuzz.h"
#include "grep/attributes.h"
#include <stdlib.h>
#include <string.h>

enum { PATH_LENGTH_MAX = 64, PATHS_MAX = 3, TEXT_LENGTH_MAX = 4096 };

/* The folders' files: the text, for the top and for one folder. */
struct work_tree {
    const char *text;
    size_t size;
};

static int load(void *context, const char *folder, struct trove__text *out)
{
    const struct work_tree *tree = context;

    if (folder[0] == '\0' || strcmp(folder, "d/") == 0)
        trove__text_add(out, tree->text, tree->size);
    return out->failure;
}

static struct trove__attributes *create(const struct work_tree *tree)
{
    struct trove__attributes *attributes;

    CHECK(trove__attributes_create(load, (void *)tree, &attributes) == 0);
    return attributes;
}

static void add(struct trove__attributes *attributes, enum trove__attributes_place place,
                const char *text, size_t size)
{
    CHECK(trove__attributes_add(attributes, place, text, size) == 0);
}

static enum trove__content ask(struct trove__attributes *attributes, const char *path)
{
    enum trove__content content = TROVE__CONTENT_LOOK;

    CHECK(trove__attributes_content(attributes, path, &content) == 0);
    return content;
}

static struct trove__attributes *with_all(const struct work_tree *tree)
{
    struct trove__attributes *attributes = create(tree);

    add(attributes, TROVE__ATTRIBUTES_FIRST, tree->text, tree->size);
    add(attributes, TROVE__ATTRIBUTES_LAST, tree->text, tree->size);
    return attributes;
}

static void check_alone(const struct work_tree *tree, const char *path, enum trove__content content)
{
    struct trove__attributes *attributes = with_all(tree);

    CHECK(ask(attributes, path) == content);
    /* Nothing in it: comments, exclusions and folders are no patterns. */
    add(attributes, TROVE__ATTRIBUTES_LAST, "# *\n!* -diff\n*/ -diff\n* /bad/ -diff\n", 36);
    CHECK(ask(attributes, path) == content);
    CHECK(trove__attributes_set_driver(attributes, "of-its-own", 10, TROVE__CONTENT_TEXT) == 0);
    add(attributes, TROVE__ATTRIBUTES_LAST, "* -diff\n", 8);
    CHECK(ask(attributes, path) == TROVE__CONTENT_BINARY);
    add(attributes, TROVE__ATTRIBUTES_LAST, "* diff=of-its-own\n", 18);
    CHECK(ask(attributes, path) == TROVE__CONTENT_TEXT);
    add(attributes, TROVE__ATTRIBUTES_LAST, "* !diff\n", 8);
    CHECK(ask(attributes, path) == ask(attributes, NULL));
    trove__attributes_destroy(attributes);
}

/* Paths, each with a NUL behind it, an empty one, the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char paths[PATHS_MAX][PATH_LENGTH_MAX + 1];
    enum trove__content contents[PATHS_MAX];
    struct trove__attributes *attributes;
    struct work_tree tree;
    size_t count = 0;

    for (const uint8_t *end; (end = memchr(data, '\0', size)) != NULL && end > data;) {
        if (count < PATHS_MAX &&
            clean_path(data, (size_t)(end - data), PATH_LENGTH_MAX, paths[count]) > 0)
            count++;
        size -= (size_t)(end - data) + 1;
        data = end + 1;
    }
    if (count == 0 || size > TEXT_LENGTH_MAX)
        return 0;
    tree = (struct work_tree){.text = (const char *)data, .size = size};
    attributes = with_all(&tree);
    for (size_t i = 0; i < count; i++)
        contents[i] = ask(attributes, paths[i]);
    for (size_t i = count; i-- > 0;)
        CHECK(ask(attributes, paths[i]) == contents[i]);
    trove__attributes_destroy(attributes);
    for (size_t i = 0; i < count; i++)
        check_alone(&tree, paths[i], contents[i]);
    return 0;
}
