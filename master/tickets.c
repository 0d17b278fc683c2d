/* tickets.c - the keys that all workers of all generations seal TLS session tickets with.
 * Does:     random bytes from the kernel, and the rotation.
 * Does not: use them.
 * See:      t/unit/master/files.c */
#include "master/tickets.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { CURRENT, PREVIOUS, NEXT };

static int make_key(unsigned char *key)
{
    ssize_t got = getrandom(key, INHERIT_TICKET_KEY_BYTES, 0); /* up to 256 bytes come whole */
    if (got == INHERIT_TICKET_KEY_BYTES)
        return 0;
    return got < 0 ? -errno : -EIO;
}

int tickets_init(struct tickets *tickets, int64_t now_ms)
{
    tickets->rotate_ms = now_ms + TICKETS_ROTATE_MS;
    for (int i = 0; i < INHERIT_TICKET_KEYS; i++) {
        int error = make_key(tickets->keys.key[i]);
        if (error)
            return error;
    }
    return 0;
}

bool tickets_rotate(struct tickets *tickets, int64_t now_ms)
{
    if (now_ms < tickets->rotate_ms)
        return false;
    unsigned char fresh[INHERIT_TICKET_KEY_BYTES];
    tickets->rotate_ms = now_ms + TICKETS_ROTATE_MS;
    if (make_key(fresh))
        return false; /* the old ones are good until the next try */
    memcpy(tickets->keys.key[PREVIOUS], tickets->keys.key[CURRENT], sizeof(fresh));
    memcpy(tickets->keys.key[CURRENT], tickets->keys.key[NEXT], sizeof(fresh));
    memcpy(tickets->keys.key[NEXT], fresh, sizeof(fresh));
    explicit_bzero(fresh, sizeof(fresh));
    return true;
}
