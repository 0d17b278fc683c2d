/* json.h - JSON on standard output, from MessagePack.
 * Does:     print one value as it is; text that is not UTF-8 gets U+FFFD, numbers that JSON cannot say become null.
 * Does not: parse JSON. */
#ifndef GALLEY_CLI_JSON_H
#define GALLEY_CLI_JSON_H

#include <stddef.h>

#include "common/mp.h"

/* A JSON string with its quotes. */
void json_print_text(const char *text, size_t len);
/* The next value of the reader, with all it contains. 0, -EBADMSG. */
int json_print(struct mp_reader *reader) __attribute__((warn_unused_result));

#endif
