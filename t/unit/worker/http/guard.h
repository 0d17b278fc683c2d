/* guard.h - memory that ends where reading faults, and rows of text written in short.
 * Does:     put parser input right in front of an inaccessible page; expand "{8000*a}".
 * Does not: free on failure: a failed test ends its process soon. */
#ifndef GALLEY_T_UNIT_GUARD_H
#define GALLEY_T_UNIT_GUARD_H

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { GUARD_ROOM = 1 << 20, GUARD_PAGE = 1 << 16 };

/* The end of GUARD_ROOM usable bytes; the byte there, and a page's worth more, cannot be read. */
static inline char *guard_end(void)
{
    static char *end;
    if (!end) {
        char *at = mmap(NULL, GUARD_ROOM + GUARD_PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert(at != MAP_FAILED);
        end = at + GUARD_ROOM;
        int result = mprotect(end, GUARD_PAGE, PROT_NONE);
        assert(result == 0);
        (void)result;
    }
    return end;
}

/* Copy [text, len) so that it ends at the guard, and give its new address. */
static inline char *guard_place(const char *text, size_t len)
{
    assert(len <= GUARD_ROOM);
    return memcpy(guard_end() - len, text, len);
}

/* Expand "{N*text}" into N times that text; all other bytes stay. The caller frees; *len is set. */
static inline char *guard_expand(const char *text, size_t text_len, size_t *len)
{
    char *out = malloc(GUARD_ROOM);
    size_t used = 0;

    assert(out);
    for (size_t i = 0; i < text_len; i++) {
        char *star = NULL;
        unsigned long count = 0;
        if (text[i] == '{' && i + 1 < text_len && isdigit((unsigned char)text[i + 1]))
            count = strtoul(text + i + 1, &star, 10);
        if (!star || *star != '*') {
            out[used++] = text[i];
            continue;
        }
        const char *part = star + 1;
        const char *close = memchr(part, '}', text_len - (size_t)(part - text));
        assert(close && used + count * (size_t)(close - part) < GUARD_ROOM);
        for (; count > 0; count--) {
            memcpy(out + used, part, (size_t)(close - part));
            used += (size_t)(close - part);
        }
        i = (size_t)(close - text);
    }
    *len = used;
    return out;
}

#endif
