/* compile.h - C sources into an application's shared object, by the system's compiler.
 * Does:     find the headers that belong to this galley; run $CC ($CFLAGS come last); replace the object only when it is whole.
 * Does not: load or check what came out. */
#ifndef GALLEY_CLI_COMPILE_H
#define GALLEY_CLI_COMPILE_H

#include <stddef.h>

#include "common/errmsg.h"

enum { COMPILE_PATH_BYTES = 4096 };

struct compile {
    const char *const *sources;
    size_t count;
    const char *out;
    const char *depends; /* a file for what the sources include, as make reads it; NULL: none */
    const char *scratch; /* a folder for the compiler's own files; NULL: as the environment says */
};

/* "dir/shop.c" -> "dir/shop.so". 0; -EINVAL with a sentence: it is no C file, or there is none. */
int compile_name_object(char out[COMPILE_PATH_BYTES], const char *source, struct errmsg *why)
    __attribute__((warn_unused_result));
/* 0; -EINVAL with a sentence. What the compiler has to say it says itself, on standard error. */
int compile_run(const struct compile *job, struct errmsg *why) __attribute__((warn_unused_result));

#endif
