/* route_path.c - one route's path; see route_path.h.
 * Does:     tokens before {name:path} are matched from the left, those behind it from the right.
 * Does not: allocate.
 * See:      t/unit/worker/app/router.c */
#include "worker/app/route_path.h"

#include <ctype.h>
#include <string.h>

#include "worker/http/field.h"
#include "worker/http/text.h"

static const struct {
    const char *name;
    enum route_token_kind kind;
} converters[] = {
    {"str", ROUTE_STR},   {"int", ROUTE_INT},   {"float", ROUTE_FLOAT},
    {"uuid", ROUTE_UUID}, {"path", ROUTE_PATH},
};

/* ---- the declaration ---- */

static int find_converter(galley_str name, enum route_token_kind *kind)
{
    for (size_t i = 0; i < sizeof converters / sizeof converters[0]; i++) {
        if (strlen(converters[i].name) == name.len &&
            memcmp(converters[i].name, name.data, name.len) == 0) {
            *kind = converters[i].kind;
            return 0;
        }
    }
    return -1;
}

static bool is_name(galley_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isalpha((unsigned char)text.data[i]) && text.data[i] != '_' &&
            (i == 0 || !isdigit((unsigned char)text.data[i])))
            return false;
    return text.len > 0;
}

/* {name} or {name:converter}, from behind its brace; `*at` ends behind the closing one. */
static int parse_param(struct route_path *path, const char **at, struct errmsg *why)
{
    const char *end = strchr(*at, '}');
    if (end == NULL) {
        errmsg_set(why, "\"%s\" has a '{' without its '}'", path->text);
        return -1;
    }
    const char *colon = memchr(*at, ':', (size_t)(end - *at));
    galley_str name = {*at, (size_t)((colon != NULL ? colon : end) - *at)};
    struct route_token *token = &path->tokens[path->token_count++];
    token->kind = ROUTE_STR;
    if (!is_name(name)) {
        errmsg_set(why, "\"%s\": \"%.*s\" is no name for a parameter", path->text,
                   GALLEY_STR_ARG(name));
        return -1;
    }
    if (colon != NULL &&
        find_converter((galley_str){colon + 1, (size_t)(end - colon - 1)}, &token->kind) < 0) {
        errmsg_set(why, "\"%s\": \"%.*s\" is no converter: use str, int, float, uuid or path",
                   path->text, (int)(end - colon - 1), colon + 1);
        return -1;
    }
    for (size_t i = 0; i < path->param_count; i++) {
        if (path->names[i].len == name.len &&
            memcmp(path->names[i].data, name.data, name.len) == 0) {
            errmsg_set(why, "\"%s\" has {%.*s} twice", path->text, GALLEY_STR_ARG(name));
            return -1;
        }
    }
    if (token->kind == ROUTE_PATH && path->rest < SIZE_MAX) {
        errmsg_set(why, "\"%s\" has more than one {name:path}", path->text);
        return -1;
    }
    if (token->kind == ROUTE_PATH)
        path->rest = path->token_count - 1;
    path->names[path->param_count++] = name;
    *at = end + 1;
    return 0;
}

static bool has_plain_segments_only(const char *text)
{
    galley_str segment;
    enum route_segment kind;
    const char *at = text + 1;
    while ((kind = route_path_segment(&at, &segment)) != ROUTE_SEGMENT_END)
        if (kind == ROUTE_SEGMENT_ODD)
            return false;
    return true;
}

int route_path_parse(struct route_path *path, const char *text, struct errmsg *why)
{
    *path = (struct route_path){.text = text, .rest = SIZE_MAX};
    if (text[0] != '/') {
        errmsg_set(why, "path \"%s\" does not begin with '/'", text);
        return -1;
    }
    bool has_param = false; /* this segment */
    const char *at = text;
    while (*at != '\0') {
        if (*at == '{') {
            if (has_param || path->param_count == ROUTER_MAX_PARAMS) {
                errmsg_set(why,
                           has_param ? "\"%s\" has two parameters in one segment"
                                     : "\"%s\" has more than 16 parameters",
                           text);
                return -1;
            }
            at++;
            has_param = true;
            if (parse_param(path, &at, why) < 0)
                return -1;
            continue;
        }
        size_t len = strcspn(at, "{}?#");
        if (at[len] != '{' && at[len] != '\0') {
            errmsg_set(why, "\"%s\" has a '%c' where none can be", text, at[len]);
            return -1;
        }
        path->tokens[path->token_count++] =
            (struct route_token){.kind = ROUTE_LITERAL, .text = {at, len}};
        if (memchr(at, '/', len) != NULL)
            has_param = false;
        at += len;
    }
    if (path->rest == SIZE_MAX)
        path->rest = path->token_count;
    path->is_plain = has_plain_segments_only(text);
    return 0;
}

enum route_segment route_path_segment(const char **at, galley_str *segment)
{
    if (*at == NULL)
        return ROUTE_SEGMENT_END;
    const char *slash = strchr(*at, '/');
    *segment = (galley_str){*at, slash != NULL ? (size_t)(slash - *at) : strlen(*at)};
    *at = slash != NULL ? slash + 1 : NULL;
    const char *open = memchr(segment->data, '{', segment->len);
    if (open == NULL)
        return ROUTE_SEGMENT_LITERAL;
    bool is_whole = open == segment->data && segment->data[segment->len - 1] == '}';
    const char *colon = memchr(segment->data, ':', segment->len);
    if (is_whole && (colon == NULL || strncmp(colon, ":str}", 5) == 0))
        return ROUTE_SEGMENT_PARAM;
    return ROUTE_SEGMENT_ODD;
}

