/* inputs_source.c - the values of a request's places as they came, and the texts that they are; see inputs.h.
 * Does:     split queries and cookies, find fields, note what each slot got; walk over all of a place.
 * Does not: convert, or allocate but for what is decoded.
 * See:      input_slot.h */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "worker/app/input_slot.h"
#include "worker/http/text.h"

/* ---- where values come from ---- */

/* The next `name=value` of a query; false at its end. */
__attribute__((always_inline)) static inline bool next_pair(galley_str *rest, galley_str *name,
                                                            galley_str *value)
{
    while (rest->len > 0) {
        const char *start = rest->data, *end = start + rest->len;
        const char *stop = memchr(start, '&', rest->len);
        stop = stop != NULL ? stop : end;
        *rest =
            stop < end ? (galley_str){stop + 1, (size_t)(end - stop - 1)} : (galley_str){end, 0};
        if (stop == start)
            continue;
        const char *equals = text_find(start, stop, '=');
        *name = (galley_str){start, (size_t)(equals - start)};
        *value = equals < stop ? (galley_str){equals + 1, (size_t)(stop - equals - 1)}
                               : (galley_str){stop, 0};
        return true;
    }
    return false;
}

static const struct slot *find_slot(const struct inputs *inputs, size_t from, size_t to,
                                    galley_str name)
{
    for (size_t i = from; i < to; i++)
        if (text_is_same(inputs->slots[i].name, name))
            return &inputs->slots[i];
    return NULL;
}

bool slot_is_named(enum galley_in in, galley_str name, galley_str wanted)
{
    return in == GALLEY_IN_HEADER
               ? name.len == wanted.len && strncasecmp(name.data, wanted.data, name.len) == 0
               : text_is_same(name, wanted);
}

/* Note the last value of each parameter of the query. */
static int gather_query(struct reading *r)
{
    const struct inputs *inputs = r->inputs;
    galley_str rest = r->req->query, name, value;
    while (next_pair(&rest, &name, &value)) {
        const struct slot *slot = find_slot(inputs, inputs->query_at, inputs->header_at, name);
        if (slot == NULL && !text_is_plain(name)) {
            const struct arena mark = r->req->arena;
            if (text_decode(&r->req->arena, name, TEXT_QUERY, &name) < 0)
                return -ENOMEM;
            slot = find_slot(inputs, inputs->query_at, inputs->header_at, name);
            arena_rewind(&r->req->arena, &mark);
        }
        if (slot != NULL)
            r->raw[slot - inputs->slots] = value;
    }
    return 0;
}

static void gather_headers(struct reading *r)
{
    const struct inputs *inputs = r->inputs;
    for (size_t f = 0; f < r->req->field_count; f++) {
        const struct http_field *field = &r->req->fields[f];
        for (size_t i = inputs->header_at; i < inputs->cookie_at; i++) {
            galley_str name = inputs->slots[i].name;
            if (r->raw[i].data == NULL && name.len == field->name.len &&
                strncasecmp(name.data, field->name.data, name.len) == 0)
                r->raw[i] = field->value.data != NULL ? field->value : GALLEY_STR("");
        }
    }
}

/* White space of Latin-1, as far as a field may hold it: NEL and the no-break space, too, since Python strips them. */
static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\x85' || byte == '\xA0';
}

