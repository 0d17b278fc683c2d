/* errmsg.c - the one sentence that says why something could not be started.
 * Does:     format into the bounded text, keep the first one, end a cut one in "...".
 * Does not: print or allocate.
 * See:      errmsg.h, t/unit/common/errmsg.c */
#include "common/errmsg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void end_in_dots(struct errmsg *why)
{
    size_t cut = sizeof(why->text) - sizeof("...");
    while (cut > 0 &&
           ((unsigned char)why->text[cut] & 0xC0) == 0x80) /* not inside a UTF-8 character */
        cut--;
    memcpy(why->text + cut, "...", sizeof("..."));
}

void errmsg_set(struct errmsg *why, const char *format, ...)
{
    if (why->text[0])
        return;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    if (len >= (int)sizeof(why->text))
        end_in_dots(why);
}

void errmsg_set_sys(struct errmsg *why, const char *format, ...)
{
    int error = errno;
    if (why->text[0])
        return;
    char reason[128];
    const char *text = strerror_r(error, reason, sizeof(reason));
    va_list args;
    va_start(args, format);
    int len = vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    size_t room = sizeof(why->text);
    if (len >= 0 && (size_t)len < room)
        len += snprintf(why->text + len, room - (size_t)len, ": %s", text);
    if (len >= (int)room)
        end_in_dots(why);
    errno = error;
}