/* ---- matching ---- */

static bool is_uuid(galley_str value)
{
    static const int groups[] = {8, 4, 4, 4, 12};
    const char *at = value.data, *end = at + value.len;
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        if (g > 0 && at < end && *at == '-')
            at++;
        for (int i = 0; i < groups[g]; i++, at++)
            if (at == end || !field_is(*at, FIELD_HEX))
                return false;
    }
    return at == end;
}

static bool converts(enum route_token_kind kind, galley_str value)
{
    if (kind == ROUTE_PATH)
        return true;
    if (value.len == 0)
        return false;
    if (kind == ROUTE_STR)
        return true;
    if (kind == ROUTE_UUID)
        return is_uuid(value);
    size_t i = 0;
    while (i < value.len && field_is(value.data[i], FIELD_DIGIT))
        i++;
    if (i == 0 || i == value.len || kind == ROUTE_INT)
        return i > 0 && i == value.len;
    if (value.data[i++] != '.' || i == value.len)
        return false;
    while (i < value.len && field_is(value.data[i], FIELD_DIGIT))
        i++;
    return i == value.len;
}

/* Bytes of `literal` that still belong to the segment of the parameter before it. */
static size_t suffix_len(galley_str literal)
{
    const char *slash = memchr(literal.data, '/', literal.len);
    return slash != NULL ? (size_t)(slash - literal.data) : literal.len;
}

/* Bytes of `literal` that already belong to the segment of the parameter behind it. */
static size_t prefix_len(galley_str literal)
{
    const char *slash = memrchr(literal.data, '/', literal.len);
    return slash != NULL ? literal.len - (size_t)(slash + 1 - literal.data) : literal.len;
}

/* Match tokens [0, rest) at `at`; where they end, or NULL. */
static const char *match_left(const struct route_path *path, const char *at, const char *end,
                              galley_str *values)
{
    for (size_t i = 0; i < path->rest; i++) {
        const struct route_token *token = &path->tokens[i];
        if (token->kind == ROUTE_LITERAL) {
            if ((size_t)(end - at) < token->text.len ||
                memcmp(at, token->text.data, token->text.len) != 0)
                return NULL;
            at += token->text.len;
            continue;
        }
        const char *slash = memchr(at, '/', (size_t)(end - at));
        const char *stop = slash != NULL ? slash : end;
        size_t keep = i + 1 < path->rest ? suffix_len(path->tokens[i + 1].text) : 0;
        if ((size_t)(stop - at) < keep)
            return NULL;
        galley_str value = {at, (size_t)(stop - at) - keep};
        if (!converts(token->kind, value))
            return NULL;
        if (values != NULL)
            *values++ = value;
        at += value.len;
    }
    return at;
}

/* Match the tokens behind {name:path} so that they end at `end`; where they begin, or NULL. */
static const char *match_right(const struct route_path *path, const char *at, const char *end,
                               galley_str *values)
{
    galley_str *value_at = values != NULL ? values + path->param_count : NULL;
    for (size_t i = path->token_count; i-- > path->rest + 1;) {
        const struct route_token *token = &path->tokens[i];
        if (token->kind == ROUTE_LITERAL) {
            if ((size_t)(end - at) < token->text.len ||
                memcmp(end - token->text.len, token->text.data, token->text.len) != 0)
                return NULL;
            end -= token->text.len;
            continue;
        }
        const char *slash = memrchr(at, '/', (size_t)(end - at));
        const char *start = slash != NULL ? slash + 1 : at;
        size_t keep = prefix_len(path->tokens[i - 1].text);
        if ((size_t)(end - start) < keep)
            return NULL;
        galley_str value = {start + keep, (size_t)(end - start) - keep};
        if (!converts(token->kind, value))
            return NULL;
        if (value_at != NULL)
            *--value_at = value;
        end -= value.len;
    }
    return end;
}

bool route_path_match(const struct route_path *path, const char *at, const char *end,
                      galley_str *values)
{
    const char *left = match_left(path, at, end, values);
    if (left == NULL || path->rest == path->token_count)
        return left == end;
    const char *right = match_right(path, left, end, values);
    if (right == NULL || memchr(left, '\n', (size_t)(right - left)) != NULL)
        return false; /* {name:path} takes any slashes, but stays on one line, as FastAPI's does */
    if (values != NULL) {
        size_t before = 0;
        for (size_t i = 0; i < path->rest; i++)
            before += path->tokens[i].kind != ROUTE_LITERAL;
        values[before] = (galley_str){left, (size_t)(right - left)};
    }
    return true;
}

void route_path_values(const struct route_path *path, const char *at, const char *end,
                       galley_str *values)
{
    if (!path->is_plain) {
        (void)route_path_match(path, at, end, values);
        return;
    }
    for (size_t i = 0; i < path->token_count; i++) {
        const struct route_token *token = &path->tokens[i];
        if (token->kind == ROUTE_LITERAL) {
            at += token->text.len;
            continue;
        }
        const char *stop = text_find(at, end, '/');
        *values++ = (galley_str){at, (size_t)(stop - at)};
        at = stop;
    }
}
