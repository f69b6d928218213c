// SPDX-License-Identifier: MIT
/*
 * main.c - the `trove` program: reads its own options and finds the subcommand.
 */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "common.h"

struct command {
    const char *name;
    trove__command_fn run;
    const char *summary;
};

static const struct command commands[] = {
    {"cat-file", trove__cmd_cat_file, "show objects: contents, types, sizes"},
    {"grep", trove__cmd_grep, "search revisions as git grep does"},
    {"ls-tree", trove__cmd_ls_tree, "list the entries of a tree"},
};

/* What jemalloc is told at its start (MALLOC_CONF may say otherwise): freed memory goes back to the system at once, so
 * that what is resident stays close to what --max-bytes says. Measured to cost nothing: most blocks are used again. */
__attribute__((visibility("default"))) extern const char *malloc_conf;
const char *malloc_conf = "narenas:4,dirty_decay_ms:0,muzzy_decay_ms:0";

static const char usage_text[] =
    "usage: trove -C REPOSITORY [trove's options] COMMAND [options and arguments]\n"
    "\n"
    "REPOSITORY is a path, file://, ssh://, host:path, git://, http:// or https://. Nothing is cloned.\n"
    "\n"
    "trove's options, before or after the command's name:\n"
    "    --max-bytes N[kMG]    memory for cached objects (256M)\n"
    "    --max-inflight N[kMG] memory for packs under way (half of --max-bytes, at least 64M)\n"
    "    --timeout SECONDS     give up when all of it takes longer than this (no limit)\n"
    "    --low-speed BYTES/SECONDS\n"
    "                          give up when the server sends fewer bytes a second for so long (1000/30; 0/0: never)\n"
    "    --stats[=json]        what it cost, on standard error\n"
    "    --[no-]progress       a progress bar (default: on a terminal)\n"
    "\n"
    "commands:\n";

static void print_usage(FILE *out)
{
    fputs(usage_text, out);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(out, "    %-20s  %s\n", commands[i].name, commands[i].summary);
}

static int usage(void)
{
    print_usage(stderr);
    return TROVE__EXIT_USAGE;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int print_and_exit(const char *word)
{
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0)
        printf("trove version %s\n", trove_version());
    else
        print_usage(stdout);
    return fflush(stdout) == 0 ? 0 : TROVE__EXIT_FATAL;
}

static bool is_about_trove(const char *word)
{
    static const char *const words[] = {"--version", "version", "--help", "-h", "help"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

/* The words before the command's name. Returns the exit status, or -1 with *INDEX at the command. */
static int read_own_options(struct trove__tool *tool, int argc, char **argv, int *index)
{
    int i;

    for (i = 1; i < argc; i++) {
        int taken;

        if (is_about_trove(argv[i]))
            return print_and_exit(argv[i]);
        if (argv[i][0] != '-')
            break;
        if (strcmp(argv[i], "-C") == 0) {
            if (++i == argc)
                return trove__usage_error(usage_text, "no repository given for `-C'");
            tool->repository = argv[i];
            continue;
        }
        taken = trove__tool_own_option(tool, argc, argv, &i);
        if (taken == 0)
            return trove__usage_error(usage_text, "unknown option: %s", argv[i]);
        if (taken != 1)
            return taken;
    }
    *index = i;
    return i < argc ? -1 : usage();
}

static int run(struct trove__tool *tool, int argc, char **argv)
{
    const struct command *command;
    int index = argc, status;

    status = read_own_options(tool, argc, argv, &index);
    if (status >= 0)
        return status;
    command = find_command(argv[index]);
    if (command == NULL)
        return trove__usage_error(usage_text, "'%s' is not a trove command", argv[index]);
    return command->run(tool, argc - index, argv + index);
}

int main(int argc, char **argv)
{
    struct trove__tool tool;
    int status;

    setlocale(LC_CTYPE, ""); /* patterns and case follow the user's character set, as git's do */
    /* A reader that goes away is an error of write(), so that transfers end cleanly; deinit makes it a signal again. */
    signal(SIGPIPE, SIG_IGN);
    status = trove__tool_init(&tool);
    if (status < 0)
        return trove__fatal("cannot start: %s", trove_strerror(status));
    status = run(&tool, argc, argv);
    trove__tool_deinit(&tool);
    return status;
}