static galley_str trim_blanks(galley_str text)
{
    while (text.len > 0 && is_blank(text.data[0]))
        text = (galley_str){text.data + 1, text.len - 1};
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* The next `name=value` of a Cookie field, or `value` without a name; false at its end. */
static bool next_cookie(galley_str *rest, galley_str *name, galley_str *value)
{
    while (rest->len > 0) {
        const char *at = rest->data, *end = at + rest->len;
        const char *stop = memchr(at, ';', rest->len);
        stop = stop != NULL ? stop : end;
        *rest =
            stop < end ? (galley_str){stop + 1, (size_t)(end - stop - 1)} : (galley_str){end, 0};
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        const char *start = equals != NULL ? equals + 1 : at;
        *name = trim_blanks((galley_str){at, equals != NULL ? (size_t)(equals - at) : 0});
        *value = trim_blanks((galley_str){start, (size_t)(stop - start)});
        if (name->len > 0 || value->len > 0)
            return true;
    }
    return false;
}

static bool is_cookie(const struct http_field *field)
{
    return field->name.len == 6 && strncasecmp(field->name.data, "cookie", 6) == 0;
}

static void gather_cookies(struct reading *r)
{
    const struct inputs *inputs = r->inputs;
    for (size_t f = 0; f < r->req->field_count; f++) {
        galley_str name, value, rest = r->req->fields[f].value;
        while (is_cookie(&r->req->fields[f]) && next_cookie(&rest, &name, &value)) {
            const struct slot *slot = find_slot(inputs, inputs->cookie_at, inputs->form_at, name);
            if (slot != NULL)
                r->raw[slot - inputs->slots] = value;
        }
    }
}

static int gather_form(struct reading *r)
{
    const struct inputs *inputs = r->inputs;
    size_t size = (inputs->count - inputs->form_at) * sizeof(void *);
    r->sent = arena_alloc(&r->req->arena, size);
    if (r->sent == NULL)
        return -ENOMEM;
    memset(r->sent, 0, size);
    for (const struct form_field *field = r->form.first; field != NULL; field = field->next) {
        const struct slot *slot = find_slot(inputs, inputs->form_at, inputs->count, field->name);
        if (slot != NULL && !(slot->is_list && form_is_empty_file(field)))
            r->sent[(size_t)(slot - inputs->slots) - inputs->form_at] = field;
    }
    return 0;
}

/* "a \"quoted\" \303\245" as Python reads it: what the backslashes stand for, octal ones as Latin-1. */
static int unquote_cookie(struct arena *arena, galley_str text, galley_str *value)
{
    *value = text;
    if (text.len < 2 || text.data[0] != '"' || text.data[text.len - 1] != '"')
        return 0;
    char *copy = arena_alloc(arena, text.len);
    if (copy == NULL)
        return -ENOMEM;
    size_t len = 0;
    for (size_t i = 1; i < text.len - 1; i++) {
        const char *at = text.data + i;
        size_t left = text.len - 1 - i;
        if (*at == '\\' && left >= 4 && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' &&
            at[2] <= '7' && at[3] >= '0' && at[3] <= '7') {
            copy[len++] = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
            i += 3;
        } else if (*at == '\\' && left >= 2) {
            copy[len++] = at[1];
            i++;
        } else {
            copy[len++] = *at;
        }
    }
    *value = (galley_str){copy, len};
    return 0;
}

/* A path's value is decoded by the router's caller, but for the slashes. */
static int restore_slashes(struct arena *arena, galley_str raw, galley_str *text)
{
    *text = raw;
    if (text_find(raw.data, raw.data + raw.len, TEXT_SLASH) == raw.data + raw.len)
        return 0;
    char *copy = arena_dup(arena, raw.data, raw.len);
    if (copy == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < raw.len; i++)
        if (copy[i] == TEXT_SLASH)
            copy[i] = '/';
    *text = (galley_str){copy, raw.len};
    return 0;
}

int inputs_decode(const struct reading *r, enum galley_in in, galley_str raw, galley_str *text)
{
    struct arena *arena = &r->req->arena;
    *text = raw;
    if (in == GALLEY_IN_FORM)
        return 0;
    if (in == GALLEY_IN_QUERY)
        return text_is_plain(raw) ? 0 : text_decode(arena, raw, TEXT_QUERY, text);
    if (in == GALLEY_IN_PATH)
        return restore_slashes(arena, raw, text);
    int rc = in == GALLEY_IN_COOKIE ? unquote_cookie(arena, raw, &raw) : 0;
    return rc < 0 ? rc : text_from_latin1(arena, raw, text);
}

/* ---- all of a place ---- */

static int next_of_headers(const struct reading *r, struct cursor *cursor, struct entry *entry)
{
    if (cursor->at == r->req->field_count)
        return 0;
    const struct http_field *field = &r->req->fields[cursor->at++];
    char *name = arena_dup(&r->req->arena, field->name.data, field->name.len);
    if (name == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < field->name.len; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] | 0x20);
    entry->name = (galley_str){name, field->name.len};
    entry->raw = field->value.data != NULL ? field->value : GALLEY_STR("");
    return 1;
}

static int next_of_cookies(const struct reading *r, struct cursor *cursor, struct entry *entry)
{
    while (!next_cookie(&cursor->rest, &entry->name, &entry->raw)) {
        if (cursor->at == r->req->field_count)
            return 0;
        const struct http_field *field = &r->req->fields[cursor->at++];
        cursor->rest = is_cookie(field) ? field->value : (galley_str){0};
    }
    return text_from_latin1(&r->req->arena, entry->name, &entry->name) < 0 ? -ENOMEM : 1;
}

static int next_of_form(const struct reading *r, struct cursor *cursor, struct entry *entry)
{
    const struct form_field *field =
        cursor->at++ == 0 ? r->form.first
                          : (const struct form_field *)(const void *)cursor->rest.data;
    if (field == NULL)
        return 0;
    cursor->rest.data = (const char *)field->next;
    *entry = (struct entry){field->name, field->text, field};
    return 1;
}

int inputs_next(const struct reading *r, struct cursor *cursor, struct entry *entry)
{
    *entry = (struct entry){0};
    if (cursor->in == GALLEY_IN_HEADER)
        return next_of_headers(r, cursor, entry);
    if (cursor->in == GALLEY_IN_COOKIE)
        return next_of_cookies(r, cursor, entry);
    if (cursor->in == GALLEY_IN_FORM)
        return next_of_form(r, cursor, entry);
    if (cursor->at++ == 0)
        cursor->rest = r->req->query;
    if (!next_pair(&cursor->rest, &entry->name, &entry->raw))
        return 0;
    return text_decode(&r->req->arena, entry->name, TEXT_QUERY, &entry->name) < 0 ? -ENOMEM : 1;
}

int inputs_next_of(const struct reading *r, const struct slot *slot, struct cursor *cursor,
                   struct entry *entry)
{
    struct arena *arena = &r->req->arena;
    for (;;) {
        const struct arena mark = *arena;
        int rc = inputs_next(r, cursor, entry);
        if (rc != 1)
            return rc;
        bool is_named = slot_is_named(slot->in, entry->name, slot->name);
        arena_rewind(arena, &mark);
        entry->name = slot->name;
        if (is_named && (entry->field == NULL || !form_is_empty_file(entry->field)))
            return 1;
    }
}

/* Find the values of all slots but the path's. */
int inputs_gather(struct reading *r)
{
    const struct inputs *inputs = r->inputs;
    int rc = 0;
    r->raw = arena_alloc(&r->req->arena, inputs->form_at * sizeof *r->raw);
    if (r->raw == NULL)
        return -ENOMEM;
    for (size_t i = inputs->query_at; i < inputs->form_at; i++)
        r->raw[i] = (galley_str){0};
    if (inputs->header_at > inputs->query_at)
        rc = gather_query(r);
    if (inputs->cookie_at > inputs->header_at)
        gather_headers(r);
    if (inputs->form_at > inputs->cookie_at)
        gather_cookies(r);
    if (rc == 0 && inputs->count > inputs->form_at)
        rc = gather_form(r);
    return rc;
}
