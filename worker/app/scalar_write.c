/* scalar_write.c - values that scalar.c reads, as JSON text, and compared; see scalar.h.
 * Does:     what a handler has set and no type can hold (an enum's value that has no name, the year 12345) is -ERANGE.
 * Does not: judge bounds.
 * See:      t/unit/worker/app/scalar.c */
#include "worker/app/scalar.h"

#include <errno.h>

#include "common/bug.h"
#include "worker/app/moment.h"
#include "worker/app/octets.h"

static void write_uuid(struct json_out *out, const galley_uuid *uuid)
{
    char *room = json_out_room(out, UUID_TEXT_BYTES + 2);
    if (room == NULL)
        return;
    room[0] = '"';
    uuid_write(room + 1, uuid);
    room[1 + UUID_TEXT_BYTES] = '"';
    out->len += UUID_TEXT_BYTES + 2;
}

static void write_bytes(struct json_out *out, galley_bytes octets)
{
    char *room = json_out_room(out, octets.len / 3 * 4 + 6);
    if (room == NULL)
        return;
    room[0] = '"';
    size_t len = base64_encode(room + 1, octets);
    room[1 + len] = '"';
    out->len += len + 2;
}

static void write_moment(struct json_out *out, enum galley_kind kind, const void *value)
{
    char *room = json_out_room(out, MOMENT_BYTES);
    if (room == NULL)
        return;
    size_t len = kind == GALLEY_DATETIME ? moment_write_datetime(room, value)
                 : kind == GALLEY_DATE   ? moment_write_date(room, value)
                                         : moment_write_clock(room, value);
    if (len == 0)
        json_out_fail(out, -ERANGE);
    out->len += len;
}

/* A value that is none of the enum's is the handler's mistake: -ERANGE, as a time that is none. */
static void write_choice(struct json_out *out, const struct galley_enum *choices, int value)
{
    for (size_t i = 0; i < choices->count; i++) {
        const struct galley_choice *choice = &choices->choices[i];
        if (choice->value != value)
            continue;
        if (choice->name != NULL)
            json_string(out, (galley_str){choice->name, strlen(choice->name)});
        else
            json_int(out, value);
        return;
    }
    json_out_fail(out, -ERANGE);
}

static int64_t load_int(const struct type *type, const void *value)
{
    if (type->is_wide)
        return *(const int64_t *)value;
    return type->is_signed ? *(const int32_t *)value : (int64_t) * (const uint32_t *)value;
}

void scalar_write(struct json_out *out, const struct type *type, const void *value)
{
    switch (type->kind) {
    case GALLEY_BOOL:
        if (*(const bool *)value)
            json_literal(out, "true");
        else
            json_literal(out, "false");
        return;
    case GALLEY_INT:
        json_int(out, load_int(type, value));
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
    case GALLEY_ENUM:
        write_choice(out, type->choices, *(const int *)value);
        return;
    case GALLEY_UUID:
        write_uuid(out, value);
        return;
    case GALLEY_DATETIME:
    case GALLEY_DATE:
    case GALLEY_CLOCK:
        write_moment(out, type->kind, value);
        return;
    case GALLEY_BYTES:
        if (((const galley_bytes *)value)->data == NULL)
            json_literal(out, "null");
        else
            write_bytes(out, *(const galley_bytes *)value);
        return;
    case GALLEY_JSON:
    case GALLEY_UPLOAD:
    case GALLEY_OBJECT:
    case GALLEY_SENT:
        break;
    }
    GALLEY_BUG_IF(true, "kind %d is no scalar", (int)type->kind);
}

static bool is_same_time(const galley_time *a, const galley_time *b)
{
    return a->seconds == b->seconds && a->nanos == b->nanos && a->has_offset == b->has_offset &&
           (!a->has_offset || a->offset_minutes == b->offset_minutes);
}

static bool is_same_clock(const galley_clock *a, const galley_clock *b)
{
    return a->hour == b->hour && a->minute == b->minute && a->second == b->second &&
           a->micros == b->micros && a->has_offset == b->has_offset &&
           (!a->has_offset || a->offset_minutes == b->offset_minutes);
}

static bool is_same_piece(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return (a == NULL) == (b == NULL) && a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

bool scalar_equals(const struct type *type, const void *a, const void *b)
{
    const galley_str *left = a, *right = b;
    const galley_bytes *bytes = a, *others = b;
    const galley_date *day = a, *other = b;
    switch (type->kind) {
    case GALLEY_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case GALLEY_INT:
        return load_int(type, a) == load_int(type, b);
    case GALLEY_FLOAT:
        return *(const double *)a == *(const double *)b;
    case GALLEY_STRING:
        return is_same_piece(left->data, left->len, right->data, right->len);
    case GALLEY_ENUM:
        return *(const int *)a == *(const int *)b;
    case GALLEY_UUID:
        return memcmp(a, b, sizeof(galley_uuid)) == 0;
    case GALLEY_DATETIME:
        return is_same_time(a, b);
    case GALLEY_DATE:
        return day->year == other->year && day->month == other->month && day->day == other->day;
    case GALLEY_CLOCK:
        return is_same_clock(a, b);
    case GALLEY_BYTES:
        return is_same_piece(bytes->data, bytes->len, others->data, others->len);
    case GALLEY_JSON:
    case GALLEY_UPLOAD:
    case GALLEY_OBJECT:
    case GALLEY_SENT:
        break;
    }
    GALLEY_BUG_IF(true, "kind %d is no scalar", (int)type->kind);
    return false;
}
