/* test_reply.c - looking into an answer: its header fields, the values of its JSON.
 * Does:     find a field by name; find the text of a value by its path, without changing a byte of it.
 * Does not: check JSON: what is no JSON has no values.
 * See:      galley/test.h, t/unit/worker/test_client.c */
#include <galley/test.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

galley_str galley_reply_header(struct galley_reply reply, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < reply.field_count; i++)
        if (reply.fields[i].name.len == len &&
            strncasecmp(reply.fields[i].name.data, name, len) == 0)
            return reply.fields[i].value;
    return (galley_str){0};
}

/* ---- JSON: the body ends with a NUL, which is in no value ---- */

enum { MAX_DEPTH = 200 };

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Behind the string that starts here; NULL: it does not end. */
static const char *skip_string(const char *at)
{
    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (*at == '\0')
            return NULL;
    }
    return at + 1;
}

/* Behind the value that starts here; NULL: there is none. */
static const char *skip_value(const char *at)
{
    char open[MAX_DEPTH];
    size_t depth = 0;
    do {
        at = skip_space(at);
        size_t len = strcspn(at, " \t\r\n,:]}[{\"");
        if (*at == '{' || *at == '[') {
            if (depth == MAX_DEPTH)
                return NULL;
            open[depth++] = *at++;
        } else if (*at == '}' || *at == ']') {
            if (depth == 0 || open[--depth] != *at - 2)
                return NULL;
            at++;
        } else if (*at == '"') {
            at = skip_string(at);
        } else if (depth > 0 && (*at == ',' || *at == ':')) {
            at++;
        } else {
            at = len > 0 ? at + len : NULL;
        }
    } while (at != NULL && depth > 0);
    return at;
}

/* Where the value of member `name` or of element `name` starts; NULL: there is none. */
static const char *step_into(const char *at, const char *name, size_t len)
{
    char *end;
    bool is_object = *at == '{';
    unsigned long index = strtoul(name, &end, 10);
    if (!is_object && (*at != '[' || end != name + len || len == 0))
        return NULL;
    at = skip_space(at + 1);
    for (unsigned long i = 0; *at != '\0' && *at != ']' && *at != '}'; i++) {
        bool is_here = i == index;
        if (is_object) {
            const char *key = at + 1, *key_end = *at == '"' ? skip_string(at) : NULL;
            if (key_end == NULL)
                return NULL;
            is_here = (size_t)(key_end - 1 - key) == len && memcmp(key, name, len) == 0;
            at = skip_space(key_end);
            at = skip_space(*at == ':' ? at + 1 : at);
        }
        if (is_here)
            return at;
        at = skip_value(at);
        if (at == NULL)
            return NULL;
        at = skip_space(at);
        if (*at == ',')
            at = skip_space(at + 1);
    }
    return NULL;
}

galley_str galley_reply_json(struct galley_reply reply, const char *path)
{
    const char *at = reply.body.data != NULL ? skip_space(reply.body.data) : "";
    while (*path != '\0' && at != NULL) {
        size_t len = strcspn(path, ".");
        at = step_into(at, path, len);
        path += len + (path[len] == '.');
    }
    const char *end = at != NULL ? skip_value(at) : NULL;
    return end != NULL ? (galley_str){at, (size_t)(end - at)} : (galley_str){0};
}

int64_t galley_reply_int(struct galley_reply reply, const char *path)
{
    galley_str text = galley_reply_json(reply, path);
    return text.data != NULL ? strtoll(text.data, NULL, 10) : 0;
}
