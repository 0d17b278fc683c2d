/* handover.c - what an old master tells the new one that it starts in its place (an upgrade).
 * Does:     lines of words in one variable of the environment; every number is checked when they are read.
 * Does not: look at the descriptors themselves.
 * See:      docs/PROTOCOL.md (old and new master), t/unit/master/handover.c
 *
 *   1 OLD_PID NEW_PID CHANNEL
 *   stats FD DEV INO PATH
 *   scaled WORKERS OF
 *   listen FD,FD,... DEV INO ADDRESS */
#include "master/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VERSION = 1, FIRST_FD = 3 };

/* ---- write ---- */

/* The rest of a line: what would end it, and the sign that tells of it, as %XX. */
static int put_rest(struct buf *out, const char *text)
{
    int error = 0;
    for (; *text && !error; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < ' ' || byte == '%')
            error = buf_printf(out, "%%%02x", byte);
        else
            error = buf_append(out, text, 1);
    }
    return error ? error : buf_append(out, "\n", 1);
}

static int put_listener(const struct handover *handover, const struct handover_listener *listener,
                        struct buf *out)
{
    char text[ADDRESS_TEXT_BYTES];
    int error = buf_printf(out, "listen ");
    for (size_t i = 0; i < listener->count && !error; i++)
        error = buf_printf(out, "%s%d", i ? "," : "", handover->fds[listener->first + i]);
    if (!error)
        error = buf_printf(out, " %llu %llu ", (unsigned long long)listener->dev,
                           (unsigned long long)listener->ino);
    address_format(&listener->wanted, text);
    return error ? error : put_rest(out, text);
}

int handover_write(const struct handover *handover, struct buf *out)
{
    int error = buf_printf(out, "%d %d %d %d\n", VERSION, (int)handover->old_pid,
                           (int)handover->new_pid, handover->channel_fd);
    if (!error && handover->stats.fd >= 0)
        error = buf_printf(out, "stats %d %llu %llu ", handover->stats.fd,
                           (unsigned long long)handover->stats.dev,
                           (unsigned long long)handover->stats.ino);
    if (!error && handover->stats.fd >= 0)
        error = put_rest(out, handover->stats.path);
    if (!error && handover->scaled.workers)
        error = buf_printf(out, "scaled %llu %llu\n", (unsigned long long)handover->scaled.workers,
                           (unsigned long long)handover->scaled.of);
    for (size_t i = 0; i < handover->listener_count && !error; i++)
        error = put_listener(handover, &handover->listeners[i], out);
    return error ? error : buf_append(out, "", 1);
}

/* ---- read ---- */

/* A decimal number of at most `max`, and the byte `end` behind it. */
static bool take_number(const char **at, uint64_t max, char end, uint64_t *number)
{
    const char *digit = *at;
    uint64_t value = 0;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        uint64_t next = (uint64_t)(*digit - '0');
        if (value > (UINT64_MAX - next) / 10)
            return false;
        value = value * 10 + next;
    }
    if (digit == *at || *digit != end || value > max)
        return false;
    *number = value;
    *at = digit + 1;
    return true;
}

static bool take_fd(const char **at, char end, int *fd)
{
    const char *behind = *at;
    uint64_t number;
    if (!take_number(&behind, INT32_MAX, end, &number) || number < FIRST_FD)
        return false;
    *fd = (int)number;
    *at = behind;
    return true;
}

static int digit_of(char hex)
{
    if (hex >= '0' && hex <= '9')
        return hex - '0';
    return hex >= 'a' && hex <= 'f' ? hex - 'a' + 10 : -1;
}

/* The rest of the line, decoded. */
static bool take_rest(const char **at, char *out, size_t size)
{
    size_t len = 0;
    for (; **at && **at != '\n'; (*at)++) {
        char byte = **at;
        if (byte == '%') {
            int high = digit_of((*at)[1]), low = high < 0 ? -1 : digit_of((*at)[2]);
            if (low < 0 || !(high | low))
                return false;
            byte = (char)(high * 16 + low);
            *at += 2;
        }
        if (len + 1 >= size)
            return false;
        out[len++] = byte;
    }
    out[len] = '\0';
    if (len == 0 || **at != '\n')
        return false;
    (*at)++;
    return true;
}

