/* upload.h - a file of a form while it comes.
 * Does:     an unlinked temporary file for one that is large.
 * Does not: parse forms.
 * See:      galley/request.h (how handlers read it) */
#ifndef GALLEY_WORKER_APP_UPLOAD_H
#define GALLEY_WORKER_APP_UPLOAD_H

#include <galley/request.h>

/* Beyond so many bytes a file lies on disk. */
enum { UPLOAD_MEMORY_BYTES = 1 << 20 };

/* A new temporary file without a name, in TMPDIR or /tmp: its descriptor, closed on exec; -errno. */
int upload_open(void) GALLEY_MUST_USE;
/* Write all of it at `offset`. 0; -errno. */
int upload_write(int fd, uint64_t offset, const void *data, size_t len) GALLEY_MUST_USE;

#endif
