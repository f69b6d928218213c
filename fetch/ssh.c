// SPDX-License-Identifier: MIT
/*
 * ssh.c - the command line of the user's ssh, as git builds it.
 */
#include "ssh.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum variant { VARIANT_AUTO, VARIANT_SIMPLE, VARIANT_SSH, VARIANT_PUTTY, VARIANT_TORTOISE };

static const struct {
    const char *name;
    enum variant variant;
} variants[] = {
    {"auto", VARIANT_AUTO},   {"simple", VARIANT_SIMPLE}, {"ssh", VARIANT_SSH},
    {"plink", VARIANT_PUTTY}, {"putty", VARIANT_PUTTY},   {"tortoiseplink", VARIANT_TORTOISE},
};

static enum variant variant_of(const char *name, size_t length)
{
    if (length > 4 && strncasecmp(name + length - 4, ".exe", 4) == 0)
        length -= 4;
    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
        if (strlen(variants[i].name) == length && strncasecmp(variants[i].name, name, length) == 0)
            return variants[i].variant;
    return VARIANT_AUTO;
}

/* The variant by the program's own name: the first word of a shell command, without its folders. */
static enum variant variant_of_command(const char *command, bool is_shell)
{
    size_t length = strlen(command), start = 0;
    char quote = '\0';

    if (is_shell) {
        while (isspace((unsigned char)*command))
            command++;
        if (*command == '\'' || *command == '"')
            quote = *command++;
        length =
            quote != '\0' ? strcspn(command, quote == '"' ? "\"" : "'") : strcspn(command, " \t\n");
    }
    for (size_t i = 0; i < length; i++)
        if (command[i] == '/')
            start = i + 1;
    return variant_of(command + start, length - start);
}

void trove__ssh_command_clear(struct trove__ssh_command *command)
{
    trove__bytes_free(&command->shell);
    trove__bytes_free(&command->host);
    trove__bytes_free(&command->remote);
}

/* The words that start the program: itself, or a shell that runs it with the arguments that follow. */
static size_t add_program(struct trove__ssh_command *command, const char *program, bool is_shell)
{
    size_t used = 0;

    if (!is_shell) {
        command->args[used++] = program;
        return used;
    }
    trove__bytes_addf(&command->shell, "%s \"$@\"", program);
    command->args[used++] = "sh";
    command->args[used++] = "-c";
    command->args[used++] = trove__bytes_text(&command->shell);
    command->args[used++] = program;
    return used;
}

/* Asks an unknown program whether it takes OpenSSH's options, as git does. */
static int probe(struct trove__ssh_command *command, size_t used, struct trove__io *io,
                 enum variant *ret, struct trove_error *err)
{
    const struct trove__child_spec spec = {.args = command->args};
    struct trove__bytes out = {0};
    int status, result;

    command->args[used] = "-G";
    command->args[used + 1] = (const char *)command->host.data;
    command->args[used + 2] = NULL;
    result = trove__child_run(&spec, NULL, 0, &out, 1 << 20, io, &status, err);
    trove__bytes_free(&out);
    if (result == 0)
        *ret = status == 0 ? VARIANT_SSH : VARIANT_SIMPLE;
    return result;
}

static int add_options(struct trove__ssh_command *command, size_t used, enum variant variant,
                       const struct trove__url *url, struct trove_error *err)
{
    if (variant == VARIANT_SSH) {
        command->args[used++] = "-o";
        command->args[used++] = "SendEnv=GIT_PROTOCOL";
    }
    if (variant == VARIANT_TORTOISE)
        command->args[used++] = "-batch";
    if (url->port != NULL) {
        if (variant == VARIANT_SIMPLE)
            return trove_error_set(
                err, -ENOTSUP,
                "this ssh program takes no port (set GIT_SSH_VARIANT or ssh.variant)");
        command->args[used++] = variant == VARIANT_SSH ? "-p" : "-P";
        command->args[used++] = url->port;
    }
    command->args[used++] = (const char *)command->host.data;
    command->args[used++] = (const char *)command->remote.data;
    command->args[used] = NULL;
    return 0;
}

/* The program, and whether it is a shell command. */
static const char *find_program(const struct trove__git_config *config, bool *ret_is_shell)
{
    const char *program = getenv("GIT_SSH_COMMAND");

    if (program == NULL)
        program = trove__git_config_get(config, "core.sshcommand");
    *ret_is_shell = program != NULL;
    if (program == NULL)
        program = getenv("GIT_SSH");
    return program != NULL ? program : "ssh";
}

static enum variant find_variant(const struct trove__git_config *config, const char *program,
                                 bool is_shell)
{
    const char *name = getenv("GIT_SSH_VARIANT");

    if (name == NULL)
        name = trove__git_config_get(config, "ssh.variant");
    if (name != NULL && variant_of(name, strlen(name)) != VARIANT_AUTO)
        return variant_of(name, strlen(name));
    return variant_of_command(program, is_shell);
}

int trove__ssh_command(const struct trove__url *url, const struct trove__git_config *config,
                       struct trove__io *io, struct trove__ssh_command *ret,
                       struct trove_error *err)
{
    struct trove__ssh_command command = {0};
    bool is_shell;
    const char *program = find_program(config, &is_shell);
    enum variant variant = find_variant(config, program, is_shell);
    size_t used = add_program(&command, program, is_shell);
    int result = 0;

    trove__bytes_addf(&command.host, "%s%s%s", url->user != NULL ? url->user : "",
                      url->user != NULL ? "@" : "", url->host);
    trove__bytes_addf(&command.remote, "git-upload-pack ");
    trove__shell_quote(&command.remote, url->path);
    if (trove__bytes_text(&command.host) == NULL || trove__bytes_text(&command.remote) == NULL ||
        command.shell.failed)
        result = trove_error_set(err, -ENOMEM, "no memory for the ssh command");
    if (result == 0 && variant == VARIANT_AUTO)
        result = probe(&command, used, io, &variant, err);
    if (result == 0)
        result = add_options(&command, used, variant, url, err);
    if (result < 0)
        trove__ssh_command_clear(&command);
    else
        *ret = command;
    return result;
}
