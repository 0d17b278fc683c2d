/* openapi_names.c - names and titles of a document, made of C's; see openapi_parts.h.
 * Does:     what Python's str.title() and re.sub(r"\W", "_") make of ASCII; other letters stay as they are.
 * Does not: escape: the writer of strings does.
 * See:      t/unit/worker/app/openapi_names.c */
#include "worker/app/openapi_parts.h"

#include <string.h>

static char *take(struct openapi *doc, size_t len)
{
    char *text = arena_alloc(&doc->memory, len + 1);
    if (text == NULL)
        openapi_fail(doc);
    else
        text[len] = '\0';
    return text;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

galley_str openapi_title(struct openapi *doc, galley_str name)
{
    char *text = take(doc, name.len);
    if (text == NULL)
        return (galley_str){0};
    bool is_inside = false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        text[i] = c == '_' ? ' ' : is_inside ? lower(c) : upper(c);
        is_inside = is_letter(c);
    }
    return (galley_str){text, name.len};
}

galley_str openapi_type_name(struct openapi *doc, const char *name)
{
    char *text = take(doc, strlen(name));
    size_t len = 0;
    bool is_start = true;
    for (; text != NULL && *name != '\0'; name++) {
        if (*name != '_')
            text[len++] = is_start ? upper(*name) : *name;
        is_start = *name == '_';
    }
    return (galley_str){text, len};
}

galley_str openapi_path(struct openapi *doc, const char *path)
{
    char *text = take(doc, strlen(path));
    size_t len = 0;
    bool is_param = false, is_converter = false;
    for (; text != NULL && *path != '\0'; path++) {
        if (*path == '{')
            is_param = true;
        if (*path == '}')
            is_param = is_converter = false;
        if (is_param && *path == ':')
            is_converter = true;
        if (!is_converter)
            text[len++] = *path;
    }
    return (galley_str){text, len};
}

galley_str openapi_operation_id(struct openapi *doc, const struct galley_route *route,
                                galley_str path)
{
    if (route->operation_id != NULL)
        return (galley_str){route->operation_id, strlen(route->operation_id)};
    size_t name_len = strlen(route->name), method_len = strlen(route->method);
    char *text = take(doc, name_len + path.len + 1 + method_len);
    if (text == NULL)
        return (galley_str){0};
    char *next = mempcpy(text, route->name, name_len);
    next = mempcpy(next, path.data, path.len);
    *next++ = '_';
    for (char *at = text; at < next; at++)
        if (!is_letter(*at) && !is_digit(*at))
            *at = '_';
    for (size_t i = 0; i < method_len; i++)
        *next++ = lower(route->method[i]);
    return (galley_str){text, (size_t)(next - text)};
}

galley_str openapi_join(struct openapi *doc, galley_str left, const char *between, galley_str right)
{
    size_t between_len = strlen(between), len = left.len + between_len + right.len;
    char *text = take(doc, len);
    if (text == NULL)
        return (galley_str){0};
    char *next = mempcpy(text, left.data, left.len);
    next = mempcpy(next, between, between_len);
    if (right.len > 0)
        memcpy(next, right.data, right.len);
    return (galley_str){text, len};
}
