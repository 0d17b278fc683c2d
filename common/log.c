/* log.c - one line per event, one write(2) per line.
 * Does:     `2026-11-23T14:05:06.123Z level who[pid] event message`, control bytes as \xNN, at most
 *           4 KiB.
 * Does not: wait: a line that a full pipe or disk does not take is counted and forgotten.
 * See:      log.h, t/unit/common/log.c */
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 }; /* PIPE_BUF: lines of several processes never mix in a pipe */

static const char *const level_names[] = {"error", "warn", "notice", "info", "debug"};
enum { LEVEL_COUNT = sizeof(level_names) / sizeof(level_names[0]) };

/* The one log of the process; set before threads start, but for level and descriptor. */
static struct {
    _Atomic int fd, level;
    _Atomic bool is_socket; /* the journal's: it is sent to, and need not wait */
    _Atomic uint64_t lost_count;
    char who[32];
} the_log = {.fd = STDERR_FILENO, .level = LOG_LEVEL_NOTICE, .who = "galley"};

void log_open(int fd, enum log_level level, const char *who)
{
    log_set_fd(fd);
    the_log.level = (int)level;
    the_log.lost_count = 0; /* what was lost before a fork, the parent tells */
    snprintf(the_log.who, sizeof(the_log.who), "%s", who);
}

void log_set_fd(int fd)
{
    struct stat info;
    the_log.is_socket = !fstat(fd, &info) && S_ISSOCK(info.st_mode);
    the_log.fd = fd;
}

static _Thread_local int thread_fd = -1;

void log_set_thread_fd(int fd)
{
    thread_fd = fd;
}

int log_open_private(int fd)
{
    struct stat info;
    char path[40];
    if (fstat(fd, &info) < 0 || (!S_ISFIFO(info.st_mode) && !isatty(fd)))
        return -1;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int log_get_fd(void)
{
    return the_log.fd;
}

void log_set_level(enum log_level level)
{
    the_log.level = (int)level;
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
    return (unsigned)level < LEVEL_COUNT ? level_names[level] : "unknown";
}

int log_level_of(const char *name)
{
    for (int i = 0; i < LEVEL_COUNT; i++)
        if (!strcmp(name, level_names[i]))
            return i;
    return -1;
}

uint64_t log_lost_count(void)
{
    return the_log.lost_count;
}

void log_count_lost(void)
{
    the_log.lost_count++;
}

/* The head of a line; its length. */
static size_t put_head(char *line, size_t room, enum log_level level, const char *event)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(line + len, room - len, ".%03ldZ %s %s[%d] %s ", now.tv_nsec / 1000000,
                        log_level_name(level), the_log.who, (int)getpid(), event);
    return more < 0 ? len : len + ((size_t)more < room - len ? (size_t)more : room - len - 1);
}

static bool is_control(char byte)
{
    return (unsigned char)byte < 0x20 || byte == 0x7F;
}

/* Write control bytes of line[from, len) as \xNN, in place, into at most `room` bytes; the new
 * length. *cut becomes true when something had to be left out. */
static size_t escape(char *line, size_t from, size_t len, size_t room, bool *cut)
{
    size_t keep = from, total = from; /* line[from, keep) fits, and is `total` long then */
    for (; keep < len; keep++) {
        size_t width = is_control(line[keep]) ? 4 : 1;
        if (total + width > room)
            break;
        total += width;
    }
    if (keep < len)
        *cut = true;
    for (size_t in = keep, out = total; in < out;) { /* from the end, so nothing is overwritten */
        char byte = line[--in];
        if (!is_control(byte)) {
            line[--out] = byte;
            continue;
        }
        out -= 4;
        line[out] = '\\';
        line[out + 1] = 'x';
        line[out + 2] = "0123456789abcdef"[(unsigned char)byte >> 4];
        line[out + 3] = "0123456789abcdef"[byte & 15];
    }
    return total;
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    int saved_errno = errno;
    char line[LINE_BYTES];
    size_t room = sizeof(line) - sizeof("..."); /* the dots and the newline always fit */
    size_t head = put_head(line, sizeof(line), level, event);
    va_list args;
    va_start(args, format);
    int written = vsnprintf(line + head, sizeof(line) - head, format, args);
    va_end(args);
    size_t len = written < 0 ? head : head + (size_t)written;
    bool cut = len > room;
    len = escape(line, 0, cut ? room : len, room, &cut);
    if (cut) {
        memcpy(line + len, "...", 3);
        len += 3;
    }
    line[len++] = '\n';
    ssize_t sent;
    int fd = thread_fd >= 0 ? thread_fd : the_log.fd;
    do {
        sent = the_log.is_socket ? send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL)
                                 : write(fd, line, len);
    } while (sent < 0 && errno == EINTR);
    if (sent != (ssize_t)len)
        the_log.lost_count++;
    errno = saved_errno;
}
