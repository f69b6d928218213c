// SPDX-License-Identifier: MIT
/*
 * main.c - the `trove` program: finds the subcommand.
 */
#include <stdio.h>
#include <trove/trove.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fprintf(stderr, "trove %s\n", trove_version());
    return 129;
}
