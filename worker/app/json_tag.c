/* json_tag.c - which variant of a union an object is; see json_tag.h.
 * Does:     scan the object for its discriminator, wherever that is.
 * Does not: keep anything of the rest.
 * See:      json_read.c */
#include "worker/app/json_tag.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "worker/app/json_read.h"
#include "worker/app/number.h"

/* Look ahead for the tag of the object at the cursor. 1: found; 0: there is none. */
int json_find_tag(const struct json_reader *r, const char *discriminator, struct token *tag,
                  galley_str *text)
{
    struct json_scan scan = r->scan;
    galley_str key;
    int is_found = 0, status;
    size_t len = strlen(discriminator);
    if (r->depth >= JSON_MAX_DEPTH)
        return -EMLINK;
    scan.at++;
    json_scan_space(&scan);
    if (scan.at < scan.end && *scan.at == '}')
        return 0;
    for (;;) {
        if ((status = json_scan_key(&scan, r->arena, &key)) < 0)
            return status;
        json_scan_space(&scan);
        const char *start = scan.at;
        bool is_tag = key.len == len && memcmp(key.data, discriminator, len) == 0;
        status = is_tag ? json_scan_token(&scan, r->depth + 1, r->arena, tag)
                        : json_scan_skip(&scan, r->depth + 1);
        if (status < 0)
            return status;
        if (is_tag)
            *text = json_slice(start, scan.at);
        is_found |= is_tag;
        json_scan_space(&scan);
        if (scan.at == scan.end || (*scan.at != ',' && *scan.at != '}'))
            return -EBADMSG;
        if (*scan.at++ == '}')
            return is_found;
    }
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
