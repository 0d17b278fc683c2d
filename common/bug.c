/* bug.c - the end of a process whose own invariant is broken.
 * Does:     log file, line, condition and sentence as one `bug` line, then abort.
 * Does not: clean up: what is broken is not known, and the master starts a successor.
 * See:      bug.h */
#include "common/bug.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"

void bug_abort(const char *file, int line, const char *condition, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_write(LOG_LEVEL_ERROR, "bug", "%s:%d: %s (%s)", file, line, text, condition);
    abort();
}
