/* log.h - one line per event: `time level event key=value...`, written with one write(2).
 * Does:     format, escape (control bytes as \xNN), filter by level, count what could not be written.
 * Does not: rotate files (the master reopens them and hands the descriptor down) or block when a pipe is full. */
#ifndef GALLEY_COMMON_LOG_H
#define GALLEY_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* error: something was lost or refused to start; warn: an operator should look; notice: a change of state;
 * info: what each request or connection did; debug: for the developers of Galley. */
enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

/* The process's log: descriptor 2 and LOG_LEVEL_NOTICE until set. `who` ("master", "worker 2") stands in each line. */
void log_open(int fd, enum log_level level, const char *who);
void log_set_fd(int fd);
/* Where the lines of the calling thread go, as long as it is set; -1: where all go. For a thread with descriptors of its own. */
void log_set_thread_fd(int fd);
/* A descriptor for what `fd` is, whose writes do not wait even if fd's do (a pipe or terminal that our parent gave us; to
 * set O_NONBLOCK on fd itself would change it for the parent, too). The caller's to close; -1: fd is good as it is. */
int log_open_private(int fd);
int log_get_fd(void);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* A level's name, and the level of a name; -1 for an unknown one. */
const char *log_level_name(enum log_level level);
int log_level_of(const char *name);
/* Lines that could not be written since log_open. */
uint64_t log_lost_count(void);
/* Count one that was written elsewhere: the access log's. */
void log_count_lost(void);

/* log_line(LOG_LEVEL_WARN, "task_not_awaited", "task %s (%s:%d) was never awaited", ...) */
#define log_line(level, event, ...)                                                                \
    do {                                                                                           \
        if ((level) <= log_get_level())                                                            \
            log_write(level, event, __VA_ARGS__);                                                  \
    } while (0)
void log_write(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
