/* json_write.c - JSON text from structs; see json_write.h.
 * Does:     one step a member: its key's bytes, then its value, from offsets known at load.
 * Does not: allocate while it writes, unless the buffer is full.
 * See:      t/unit/worker/app/json_write.c */
#include "worker/app/json_write.h"

#include <errno.h>
#include <stdio.h>

#include "worker/app/json_read.h"
#include "worker/app/value_equals.h"

/* One struct being written, with where it stands. */
struct writing {
    struct json_out *out;
    unsigned leave;
    unsigned depth;
};

static void write_object(struct writing *w, const struct shape *shape, const void *value);

static void write_text(struct writing *w, const struct member *member, const galley_str *text)
{
    const char *const *literals = member->type.literals;
    if (text->data != NULL)
        json_string(w->out, *text);
    else if (literals != NULL && literals[1] == NULL)
        json_string(w->out, (galley_str){literals[0], strlen(literals[0])});
    else
        json_out_fail(w->out, -EINVAL);
}

static void write_value(struct writing *w, const struct member *member, const void *value)
{
    const struct type *type = &member->type;
    switch (type->kind) {
    case GALLEY_STRING:
        write_text(w, member, value);
        return;
    case GALLEY_OBJECT:
        write_object(w, type->of, value);
        return;
    case GALLEY_JSON:
        if (((const galley_json *)value)->data == NULL)
            json_literal(w->out, "null");
        else
            json_raw(w->out, ((const galley_json *)value)->data, ((const galley_json *)value)->len);
        return;
    default:
        scalar_write(w->out, type, value);
    }
}

static void write_list(struct writing *w, const struct member *member, const void *at)
{
    GALLEY_LIST(const char) list;
    memcpy(&list, at, sizeof list);
    json_literal(w->out, "[");
    for (size_t i = 0; i < list.count && w->out->error == 0; i++) {
        if (i > 0)
            json_literal(w->out, ",");
        write_value(w, member, list.at + i * member->type.bytes);
    }
    json_literal(w->out, "]");
}

static void write_map(struct writing *w, const struct member *member, const void *at)
{
    GALLEY_LIST(const char) map;
    memcpy(&map, at, sizeof map);
    json_literal(w->out, "{");
    for (size_t i = 0; i < map.count && w->out->error == 0; i++) {
        const char *entry = map.at + i * member->entry_bytes;
        if (i > 0)
            json_literal(w->out, ",");
        json_string(w->out, *(const galley_str *)(const void *)entry);
        json_literal(w->out, ":");
        write_value(w, member, entry + SHAPE_VALUE_AT);
    }
    json_literal(w->out, "}");
}

static void write_member(struct writing *w, const struct member *member, const void *at)
{
    if (__builtin_expect(member->is_nullable, 0) && value_is_null(at)) {
        json_literal(w->out, "null");
        return;
    }
    if (member->is_pointer)
        at = *(const void *const *)at;
    if (member->count == GALLEY_MANY)
        write_list(w, member, at);
    else if (member->count == GALLEY_KEYED)
        write_map(w, member, at);
    else
        write_value(w, member, at);
}

/* In pieces of 16 bytes, the last one beyond the key's end: both sides have the room. */
static inline void write_key(struct json_out *out, const struct member *member)
{
    char *room = json_out_room(out, member->key.len + SHAPE_KEY_SLACK);
    if (room == NULL)
        return;
    for (size_t i = 0; i < member->key.len; i += SHAPE_KEY_SLACK)
        memcpy(room + i, member->key.data + i, SHAPE_KEY_SLACK);
    out->len += member->key.len;
}

static bool is_left_out(unsigned leave, const struct shape *shape, const struct member *member,
                        const char *base)
{
    if ((leave & JSON_LEAVE_UNSET) && shape->sent_offset != SHAPE_NO_OFFSET &&
        !(((const galley_sent *)(const void *)(base + shape->sent_offset))->bits >> member->index &
          1))
        return true;
    if ((leave & JSON_LEAVE_NONE) && member->is_nullable && value_is_null(base + member->offset))
        return true;
    return (leave & JSON_LEAVE_DEFAULTS) && !member->is_required &&
           value_equals(member, base + member->offset,
                        (const char *)shape->absent + member->offset);
}

static void write_record(struct writing *w, const struct shape *shape, const char *base)
{
    struct json_out *out = w->out;
    size_t start = out->len;
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct member *member = &shape->members[i];
        if (__builtin_expect(w->leave != 0, 0) && is_left_out(w->leave, shape, member, base))
            continue;
        write_key(out, member);
        write_member(w, member, base + member->offset);
    }
    if (out->error < 0)
        return;
    if (out->len > start)
        out->data[start] = '{'; /* in place of the first key's comma */
    else
        json_literal(out, "{");
    json_literal(out, "}");
}

static void write_object(struct writing *w, const struct shape *shape, const void *value)
{
    const char *base = value;
    if (++w->depth > JSON_MAX_DEPTH) {
        json_out_fail(w->out, -ELOOP);
    } else if (shape->form == GALLEY_RECORD) {
        write_record(w, shape, base);
    } else if (shape->form == GALLEY_BARE) {
        write_member(w, &shape->members[0], base + shape->members[0].offset);
    } else {
        unsigned is = *(const unsigned *)value;
        if (is < shape->member_count)
            write_object(w, shape->members[is].type.of, base + shape->members[is].offset);
        else
            json_out_fail(w->out, -EINVAL);
    }
    w->depth--;
}

void json_write(struct json_out *out, const struct shape *shape, const void *value, unsigned leave)
{
    struct writing w = {out, leave, 0};
    write_object(&w, shape, value);
}

/* ---- what was wrong ---- */

void json_write_fault(const struct shape *shape, const void *value, char *why, size_t why_bytes)
{
    const char *base = value;
    for (size_t i = 0; i < shape->member_count && shape->form == GALLEY_RECORD; i++) {
        const struct member *member = &shape->members[i];
        struct json_out out;
        struct writing w = {&out, 0, 0};
        json_out_init(&out, NULL, 0, 64 << 20);
        write_member(&w, member, base + member->offset);
        bool is_bad = out.error == -EINVAL;
        json_out_release(&out);
        if (!is_bad)
            continue;
        if (member->type.kind == GALLEY_OBJECT && member->count == GALLEY_ONE) {
            json_write_fault(member->type.of,
                             member->is_pointer ? *(const void *const *)(base + member->offset)
                                                : base + member->offset,
                             why, why_bytes);
            return;
        }
        snprintf(why, why_bytes, "member %s of %s is null or none of its values",
                 member->field->name, shape->name);
        return;
    }
    snprintf(why, why_bytes, "%s holds what is none of its values", shape->name);
}
