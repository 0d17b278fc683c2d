/* new_files.h - the files that galley new writes.
 * Does:     their paths and texts; @NAME@ stands for the project's name, @TITLE@ for the same with a capital.
 * Does not: write them (cmd_new.c). */
#ifndef GALLEY_CLI_NEW_FILES_H
#define GALLEY_CLI_NEW_FILES_H

#include <stddef.h>

struct new_file {
    const char *path, *text;
};
extern const struct new_file new_files[];
extern const size_t new_file_count;

#endif
