/* form_urlencoded.c - names and values of an urlencoded body; see form_urlencoded.h.
 * Does:     at most FORM_MAX_FIELDS fields, each of at most FORM_MAX_FIELD_BYTES.
 * Does not: allocate for what is plain but the field itself. */
#include "worker/app/form_urlencoded.h"

#include "worker/http/text.h"

static int decode(struct arena *arena, galley_str raw, galley_str *text)
{
    *text = raw;
    if (text_is_plain(raw))
        return 0;
    int rc = text_from_latin1(arena, raw, text);
    return rc < 0 ? rc : text_decode(arena, *text, TEXT_QUERY, text);
}

static int refuse(const char **why, const char *said)
{
    *why = said;
    return -EINVAL;
}

int form_urlencoded_parse(galley_str body, struct form *form, struct arena *arena, const char **why)
{
    if (body.len == 0)
        return 0;
    const char *at = body.data, *end = at + body.len;
    while (at < end) {
        const char *stop = text_find(at, end, '&'), *equals = text_find(at, stop, '=');
        galley_str name = {at, (size_t)(equals - at)};
        galley_str value = {equals, (size_t)(stop - equals)};
        size_t bytes = (size_t)(stop - at);
        at = stop < end ? stop + 1 : end;
        if (bytes == 0)
            continue;
        if (value.len > 0) /* behind the equals sign */
            value = (galley_str){value.data + 1, value.len - 1};
        if (name.len + value.len > FORM_MAX_FIELD_BYTES)
            return refuse(why, "Field exceeded maximum size of 1024KB.");
        if (++form->field_count > FORM_MAX_FIELDS)
            return refuse(why, "Too many fields. Maximum number of fields is 1000.");
        struct form_field *field = NULL;
        if (decode(arena, name, &name) == 0 && decode(arena, value, &value) == 0)
            field = form_add(form, arena, name);
        if (field == NULL)
            return -ENOMEM;
        field->text = value;
    }
    return 0;
}
