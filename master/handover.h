/* handover.h - what an old master tells the new one that it starts in its place (an upgrade).
 * Does:     write and read the variable that names the inherited descriptors; the words of their channel.
 * Does not: fork or exec (upgrade.c), or use what was read (heir.c). docs/PROTOCOL.md is its page: both sides may be of
 *           other versions. */
#ifndef GALLEY_MASTER_HANDOVER_H
#define GALLEY_MASTER_HANDOVER_H

#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/errmsg.h"
#include "master/listen.h"

#define HANDOVER_VARIABLE "GALLEY_UPGRADE"
enum { HANDOVER_MAX_BYTES = 96 * 1024, HANDOVER_PATH_BYTES = 108 };

/* One address and the descriptors that listen on it. */
struct handover_listener {
    struct address wanted; /* as the old master's settings have it */
    size_t first, count;   /* of handover.fds */
    uint64_t dev, ino;     /* of a UNIX socket's file */
};

struct handover {
    pid_t old_pid, new_pid;
    int channel_fd;
    struct handover_listener listeners[LISTEN_MAX_ADDRESSES];
    size_t listener_count;
    int fds[PROTO_MAX_SOCKETS];
    size_t fd_count;
    struct {
        int fd; /* -1: none */
        uint64_t dev, ino;
        char path[HANDOVER_PATH_BYTES];
    } stats;
    struct {
        uint64_t workers,
            of; /* so many were asked for, where the settings said `of`; 0: nobody did */
    } scaled;
};

/* Append the variable's value. 0, -ENOMEM, -EMSGSIZE. */
int handover_write(const struct handover *handover, struct buf *out)
    __attribute__((warn_unused_result));
/* The reverse. 0; -EINVAL with a sentence, whatever `text` is: no descriptor of the result is below 3. Lines that begin
 * with an unknown word are of a later version, and left out. */
int handover_read(struct handover *handover, const char *text, struct errmsg *why)
    __attribute__((warn_unused_result));

/* Words of the channel: datagrams of one letter and what belongs to it. The new master says READY (all my workers are),
 * TAKEN (I serve), FAILED (and a sentence), HURRY (end at once); the old one KEYS (session ticket keys), GO (serve), DONE
 * (the service manager knows you). */
enum handover_word {
    HANDOVER_READY = 'R',
    HANDOVER_TAKEN = 'T',
    HANDOVER_FAILED = 'F',
    HANDOVER_HURRY = 'H',
    HANDOVER_KEYS = 'K',
    HANDOVER_GO = 'G',
    HANDOVER_DONE = 'D',
};
enum { HANDOVER_WORD_BYTES = sizeof(((struct errmsg *)0)->text) };

/* Never waits. 0, -errno. */
int handover_say(int fd, enum handover_word word, const void *data, size_t len);
/* The next word, and what belongs to it, with a NUL after. Its letter; 0: the other side is gone; -EAGAIN; -errno. */
int handover_hear(int fd, char data[HANDOVER_WORD_BYTES + 1], size_t *len);

#endif
