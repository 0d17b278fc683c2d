/* json_tag.c - which variant of a union an object is; see json_tag.h.
 * Does:     scan the object for its discriminator, wherever that is; where unions nest, all objects ahead at once.
 * Does not: take more than linear time.
 * See:      json_read.c */
#include "worker/app/json_tag.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/app/json_read.h"
#include "worker/app/number.h"

/* Whoever nests unions would make us look ahead over the same bytes again and again. Beyond this many in all, one pass
 * notes the tags of all objects ahead. */
enum { AHEAD_MAX_BYTES = 1 << 20 };

/* The tags of the objects up to `end` by one discriminator. */
struct json_tags {
    struct json_tags *next;
    const char *end;
    struct json_marks marks;
};

void json_tags_free(struct json_tags *tags)
{
    while (tags != NULL) {
        struct json_tags *next = tags->next;
        free(tags->marks.at);
        free(tags);
        tags = next;
    }
}

static int compare_marks(const void *a, const void *b)
{
    const struct json_mark *x = a, *y = b;
    return (x->object > y->object) - (x->object < y->object);
}

/* Note the tags of the object at the cursor, and of all within it. */
static int note_tags(struct json_reader *r, struct json_tags *tags)
{
    struct json_scan scan = r->scan;
    free(tags->marks.at);
    tags->marks.at = NULL;
    tags->marks.count = tags->marks.capacity = 0;
    tags->marks.origin = scan.at;
    tags->end = scan.at;
    if ((size_t)(scan.end - scan.at) >= UINT32_MAX)
        return -ENOMEM;
    int status = json_scan_mark(&scan, r->depth, &tags->marks);
    if (status < 0)
        return status;
    tags->end = scan.at;
    if (tags->marks.count > 0)
        qsort(tags->marks.at, tags->marks.count, sizeof *tags->marks.at, compare_marks);
    return 0;
}

/* Where the last value of the discriminator of the object at the cursor is. NULL in `*value`: there is none. */
static int look_up(struct json_reader *r, galley_str name, const char **value)
{
    struct json_tags *tags = r->tags;
    while (tags != NULL && tags->marks.name.data != name.data)
        tags = tags->next;
    if (tags == NULL) {
        if ((tags = calloc(1, sizeof *tags)) == NULL)
            return -ENOMEM;
        tags->marks.name = name;
        tags->next = r->tags;
        r->tags = tags;
    }
    int status = tags->end == NULL || r->scan.at >= tags->end ? note_tags(r, tags) : 0;
    if (status < 0)
        return status;
    struct json_mark key = {.object = (uint32_t)(r->scan.at - tags->marks.origin)};
    const struct json_mark *found =
        tags->marks.count > 0
            ? bsearch(&key, tags->marks.at, tags->marks.count, sizeof key, compare_marks)
            : NULL;
    *value = found != NULL ? tags->marks.origin + found->value : NULL;
    return 0;
}

/* The same by passing over the object alone. */
static int look_ahead(struct json_reader *r, galley_str name, const char **value)
{
    struct json_scan scan = r->scan;
    galley_str key;
    *value = NULL;
    if (r->depth >= JSON_MAX_DEPTH)
        return -EMLINK;
    scan.at++;
    json_scan_space(&scan);
    bool is_more = scan.at == scan.end || *scan.at != '}';
    while (is_more) {
        int status = json_scan_key(&scan, NULL, &key);
        if (status < 0)
            return status;
        json_scan_space(&scan);
        if (json_scan_is(key, name))
            *value = scan.at;
        if ((status = json_scan_skip(&scan, r->depth + 1)) < 0)
            return status;
        json_scan_space(&scan);
        if (scan.at == scan.end || (*scan.at != ',' && *scan.at != '}'))
            return -EBADMSG;
        is_more = *scan.at++ == ',';
    }
    r->ahead_bytes += (size_t)(scan.at - r->scan.at);
    return 0;
}

int json_find_tag(struct json_reader *r, const char *discriminator, struct token *tag,
                  galley_str *text)
{
    galley_str name = {discriminator, strlen(discriminator)};
    const char *value;
    int status =
        r->ahead_bytes < AHEAD_MAX_BYTES ? look_ahead(r, name, &value) : look_up(r, name, &value);
    if (status < 0 || value == NULL)
        return status;
    struct json_scan scan = {.at = value, .end = r->scan.end};
    status = json_scan_token(&scan, r->depth + 1, r->arena, tag);
    *text = json_slice(value, scan.at);
    return status < 0 ? status : 1;
}

/* The variant whose literal is the tag. */
const struct member *json_find_variant(const struct shape *shape, const struct token *tag)
{
    for (unsigned i = 0; tag->kind == TOKEN_STRING && i < shape->member_count; i++) {
        const struct shape *variant = shape->members[i].type.of;
        galley_str name = {shape->discriminator, strlen(shape->discriminator)};
        const struct member *m = shape_find(variant, name);
        for (const char *const *literal = m->type.literals; *literal != NULL; literal++) {
            if (strlen(*literal) == tag->text.len &&
                memcmp(*literal, tag->text.data, tag->text.len) == 0)
                return &shape->members[i];
        }
    }
    return NULL;
}

galley_str json_tag_text(const struct token *tag, galley_str text, struct arena *arena)
{
    char number[NUMBER_BYTES];
    size_t len;
    switch (tag->kind) {
    case TOKEN_STRING:
        return tag->text;
    case TOKEN_NULL:
        return GALLEY_STR("None");
    case TOKEN_BOOL:
        return tag->boolean ? GALLEY_STR("True") : GALLEY_STR("False");
    case TOKEN_INT:
        len = number_write_int(number, tag->whole);
        break;
    case TOKEN_FLOAT:
        if (isnan(tag->number))
            return GALLEY_STR("nan");
        if (isinf(tag->number))
            return tag->number > 0 ? GALLEY_STR("inf") : GALLEY_STR("-inf");
        len = number_write_float(number, tag->number, FLOAT_PYTHON);
        break;
    default:
        return text;
    }
    return (galley_str){arena_dup(arena, number, len), len};
}
