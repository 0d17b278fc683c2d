/* value_equals.c - two values of one member, compared by shape; see value_equals.h.
 * Does:     walk both at once.
 * Does not: compare what is internal, or which members were sent. */
#include "worker/app/value_equals.h"

#include "worker/app/scalar.h"

/* Deeper than any JSON that is read or written. */
enum { MAX_DEPTH = 128 };

static bool same_member(const struct member *member, const char *a, const char *b, unsigned depth);

static bool same_object(const struct shape *shape, const char *a, const char *b, unsigned depth)
{
    if (depth > MAX_DEPTH)
        return false;
    if (shape->form == GALLEY_TAGGED) {
        unsigned is = *(const unsigned *)(const void *)a,
                 other = *(const unsigned *)(const void *)b;
        return is == other && is < shape->member_count &&
               same_member(&shape->members[is], a + shape->members[is].offset,
                           b + shape->members[is].offset, depth + 1);
    }
    for (size_t i = 0; i < shape->member_count; i++)
        if (!same_member(&shape->members[i], a + shape->members[i].offset,
                         b + shape->members[i].offset, depth + 1))
            return false;
    return true;
}

static bool same_text(const void *a, const void *b)
{
    const galley_str *one = a, *other = b;
    return one->len == other->len && (one->data == NULL) == (other->data == NULL) &&
           (one->len == 0 || memcmp(one->data, other->data, one->len) == 0);
}

static bool same_value(const struct member *member, const char *a, const char *b, unsigned depth)
{
    if (member->type.kind == GALLEY_OBJECT)
        return same_object(member->type.of, a, b, depth);
    if (member->type.kind == GALLEY_JSON)
        return same_text(a, b);
    return member->type.kind != GALLEY_UPLOAD && scalar_equals(&member->type, a, b);
}

static bool same_list(const struct member *member, const char *a, const char *b, unsigned depth)
{
    GALLEY_LIST(const char) one, other;
    memcpy(&one, a, sizeof one);
    memcpy(&other, b, sizeof other);
    if (one.count != other.count)
        return false;
    bool is_map = member->count == GALLEY_KEYED;
    size_t step = is_map ? member->entry_bytes : member->type.bytes;
    for (size_t i = 0; i < one.count; i++) {
        const char *left = one.at + i * step, *right = other.at + i * step;
        if (is_map && !same_text(left, right))
            return false;
        size_t skip = is_map ? SHAPE_VALUE_AT : 0;
        if (!same_value(member, left + skip, right + skip, depth))
            return false;
    }
    return true;
}

static bool same_member(const struct member *member, const char *a, const char *b, unsigned depth)
{
    if (member->is_nullable && (value_is_null(a) || value_is_null(b)))
        return value_is_null(a) == value_is_null(b);
    if (member->is_pointer) {
        a = *(const char *const *)(const void *)a;
        b = *(const char *const *)(const void *)b;
    }
    return member->count == GALLEY_ONE ? same_value(member, a, b, depth)
                                       : same_list(member, a, b, depth);
}

bool value_equals(const struct member *member, const void *a, const void *b)
{
    return same_member(member, a, b, 0);
}
