/* cli.c - the table of commands, and what they share.
 * Does:     find a command or suggest one, print help and errors.
 * Does not: the commands' work.
 * See:      cmd_NAME.c, t/20-cli-usage.t, commands.def (add a command there). */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/nearest.h"

const struct cli_command cli_commands[] = {
#define COMMAND(function, name, args, help, asks_server)                                           \
    {name, args, help, cmd_##function, asks_server},
#include "cli/commands.def"
#undef COMMAND
};
const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);

static void say(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
static void say(const char *format, va_list args)
{
    fputs("galley: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int cli_fail(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return status;
}

int cli_usage(const struct cli_command *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    if (command && !command->run)
        fprintf(stderr, "usage: %s %s (see '%s --help')\n", command->name, command->args,
                command->name);
    else if (command)
        fprintf(stderr, "usage: galley %s %s%s(see 'galley help %s')\n", command->name,
                command->args, *command->args ? " " : "", command->name);
    else
        fputs("usage: galley COMMAND [ARGUMENT]... (see 'galley help')\n", stderr);
    return CLI_USAGE;
}

const struct cli_command *cli_find_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (!strcmp(name, cli_commands[i].name))
            return &cli_commands[i];
    return NULL;
}

static void print_settings(void)
{
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        static const char *const values[] = {
            [SETTING_STRING] = " TEXT", [SETTING_LIST] = " TEXT ...", [SETTING_COUNT] = " NUMBER",
            [SETTING_BYTES] = " SIZE",  [SETTING_MS] = " TIME",       [SETTING_BOOL] = "[=BOOL]"};
        char name[64];
        int len = snprintf(name, sizeof(name), "--%s%s", row->name, values[row->type]);
        for (char *at = name + 2; len > 0 && *at && *at != ' ' && *at != '['; at++)
            *at = *at == '_' ? '-' : *at;
        printf("  %-26s %s%s%s%s\n", name, row->help, *row->value ? " (" : "", row->value,
               *row->value ? ")" : "");
    }
}

void cli_print_help(const struct cli_command *command)
{
    if (!command) {
        puts("galley - typed, asynchronous web applications in C\n\n"
             "usage: galley COMMAND [ARGUMENT]...\n");
        for (size_t i = 0; i < cli_command_count; i++)
            printf("  %-10s %-22s %s\n", cli_commands[i].name, cli_commands[i].args,
                   cli_commands[i].help);
        puts("\nExit status: 0 done, 1 it failed, 2 wrong usage, 3 the server is not running.");
        return;
    }
    printf("usage: %s%s%s%s\n\n%s.\n", command->run ? "galley " : "", command->name,
           *command->args ? " " : "", command->args, command->help);
    if (command->asks_server)
        puts("\n  --stats PATH    the server's stats socket (default: $GALLEY_STATS, the file's, "
             "or the\n"
             "                  default place)\n"
             "  --config FILE   the server's galley.conf, to find the stats socket\n"
             "  --json          print JSON");
    if (command->run == cmd_top)
        puts("  --interval MS   from one look to the next, 100 to 3600000 (default: 1000)\n"
             "  --count N       end after so many (default: on an interrupt)");
    if (command->run && command->run != cmd_run && command->run != cmd_check &&
        command->run != cmd_dev)
        return;
    puts("\n  --config FILE              galley.conf; the environment and the options win over it");
    print_settings();
    puts("\nEach option is also a line of galley.conf (max_body = 1m) and a variable of the "
         "environment\n"
         "(GALLEY_MAX_BODY=1m). An address is [http://|https://]HOST:PORT or unix:PATH.");
}

static int run_named(int argc, char **argv)
{
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        name = "help";
    else if (!strcmp(name, "--version"))
        name = "version";
    const struct cli_command *command = cli_find_command(name);
    if (command)
        return command->run(command, argc - 2, argv + 2);
    struct nearest nearest;
    nearest_init(&nearest, name);
    for (size_t i = 0; i < cli_command_count; i++)
        nearest_offer(&nearest, cli_commands[i].name);
    if (nearest.best)
        return cli_usage(NULL, "unknown command '%s'; did you mean '%s'?", name, nearest.best);
    return cli_usage(NULL, "unknown command '%s'", name);
}

int cli_main(int argc, char **argv)
{
    if (argc < 2)
        return cli_usage(NULL, "a command is missing");
    int status = run_named(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        int failed = cli_fail(CLI_FAILED, "cannot write to standard output");
        return status ? status : failed;
    }
    return status;
}
