/* json_write.c - JSON text from models; see json_write.h.
 * Does:     one step a member: its key's bytes, then its value, from offsets known at load.
 * Does not: allocate while it writes, unless the buffer is full; recurse deeper than models nest.
 * See:      t/unit/worker/app/json_write.c */
#include "worker/app/json_write.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "worker/app/number.h"
#include "worker/http/text.h"

enum { MAX_DEPTH = 32, KEY_SLACK_BYTES = 16 };

struct step {
    galley_str key; /* {"name":   or   ,"name":   with KEY_SLACK_BYTES behind it */
    size_t offset, element_bytes;
    enum galley_kind kind;
    bool is_nullable, is_list, is_signed, is_wide;
    struct json_writer *of; /* of objects */
};

struct json_writer {
    size_t step_count;
    struct step steps[];
};

/* ---- the buffer ---- */

void json_out_init(struct json_out *out, void *first, size_t first_bytes, size_t max_bytes)
{
    *out = (struct json_out){.data = first, .capacity = first_bytes, .max_bytes = max_bytes};
}

void json_out_release(struct json_out *out)
{
    if (out->is_heap)
        free(out->data);
    *out = (struct json_out){0};
}

char *json_out_grow(struct json_out *out, size_t len)
{
    if (out->error == 0 && len > out->max_bytes - out->len)
        out->error = -EMSGSIZE;
    if (out->error < 0) {
        out->capacity = out->len; /* so that every later piece comes here, too */
        return NULL;
    }
    size_t capacity = out->capacity < 2048 ? 4096 : out->capacity * 2;
    if (capacity < out->len + len)
        capacity = out->len + len;
    if (capacity > out->max_bytes)
        capacity = out->max_bytes;
    char *data = realloc(out->is_heap ? out->data : NULL, capacity);
    if (data == NULL) {
        out->error = -ENOMEM;
        out->capacity = out->len;
        return NULL;
    }
    if (!out->is_heap && out->len > 0)
        memcpy(data, out->data, out->len);
    out->data = data;
    out->capacity = capacity;
    out->is_heap = true;
    return data + out->len;
}

/* ---- scalars ---- */

/* 0: as it is; 1: \u00XX; else the letter after the backslash. Bytes of 0x80 and above are looked at one by one. */
static const char escapes[128] = {
    1, 1, 1, 1, 1, 1, 1, 1, 'b', 't', 'n', 1, 'f', 'r', 1, 1,           1,
    1, 1, 1, 1, 1, 1, 1, 1, 1,   1,   1,   1, 1,   1,   1, ['"'] = '"', ['\\'] = '\\'};

static char *write_escape(char *next, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    *next++ = '\\';
    if (escapes[byte] != 1) {
        *next++ = escapes[byte];
        return next;
    }
    memcpy(next, "u00", 3);
    next[3] = hex[byte >> 4];
    next[4] = hex[byte & 15];
    return next + 5;
}

/* Eight bytes that need no look: ASCII, no control byte, no quote, no backslash. */
static bool is_plain_word(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    uint64_t odd = (word - ones * 0x20) | (quote - ones) | (backslash - ones) | word;
    return (odd & high) == 0;
}

void json_string(struct json_out *out, galley_str text)
{
    char *room = json_out_room(out, text.len + 2);
    if (room == NULL)
        return;
    const char *at = text.data, *end = at + text.len;
    char *next = room;
    *next++ = '"';
    while (at < end) {
        uint64_t word;
        while (end - at >= 8 && (memcpy(&word, at, 8), is_plain_word(word))) {
            memcpy(next, &word, 8);
            at += 8;
            next += 8;
        }
        if (at == end)
            break;
        unsigned char byte = (unsigned char)*at;
        if (byte < 0x80 && escapes[byte] == 0) {
            *next++ = *at++;
            continue;
        }
        /* Something that grows: at most 6 bytes, the rest as long as it is, and the closing quote. */
        out->len = (size_t)(next - out->data);
        next = json_out_room(out, (size_t)(end - at) + 8);
        if (next == NULL)
            return;
        if (byte < 0x80) {
            next = write_escape(next, byte);
            at++;
            continue;
        }
        size_t skip, len = text_sequence(at, end, &skip);
        memcpy(next, len > 0 ? at : "\xEF\xBF\xBD", len > 0 ? len : 3);
        next += len > 0 ? len : 3;
        at += len > 0 ? len : skip;
    }
    *next++ = '"';
    out->len = (size_t)(next - out->data);
}

