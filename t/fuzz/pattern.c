/* t/fuzz/pattern.c - fuzz target: the first line is a pattern, the rest is searched for it.
 * Does:     no pattern and no text may break or hang the search.
 * Does not: judge what is found: t/unit/worker/app/pattern.c does.
 * See:      make fuzz; worker/app/pattern.h */
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/log.h"
#include "worker/app/pattern.h"
#include "worker/http/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { PATTERN_MAX = 80 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char pattern_text[PATTERN_MAX + 1];
    const uint8_t *stop = memchr(data, '\n', len);
    size_t pattern_len = stop != NULL ? (size_t)(stop - data) : len;
    if (pattern_len > PATTERN_MAX)
        return 0;
    memcpy(pattern_text, data, pattern_len);
    pattern_text[pattern_len] = '\0';
    log_set_level(LOG_LEVEL_ERROR);
    struct arena arena;
    struct errmsg why = {{0}};
    struct pattern *pattern = pattern_new(pattern_text, &why);
    arena_init(&arena, NULL, 0, 4 << 20);
    galley_str rest = {(const char *)data + pattern_len, len - pattern_len}, text;
    if (pattern != NULL && text_repair(&arena, rest, &text) == 0) {
        char *exact = malloc(text.len + (text.len == 0));
        memcpy(exact, text.data, text.len);
        pattern_matches(pattern, (galley_str){exact, text.len});
        free(exact);
    }
    if ((pattern == NULL) == (why.text[0] == '\0'))
        abort();
    pattern_free(pattern);
    arena_release(&arena);
    return 0;
}