static bool take_word(const char **at, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(*at, word, len) != 0)
        return false;
    *at += len;
    return true;
}

/* "FD,FD,... DEV INO ADDRESS" */
static bool take_listener(const char **at, struct handover *handover)
{
    char text[ADDRESS_TEXT_BYTES];
    struct errmsg ignored = {0};
    if (handover->listener_count == LISTEN_MAX_ADDRESSES)
        return false;
    struct handover_listener *listener = &handover->listeners[handover->listener_count];
    listener->first = handover->fd_count;
    for (bool more = true; more;) {
        int fd;
        if (handover->fd_count == PROTO_MAX_SOCKETS)
            return false;
        more = take_fd(at, ',', &fd);
        if (!more && !take_fd(at, ' ', &fd))
            return false;
        handover->fds[handover->fd_count++] = fd;
    }
    listener->count = handover->fd_count - listener->first;
    if (!take_number(at, UINT64_MAX, ' ', &listener->dev) ||
        !take_number(at, UINT64_MAX, ' ', &listener->ino) || !take_rest(at, text, sizeof(text)) ||
        address_parse(&listener->wanted, text, true, &ignored) < 0)
        return false;
    handover->listener_count++;
    return !listener->wanted.is_unix || listener->count == 1;
}

static bool take_line(const char **at, struct handover *handover)
{
    if (take_word(at, "listen "))
        return take_listener(at, handover);
    if (take_word(at, "scaled "))
        return take_number(at, INT32_MAX, ' ', &handover->scaled.workers) &&
               take_number(at, INT32_MAX, '\n', &handover->scaled.of);
    if (take_word(at, "stats "))
        return take_fd(at, ' ', &handover->stats.fd) &&
               take_number(at, UINT64_MAX, ' ', &handover->stats.dev) &&
               take_number(at, UINT64_MAX, ' ', &handover->stats.ino) &&
               take_rest(at, handover->stats.path, sizeof(handover->stats.path));
    const char *end = strchr(*at, '\n');
    if (!end)
        return false;
    *at = end + 1;
    return true;
}

int handover_read(struct handover *handover, const char *text, struct errmsg *why)
{
    uint64_t version, old_pid, new_pid;
    memset(handover, 0, sizeof(*handover));
    handover->stats.fd = handover->channel_fd = -1;
    bool good = take_number(&text, UINT64_MAX, ' ', &version);
    if (good && version != VERSION) {
        errmsg_set(why,
                   "%s is of version %llu of the handover, this program knows version %d: stop the "
                   "old server and start this one",
                   HANDOVER_VARIABLE, (unsigned long long)version, VERSION);
        return -EINVAL;
    }
    good = good && take_number(&text, INT32_MAX, ' ', &old_pid) &&
           take_number(&text, INT32_MAX, ' ', &new_pid) &&
           take_fd(&text, '\n', &handover->channel_fd);
    while (good && *text)
        good = take_line(&text, handover);
    if (!good) {
        errmsg_set(why, "%s is not what an older server writes; unset it", HANDOVER_VARIABLE);
        return -EINVAL;
    }
    handover->old_pid = (pid_t)old_pid;
    handover->new_pid = (pid_t)new_pid;
    return 0;
}

/* ---- words ---- */

int handover_say(int fd, enum handover_word word, const void *data, size_t len)
{
    char letter = (char)word;
    struct iovec parts[] = {{.iov_base = &letter, .iov_len = 1},
                            {.iov_base = (void *)(uintptr_t)data, .iov_len = len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = len ? 2 : 1};
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int handover_hear(int fd, char data[HANDOVER_WORD_BYTES + 1], size_t *len)
{
    char letter;
    struct iovec parts[] = {{.iov_base = &letter, .iov_len = 1},
                            {.iov_base = data, .iov_len = HANDOVER_WORD_BYTES}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0 ? errno == EINTR ? -EAGAIN : -errno : 0;
    *len = (size_t)got - 1;
    data[*len] = '\0';
    return (unsigned char)letter;
}
