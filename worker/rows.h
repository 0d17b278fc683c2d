/* rows.h - rows for the master that are too large for a message: texts of bounded length, and memory to hand over.
 * Does:     write MessagePack texts that are cut visibly; put rows into a sealed memfd.
 * Does not: know what the rows are (coroutines.c, routes.c) or send them (channel.c). */
#ifndef GALLEY_WORKER_ROWS_H
#define GALLEY_WORKER_ROWS_H

#include "common/mp.h"

enum { ROWS_TEXT_MAX_BYTES = 200 };

/* A text of at most ROWS_TEXT_MAX_BYTES, or its beginning with "..." behind; nil for NULL. */
void rows_put_text(struct mp_writer *out, const char *data, size_t len);
/* A key and such a text. */
void rows_put_pair(struct mp_writer *out, const char *key, const char *data, size_t len);
/* A sealed memfd with the rows, which nobody can change any more; the caller's to close; -errno. */
int rows_seal(const struct buf *rows) __attribute__((warn_unused_result));

#endif