void json_int(struct json_out *out, int64_t value)
{
    char *room = json_out_room(out, NUMBER_BYTES);
    if (room != NULL)
        out->len += number_write_int(room, value);
}

void json_float(struct json_out *out, double value)
{
    char *room = json_out_room(out, NUMBER_BYTES);
    if (room == NULL)
        return;
    if (isfinite(value))
        out->len += number_write_float(room, value, FLOAT_MODEL);
    else
        json_literal(out, "null");
}

static void write_uuid(struct json_out *out, const galley_uuid *uuid)
{
    static const char hex[] = "0123456789abcdef";
    char *room = json_out_room(out, 38);
    if (room == NULL)
        return;
    char *next = room;
    *next++ = '"';
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *next++ = '-';
        *next++ = hex[uuid->octet[i] >> 4];
        *next++ = hex[uuid->octet[i] & 15];
    }
    *next = '"';
    out->len += 38;
}

static char *write_padded(char *next, int64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        next[i] = (char)('0' + value % 10);
    return next + width;
}

/* Days since 1970-01-01 as a date of the Gregorian calendar, years counted from March. */
static void civil_date(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468; /* since 0000-03-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int month_from_march = (int)((5 * of_year + 2) / 153);
    *day = (int)(of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *year = years + era * 400 + (*month <= 2);
}

static void write_time(struct json_out *out, const galley_time *time)
{
    int64_t local, year;
    int month, day, micros = time->nanos / 1000;
    if (__builtin_add_overflow(time->seconds, (int64_t)time->offset_minutes * 60, &local))
        local = INT64_MAX / 2;
    int64_t days = local / 86400 - (local % 86400 < 0), rest = local - days * 86400;
    civil_date(days, &year, &month, &day);
    char *room = json_out_room(out, 40);
    if (room == NULL)
        return;
    if (year < 1 || year > 9999 || time->nanos < 0 || micros > 999999) {
        out->error = -ERANGE;
        out->capacity = out->len;
        return;
    }
    char *next = room;
    *next++ = '"';
    next = write_padded(next, year, 4);
    *next++ = '-';
    next = write_padded(next, month, 2);
    *next++ = '-';
    next = write_padded(next, day, 2);
    *next++ = 'T';
    next = write_padded(next, rest / 3600, 2);
    *next++ = ':';
    next = write_padded(next, rest / 60 % 60, 2);
    *next++ = ':';
    next = write_padded(next, rest % 60, 2);
    if (micros > 0) {
        *next++ = '.';
        next = write_padded(next, micros, 6);
    }
    int offset = time->offset_minutes;
    if (time->has_offset && offset == 0) {
        *next++ = 'Z';
    } else if (time->has_offset) {
        *next++ = offset < 0 ? '-' : '+';
        offset = offset < 0 ? -offset : offset;
        next = write_padded(next, offset / 60, 2);
        *next++ = ':';
        next = write_padded(next, offset % 60, 2);
    }
    *next++ = '"';
    out->len = (size_t)(next - out->data);
}

static int64_t load_int(const struct step *step, const void *value)
{
    if (step->is_wide)
        return *(const int64_t *)value;
    return step->is_signed ? *(const int32_t *)value : (int64_t) * (const uint32_t *)value;
}

static void write_value(struct json_out *out, const struct step *step, const void *value)
{
    switch (step->kind) {
    case GALLEY_BOOL:
        if (*(const bool *)value)
            json_literal(out, "true");
        else
            json_literal(out, "false");
        return;
    case GALLEY_INT:
        json_int(out, load_int(step, value));
        return;
    case GALLEY_FLOAT:
        json_float(out, *(const double *)value);
        return;
    case GALLEY_STRING:
        if (((const galley_str *)value)->data == NULL)
            json_literal(out, "null");
        else
            json_string(out, *(const galley_str *)value);
        return;
    case GALLEY_UUID:
        write_uuid(out, value);
        return;
    case GALLEY_TIME:
        write_time(out, value);
        return;
    case GALLEY_OBJECT:
        json_write(out, step->of, value);
        return;
    }
}

static void write_list(struct json_out *out, const struct step *step, const void *member)
{
    GALLEY_LIST(const char) list;
    memcpy(&list, member, sizeof list);
    json_literal(out, "[");
    for (size_t i = 0; i < list.count && out->error == 0; i++) {
        if (i > 0)
            json_literal(out, ",");
        write_value(out, step, list.at + i * step->element_bytes);
    }
    json_literal(out, "]");
}

/* In pieces of 16 bytes, the last one beyond the key's end: both sides have the room. */
static inline void write_key(struct json_out *out, const struct step *step)
{
    char *room = json_out_room(out, step->key.len + KEY_SLACK_BYTES);
    if (room == NULL)
        return;
    for (size_t i = 0; i < step->key.len; i += KEY_SLACK_BYTES)
        memcpy(room + i, step->key.data + i, KEY_SLACK_BYTES);
    out->len += step->key.len;
}

void json_write(struct json_out *out, const struct json_writer *writer, const void *value)
{
    for (size_t i = 0; i < writer->step_count; i++) {
        const struct step *step = &writer->steps[i];
        const void *member = (const char *)value + step->offset;
        write_key(out, step);
        if (step->is_list) {
            write_list(out, step, member);
            continue;
        }
        if (step->is_nullable && (member = *(const void *const *)member) == NULL) {
            json_literal(out, "null");
            continue;
        }
        write_value(out, step, member);
    }
    if (writer->step_count == 0)
        json_literal(out, "{");
    json_literal(out, "}");
}

/* ---- compiled at load ---- */

size_t json_element_bytes(const struct galley_field *field)
{
    switch (field->kind) {
    case GALLEY_BOOL:
        return sizeof(bool);
    case GALLEY_INT:
        return sizeof(int64_t);
    case GALLEY_FLOAT:
        return sizeof(double);
    case GALLEY_STRING:
        return sizeof(galley_str);
    case GALLEY_UUID:
        return sizeof(galley_uuid);
    case GALLEY_TIME:
        return sizeof(galley_time);
    case GALLEY_OBJECT:
        return field->of != NULL ? field->of->size : 0;
    }
    return 0;
}

static int compile_key(struct step *step, const struct galley_field *field, bool is_first)
{
    const char *name = field->alias != NULL ? field->alias : field->name;
    struct json_out key;
    json_out_init(&key, NULL, 0, 64 * 1024);
    if (is_first)
        json_literal(&key, "{");
    else
        json_literal(&key, ",");
    json_string(&key, (galley_str){name, strlen(name)});
    json_literal(&key, ":");
    size_t len = key.len;
    json_literal(&key, "                "); /* KEY_SLACK_BYTES */
    step->key = (galley_str){key.data, len};
    return key.error;
}

static struct json_writer *compile(const struct galley_model *model, int depth, struct errmsg *why)
{
    if (depth > MAX_DEPTH) {
        errmsg_set(why, "model %s nests deeper than %d", model->name, MAX_DEPTH);
        return NULL;
    }
    struct json_writer *writer =
        calloc(1, sizeof *writer + model->field_count * sizeof writer->steps[0]);
    if (writer == NULL) {
        errmsg_set(why, "there is no memory");
        return NULL;
    }
    for (size_t i = 0; i < model->field_count; i++) {
        const struct galley_field *field = &model->fields[i];
        if (field->internal)
            continue;
        struct step *step = &writer->steps[writer->step_count++];
        *step = (struct step){.offset = field->offset,
                              .element_bytes = json_element_bytes(field),
                              .kind = field->kind,
                              .is_nullable = field->nullable,
                              .is_list = field->list,
                              .is_signed = field->is_signed,
                              .is_wide = field->list || field->size == sizeof(int64_t)};
        if (compile_key(step, field, writer->step_count == 1) < 0) {
            errmsg_set(why, "there is no memory");
            goto free_writer;
        }
        if (field->kind != GALLEY_OBJECT)
            continue;
        if (field->of == NULL) {
            errmsg_set(why,
                       "member %s of %s has a type that no model describes: say OBJECT(model), "
                       "or LIST_OF(model) for a list",
                       field->name, model->name);
            goto free_writer;
        }
        step->of = compile(field->of, depth + 1, why);
        if (step->of == NULL)
            goto free_writer;
    }
    return writer;

free_writer:
    json_writer_free(writer);
    return NULL;
}

struct json_writer *json_writer_new(const struct galley_model *model, struct errmsg *why)
{
    return compile(model, 0, why);
}

void json_writer_free(struct json_writer *writer)
{
    if (writer == NULL)
        return;
    for (size_t i = 0; i < writer->step_count; i++) {
        free((char *)(uintptr_t)writer->steps[i].key.data);
        json_writer_free(writer->steps[i].of);
    }
    free(writer);
}
