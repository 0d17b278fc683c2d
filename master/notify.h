/* notify.h - what systemd wants to know (sd_notify), without its library.
 * Does:     one datagram to $NOTIFY_SOCKET.
 * Does not: fail: without the variable, or with nobody there, nothing happens. */
#ifndef GALLEY_MASTER_NOTIFY_H
#define GALLEY_MASTER_NOTIFY_H

#include <stdint.h>

/* "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..."; several are separated by newlines. */
void notify_send(const char *text);
/* How often WATCHDOG=1 is to be sent; 0: not at all. */
int64_t notify_watchdog_ms(void);

#endif
