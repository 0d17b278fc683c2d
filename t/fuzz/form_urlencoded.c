/* form_urlencoded.c - fuzz target: an urlencoded body; what it holds is UTF-8, within bounds of memory.
 * Does not: judge values: t/unit/worker/app/inputs.c does.
 * Does:     parse, look at every field.
 * See:      make fuzz; worker/app/form_urlencoded.c */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/app/form_urlencoded.h"
#include "worker/http/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(galley_str text)
{
    const char *end = text.data + text.len;
    size_t skip;
    if (text.data == NULL)
        abort();
    for (const char *at = text.data; at < end;) {
        size_t sequence = text_sequence(at, end, &skip);
        if (sequence == 0)
            abort();
        at += sequence;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct form form = {0};
    struct arena arena;
    const char *why = NULL;
    size_t count = 0;
    arena_init(&arena, NULL, 0, 10 * len + 64 * 1024);
    int rc = form_urlencoded_parse((galley_str){(const char *)data, len}, &form, &arena, &why);
    if (rc != 0 && (rc != -EINVAL || why == NULL))
        abort();
    for (const struct form_field *field = form.first; field != NULL; field = field->next) {
        check_text(field->name);
        check_text(field->text);
        count++;
    }
    if (count > FORM_MAX_FIELDS || (rc == 0 && count != form.field_count))
        abort();
    arena_release(&arena);
    return 0;
}
