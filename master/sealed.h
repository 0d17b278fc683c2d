/* sealed.h - what a worker hands over in memory that it cannot change any more.
 * Does:     read a sealed memfd whole.
 * Does not: know what it holds, or wait: nothing else has seals. */
#ifndef GALLEY_MASTER_SEALED_H
#define GALLEY_MASTER_SEALED_H

#include <stdbool.h>

#include "common/buf.h"

/* Append all that `fd` (< 0: none) holds to `rows`, which is empty and whose ceiling holds. false: it is no memfd that is
 * sealed against shrinking and writing, or too large, or there is no memory. `fd` stays the caller's. */
bool sealed_read(int fd, struct buf *rows);

#endif
