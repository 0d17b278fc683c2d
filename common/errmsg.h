/* errmsg.h - the one sentence that says why something could not be started, with the way out.
 * Does:     hold a bounded, NUL-terminated sentence that the function which knows the reason writes.
 * Does not: print; the caller prints it as it is and adds nothing. */
#ifndef GALLEY_COMMON_ERRMSG_H
#define GALLEY_COMMON_ERRMSG_H

struct errmsg {
    char text[512];
};

/* Set the sentence, unless one is set already (the first reason is the cause). A longer one ends in "...". */
void errmsg_set(struct errmsg *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, followed by ": " and strerror(errno). */
void errmsg_set_sys(struct errmsg *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
