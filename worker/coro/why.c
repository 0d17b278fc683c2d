/* why.c - why a remote call failed, kept as a sentence for who asks: galley_why, galley_error_text.
 * Does:     write it into the coroutine, and into those that gather or await it; the newest failure replaces the last.
 * Does not: log, or cost anything where nothing fails.
 * See:      galley/error.h, t/unit/worker/coro/why.c */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <galley/error.h>

#include "worker/coro/coro.h"

enum { WHY_BYTES = 256 };

const char *galley_error_text(int error)
{
    switch (error < 0 ? -error : error) {
#define X(name, status, meaning)                                                                   \
    case GALLEY_##name:                                                                            \
        return meaning;
        GALLEY_ERRORS(X)
#undef X
    default:
        return strerrordesc_np(error < 0 ? -error : error) ?: "unknown error";
    }
}

const char *galley_why(const galley_async *co)
{
    return co->why ? co->why : "";
}

int coro_fail(galley_async *co, int error, const char *here, const char *format, ...)
{
    char text[WHY_BYTES];
    va_list args;
    if (error > 0)
        error = -error;
    if (error == -ECANCELED)
        return error;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (here && len >= 0 && (size_t)len < sizeof text)
        snprintf(text + len, sizeof text - (size_t)len, " (%s)", here);
    for (galley_async *at = co; at; at = at->root.parent ? at->root.parent->co : NULL) {
        if (!at->why && at->arena)
            at->why = arena_alloc(at->arena, WHY_BYTES);
        if (at->why)
            memcpy(at->why, text, WHY_BYTES);
    }
    return error;
}
