/* tickets.h - the keys that all workers of all generations seal TLS session tickets with.
 * Does:     make them, rotate them every 12 hours, so that a stolen key opens a day of sessions at most.
 * Does not: use them (worker/net/tls*.c) or store them anywhere. */
#ifndef GALLEY_MASTER_TICKETS_H
#define GALLEY_MASTER_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/inherit.h"

enum { TICKETS_ROTATE_MS = 12 * 3600 * 1000 };

struct tickets {
    struct inherit_tickets keys; /* current, previous, next */
    int64_t rotate_ms;
};

/* 0, -errno. */
int tickets_init(struct tickets *tickets, int64_t now_ms) __attribute__((warn_unused_result));
/* Rotate if it is time: the next key, which every worker has had for 12 hours, becomes the current one. Whether it did. */
bool tickets_rotate(struct tickets *tickets, int64_t now_ms);

#endif
