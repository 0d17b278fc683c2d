/* json.c - JSON on standard output, from MessagePack.
 * Does:     print values as compact JSON.
 * Does not: buffer: stdio does; cli_main finds out whether it could be written.
 * See:      json.h, t/21-cli-rpc.t */
#include "cli/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The length of the UTF-8 character at `text`; 0 if there is none (RFC 3629: no surrogates, nothing overlong). */
static size_t character_len(const unsigned char *text, size_t len)
{
    static const struct {
        unsigned char mask, first, len;
        uint32_t min;
    } shapes[] = {{0x80, 0x00, 1, 0},
                  {0xE0, 0xC0, 2, 0x80},
                  {0xF0, 0xE0, 3, 0x800},
                  {0xF8, 0xF0, 4, 0x10000}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if ((text[0] & shapes[i].mask) != shapes[i].first)
            continue;
        uint32_t code = text[0] & (unsigned char)~shapes[i].mask;
        if (shapes[i].len > len)
            return 0;
        for (size_t j = 1; j < shapes[i].len; j++) {
            if ((text[j] & 0xC0) != 0x80)
                return 0;
            code = code << 6 | (text[j] & 0x3F);
        }
        bool valid = code >= shapes[i].min && code <= 0x10FFFF && (code & ~0x7FFu) != 0xD800;
        return valid ? shapes[i].len : 0;
    }
    return 0;
}

void json_print_text(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + len;
    putchar('"');
    while (at < end) {
        size_t width = character_len(at, (size_t)(end - at));
        if (!width) {
            fputs("\\ufffd", stdout);
            at++;
            continue;
        }
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if (*at < 0x20 || *at == 0x7F)
            printf("\\u%04x", *at);
        else
            fwrite(at, 1, width, stdout);
        at += width;
    }
    putchar('"');
}

static void print_number(double number)
{
    char text[40];
    if (!isfinite(number)) {
        fputs("null", stdout);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) { /* the shortest that reads back as the same */
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    fputs(text, stdout);
}

static int print_at(struct mp_reader *reader, int depth);

static int print_list(struct mp_reader *reader, size_t count, int depth)
{
    putchar('[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            putchar(',');
        if (print_at(reader, depth + 1) < 0)
            return -EBADMSG;
    }
    putchar(']');
    return 0;
}

static int print_map(struct mp_reader *reader, size_t count, int depth)
{
    putchar('{');
    for (size_t i = 0; i < count; i++) {
        struct mp_value key;
        if (mp_get_type(reader, MP_STR, &key) < 0)
            return -EBADMSG;
        if (i)
            putchar(',');
        json_print_text(key.data, key.len);
        putchar(':');
        if (print_at(reader, depth + 1) < 0)
            return -EBADMSG;
    }
    putchar('}');
    return 0;
}

static int print_at(struct mp_reader *reader, int depth)
{
    struct mp_value value;
    if (depth > MP_MAX_DEPTH || mp_get(reader, &value) < 0)
        return -EBADMSG;
    switch (value.type) {
    case MP_NIL:
        fputs("null", stdout);
        return 0;
    case MP_BOOL:
        fputs(value.boolean ? "true" : "false", stdout);
        return 0;
    case MP_UINT:
        printf("%" PRIu64, value.uint);
        return 0;
    case MP_INT:
        printf("%" PRId64, value.integer);
        return 0;
    case MP_FLOAT:
        print_number(value.number);
        return 0;
    case MP_STR:
    case MP_BIN:
        json_print_text(value.data, value.len);
        return 0;
    case MP_ARRAY:
        return print_list(reader, value.len, depth);
    case MP_MAP:
        return print_map(reader, value.len, depth);
    }
    return -EBADMSG;
}

int json_print(struct mp_reader *reader)
{
    return print_at(reader, 0);
}
