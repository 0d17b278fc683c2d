/* default_json.c - defaults from their JSON text; see default_json.h.
 * Does:     one value by its member's kind; strictly JSON, with white space around.
 * Does not: nested objects.
 * See:      t/unit/worker/app/inputs.c */
#include "worker/app/default_json.h"

#include <errno.h>
#include <string.h>

#include "worker/app/number.h"
#include "worker/http/field.h"

static void skip_space(const char **at)
{
    *at += strspn(*at, " \t\r\n");
}

static bool take(const char **at, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(*at, word, len) != 0)
        return false;
    *at += len;
    return true;
}

/* \uXXXX of a code point that needs no second half, as UTF-8. */
static char *put_code_point(char *next, const char *digits)
{
    unsigned code = 0;
    for (int i = 0; i < 4; i++) {
        if (!field_is(digits[i], FIELD_HEX))
            return NULL;
        code = code << 4 | field_hex(digits[i]);
    }
    if (code >= 0xD800 && code <= 0xDFFF)
        return NULL;
    if (code < 0x80) {
        *next++ = (char)code;
    } else if (code < 0x800) {
        *next++ = (char)(0xC0 | code >> 6);
        *next++ = (char)(0x80 | (code & 0x3F));
    } else {
        *next++ = (char)(0xE0 | code >> 12);
        *next++ = (char)(0x80 | (code >> 6 & 0x3F));
        *next++ = (char)(0x80 | (code & 0x3F));
    }
    return next;
}

static int read_string(const char **at, struct arena *memory, galley_str *value)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    if (!take(at, "\""))
        return -EINVAL;
    char *copy = arena_alloc(memory, strlen(*at) + 1);
    if (copy == NULL)
        return -ENOMEM;
    char *next = copy;
    for (; **at != '"'; (*at)++) {
        if ((unsigned char)**at < 0x20)
            return -EINVAL;
        if (**at != '\\') {
            *next++ = **at;
            continue;
        }
        (*at)++;
        const char *letter = **at != '\0' ? strchr(letters, **at) : NULL;
        if (letter != NULL) {
            *next++ = bytes[letter - letters];
        } else if (**at == 'u' && (next = put_code_point(next, *at + 1)) != NULL) {
            *at += 4;
        } else {
            return -EINVAL;
        }
    }
    (*at)++;
    *value = (galley_str){copy, (size_t)(next - copy)};
    return 0;
}

static int read_scalar(const char **at, const struct slot *slot, struct arena *memory, void *to)
{
    galley_str numeral = {*at, strspn(*at, "+-.0123456789eE")};
    int64_t whole;
    switch (slot->kind) {
    case GALLEY_BOOL:
        *(bool *)to = take(at, "true");
        return *(bool *)to || take(at, "false") ? 0 : -EINVAL;
    case GALLEY_INT:
        if (number_parse_int(numeral, &whole) < 0)
            return -EINVAL;
        slot_store_int(slot, to, whole);
        break;
    case GALLEY_FLOAT:
        if (number_parse_float(numeral, to) < 0)
            return -EINVAL;
        break;
    case GALLEY_STRING:
        return read_string(at, memory, to);
    case GALLEY_UUID:
    case GALLEY_TIME:
    case GALLEY_OBJECT:
        return -EINVAL;
    }
    *at += numeral.len;
    return 0;
}

static int read_list(const char **at, const struct slot *slot, struct arena *memory, void *to)
{
    GALLEY_LIST(char) list = {NULL, 0};
    size_t most =
        strlen(*at) / 2 + 1; /* each element has a byte, and another one parts it from the next */
    if (!take(at, "["))
        return -EINVAL;
    list.at = arena_alloc(memory, most * slot->value_bytes);
    if (list.at == NULL)
        return -ENOMEM;
    skip_space(at);
    bool is_ended = take(at, "]");
    while (!is_ended) {
        skip_space(at);
        int rc = read_scalar(at, slot, memory, list.at + list.count * slot->value_bytes);
        if (rc < 0)
            return rc;
        list.count++;
        skip_space(at);
        is_ended = take(at, "]");
        if (!is_ended && !take(at, ","))
            return -EINVAL;
    }
    memcpy(to, &list, sizeof list);
    return 0;
}

int default_json_store(const struct galley_field *field, const struct slot *slot,
                       struct arena *memory, char *base)
{
    const char *at = field->default_json;
    void *to = base + slot->offset;
    int rc;
    skip_space(&at);
    if (slot->is_list) {
        rc = read_list(&at, slot, memory, to);
    } else if ((slot->is_nullable || slot->kind == GALLEY_STRING) && take(&at, "null")) {
        rc = 0;
    } else if (slot->is_nullable) {
        void *value = arena_alloc(memory, slot->value_bytes);
        if (value == NULL)
            return -ENOMEM;
        rc = read_scalar(&at, slot, memory, value);
        *(void **)to = value;
    } else {
        rc = read_scalar(&at, slot, memory, to);
    }
    skip_space(&at);
    return rc == 0 && *at != '\0' ? -EINVAL : rc;
}
