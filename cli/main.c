/* main.c - the galley program.
 * Does:     call cli_main.
 * Does not: anything else: it is the one file that is not in libgalley. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
