/* openapi_paths.c - `paths`: operations with their parameters, bodies and answers; see openapi_parts.h.
 * Does:     what FastAPI writes for a route: one object a path, one member a method, in the order of declaration.
 * Does not: write schemas (openapi_schema.c). */
#include "worker/app/openapi_parts.h"

#include <string.h>

#include "worker/http/response.h"

/* ---- parameters ---- */

static const struct {
    enum galley_in in;
    const char *name;
} places[] = {
    {GALLEY_IN_PATH, "path"},
    {GALLEY_IN_QUERY, "query"},
    {GALLEY_IN_HEADER, "header"},
    {GALLEY_IN_COOKIE, "cookie"},
};

static bool is_parameter(const struct member *member)
{
    return member->in == GALLEY_IN_PATH || member->in == GALLEY_IN_QUERY ||
           member->in == GALLEY_IN_HEADER || member->in == GALLEY_IN_COOKIE;
}

/* A member of a model that all headers fill is called as a header of its own would be. */
static galley_str parameter_name(struct openapi *doc, const struct member *member, bool is_header)
{
    if (!is_header || member->field->alias != NULL || member->field->keep_underscores)
        return member->name;
    galley_str name = openapi_join(doc, member->name, "", (galley_str){0});
    char *text = (char *)(uintptr_t)name.data;
    for (size_t i = 0; i < name.len; i++)
        text[i] = text[i] == '_' ? '-' : text[i];
    return name;
}

static void parameter(struct openapi *doc, const struct shape *owner, const struct member *member,
                      size_t place)
{
    struct json_out *out = doc->out;
    bool is_path = places[place].in == GALLEY_IN_PATH;
    galley_str name = parameter_name(doc, member, places[place].in == GALLEY_IN_HEADER);
    openapi_item(out);
    json_literal(out, "{");
    openapi_key(out, "name");
    json_string(out, name);
    openapi_pair(out, "in", places[place].name);
    openapi_key(out, "required");
    if (is_path || member->is_required)
        json_literal(out, "true");
    else
        json_literal(out, "false");
    openapi_key(out, "schema");
    openapi_lone_schema(doc, owner, member);
    openapi_pair(out, "description", member->field->description);
    if (member->field->deprecated) {
        openapi_key(out, "deprecated");
        json_literal(out, "true");
    }
    json_literal(out, "}");
}

/* Write every documented parameter, or only count them. */
static size_t each_parameter(struct openapi *doc, const struct shape *in, bool is_written)
{
    size_t count = 0;
    for (size_t place = 0; in != NULL && place < sizeof places / sizeof places[0]; place++) {
        for (size_t i = 0; i < in->member_count; i++) {
            const struct member *member = &in->members[i];
            const struct shape *of = member->type.of;
            if (member->in != places[place].in || member->field->hidden)
                continue;
            for (size_t j = 0; j < (of != NULL ? of->member_count : 1); j++) {
                const struct member *one = of != NULL ? &of->members[j] : member;
                if (one->field->hidden)
                    continue;
                count++;
                if (is_written)
                    parameter(doc, of != NULL ? of : in, one, place);
            }
        }
    }
    return count;
}

static void parameters(struct openapi *doc, const struct shape *in)
{
    if (each_parameter(doc, in, false) == 0)
        return;
    openapi_key(doc->out, "parameters");
    json_literal(doc->out, "[");
    each_parameter(doc, in, true);
    json_literal(doc->out, "]");
}

/* ---- bodies ---- */

enum openapi_body openapi_body_of(const struct shape *in, const struct member **lone)
{
    size_t count = 0;
    *lone = NULL;
    for (size_t i = 0; i < in->member_count; i++) {
        if (!openapi_is_body_part(&in->members[i]))
            continue;
        *lone = &in->members[i];
        count++;
    }
    if (count == 0)
        return OPENAPI_NO_BODY;
    bool is_model = (*lone)->type.kind == GALLEY_OBJECT && (*lone)->count == GALLEY_ONE;
    bool is_whole =
        count == 1 && !(*lone)->field->embed && ((*lone)->in == GALLEY_IN_BODY || is_model);
    return is_whole ? OPENAPI_BODY_WHOLE : OPENAPI_BODY_PARTS;
}

static bool is_file(const struct member *member)
{
    return member->type.kind == GALLEY_UPLOAD || member->type.kind == GALLEY_BYTES;
}

/* What a body is sent as: forms with files in several parts. */
static const char *media_type(const struct shape *in, const struct member *lone)
{
    bool is_multipart = false;
    if (lone->in == GALLEY_IN_BODY)
        return "application/json";
    for (size_t i = 0; i < in->member_count; i++) {
        const struct shape *of = in->members[i].type.of;
        if (in->members[i].in != GALLEY_IN_FORM)
            continue;
        is_multipart |= is_file(&in->members[i]);
        for (size_t j = 0; of != NULL && j < of->member_count; j++)
            is_multipart |= is_file(&of->members[j]);
    }
    return is_multipart ? "multipart/form-data" : "application/x-www-form-urlencoded";
}

static bool is_any_required(const struct shape *in)
{
    for (size_t i = 0; i < in->member_count; i++)
        if (openapi_is_body_part(&in->members[i]) && in->members[i].is_required)
            return true;
    return false;
}

static void request_body(struct openapi *doc, const struct operation *operation)
{
    struct json_out *out = doc->out;
    const struct member *lone = NULL;
    const struct shape *in = operation->in;
    enum openapi_body body = in != NULL ? openapi_body_of(in, &lone) : OPENAPI_NO_BODY;
    if (body == OPENAPI_NO_BODY)
        return;
    openapi_key(out, "requestBody");
    json_literal(out, "{\"content\":{");
    openapi_key(out, media_type(in, lone));
    json_literal(out, "{\"schema\":");
    if (body == OPENAPI_BODY_WHOLE) {
        openapi_lone_schema(doc, in, lone);
    } else {
        json_literal(out, "{");
        for (size_t i = 0; i < doc->component_count; i++)
            if (doc->components[i].operation == operation) {
                openapi_key(out, "$ref");
                openapi_ref(doc, &doc->components[i], OPENAPI_INPUT);
            }
        json_literal(out, "}");
    }
    json_literal(out, "}}");
    if (is_any_required(in))
        json_literal(out, ",\"required\":true");
    json_literal(out, "}");
}

/* ---- answers ---- */

/* What the answers of a route are sent as; NULL: nothing is known of it, or there is no content. */
static const char *answer_type(const struct operation *operation)
{
    const struct galley_model *out = operation->route->out;
    if (operation->out != NULL)
        return "application/json";
    if (out == &galley_text_model)
        return "text/plain";
    if (out == &galley_html_model)
        return "text/html";
    return out == &galley_octets_model ? "application/octet-stream" : NULL;
}

static int usual_status(const struct operation *operation)
{
    int status = operation->route->status;
    if (operation->route->out == &galley_redirect_model && status == 0)
        return 307;
    if (operation->route->out == &galley_none_model && (status == 0 || status == 200))
        return 204;
    return status == 0 ? 200 : status;
}

static bool may_have_content(int status)
{
    return status >= 200 && status != 204 && status != 205 && status != 304;
}

static const struct galley_response *response_of(const struct galley_route *route, int status)
{
    const struct galley_response *response = route->responses;
    for (; response != NULL && response->status != 0; response++)
        if (response->status == status)
            return response;
    return NULL;
}

static void status_key(struct json_out *out, int status)
{
    char text[4] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                    (char)('0' + status % 10), '\0'};
    openapi_key(out, text);
}

static void content(struct openapi *doc, const char *type, const struct shape *shape,
                    galley_str title)
{
    openapi_key(doc->out, "content");
    json_literal(doc->out, "{");
    openapi_key(doc->out, type);
    json_literal(doc->out, "{\"schema\":");
    if (shape != NULL)
        openapi_answer_schema(doc, shape, title);
    else
        json_literal(doc->out, "{\"type\":\"string\"}");
    json_literal(doc->out, "}}");
}

/* The title of an answer that is no model: "Response Read Item Items  Item Id  Get". */
static galley_str answer_title(struct openapi *doc, const struct operation *operation, int status)
{
    char text[8] = {'_',
                    (char)('0' + status / 100 % 10),
                    (char)('0' + status / 10 % 10),
                    (char)('0' + status % 10),
                    '_',
                    '\0'};
    return openapi_join(doc, GALLEY_STR("Response"), status != 0 ? text : "_", operation->id);
}

static void usual_answer(struct openapi *doc, const struct operation *operation, int status)
{
    const struct galley_route *route = operation->route;
    const struct galley_response *own = response_of(route, status);
    const struct shape *shape = operation->out;
    const char *type = answer_type(operation);
    const char *description = route->response_description;
    if (own != NULL && own->description != NULL)
        description = own->description;
    if (own != NULL && own->model != NULL) {
        shape = shapes_get(doc->shapes, own->model, doc->why);
        type = type != NULL ? type : "application/json";
    }
    status_key(doc->out, status);
    json_literal(doc->out, "{");
    openapi_pair(doc->out, "description",
                 description != NULL ? description : "Successful Response");
    if (type != NULL && may_have_content(status))
        content(doc, type, shape, answer_title(doc, operation, 0));
    json_literal(doc->out, "}");
}

static void other_answer(struct openapi *doc, const struct operation *operation,
                         const struct galley_response *response)
{
    const char *type = answer_type(operation);
    const char *phrase = http_reason(response->status);
    status_key(doc->out, response->status);
    json_literal(doc->out, "{");
    openapi_pair(doc->out, "description",
                 response->description != NULL ? response->description
                 : *phrase != '\0'             ? phrase
                                               : "Additional Response");
    if (response->model != NULL) {
        const struct shape *shape = shapes_get(doc->shapes, response->model, doc->why);
        content(doc, type != NULL ? type : "application/json", shape,
                answer_title(doc, operation, response->status));
    }
    json_literal(doc->out, "}");
}

static bool takes_anything(const struct shape *in)
{
    for (size_t i = 0; in != NULL && i < in->member_count; i++)
        if (is_parameter(&in->members[i]) || in->members[i].in == GALLEY_IN_BODY ||
            in->members[i].in == GALLEY_IN_FORM)
            return true;
    return false;
}

static void responses(struct openapi *doc, const struct operation *operation)
{
    int status = usual_status(operation);
    const struct galley_response *response = operation->route->responses;
    openapi_key(doc->out, "responses");
    json_literal(doc->out, "{");
    usual_answer(doc, operation, status);
    for (; response != NULL && response->status != 0; response++)
        if (response->status != status &&
            response_of(operation->route, response->status) == response)
            other_answer(doc, operation, response);
    if (takes_anything(operation->in) && response_of(operation->route, 422) == NULL &&
        status != 422) {
        doc->has_validation_error = true;
        json_literal(doc->out, ",\"422\":{\"description\":\"Validation Error\",\"content\":{"
                               "\"application/json\":{\"schema\":{\"$ref\":"
                               "\"#/components/schemas/HTTPValidationError\"}}}}");
    }
    json_literal(doc->out, "}");
}

/* ---- operations ---- */

static void tags(struct json_out *out, const char *list)
{
    if (list == NULL)
        return;
    openapi_key(out, "tags");
    json_literal(out, "[");
    while (*list != '\0') {
        size_t len;
        list += strspn(list, " ,");
        len = strcspn(list, ",");
        size_t shown = len;
        while (shown > 0 && list[shown - 1] == ' ')
            shown--;
        if (shown > 0) {
            openapi_item(out);
            json_string(out, (galley_str){list, shown});
        }
        list += len;
    }
    json_literal(out, "]");
}

static void operation_object(struct openapi *doc, const struct operation *operation)
{
    struct json_out *out = doc->out;
    const struct galley_route *route = operation->route;
    json_literal(out, "{");
    tags(out, route->tags);
    openapi_key(out, "summary");
    if (route->summary != NULL)
        openapi_text(out, route->summary);
    else
        json_string(out, openapi_title(doc, (galley_str){route->name, strlen(route->name)}));
    openapi_pair(out, "description", route->description);
    openapi_key(out, "operationId");
    json_string(out, operation->id);
    if (route->deprecated)
        json_literal(out, ",\"deprecated\":true");
    parameters(doc, operation->in);
    request_body(doc, operation);
    responses(doc, operation);
    json_literal(out, "}");
}

/* The methods that OpenAPI has a name for. */
static const char *const methods[][2] = {
    {"GET", "get"},         {"PUT", "put"},   {"POST", "post"},   {"DELETE", "delete"},
    {"OPTIONS", "options"}, {"HEAD", "head"}, {"PATCH", "patch"}, {"TRACE", "trace"},
};

static const char *method_key(const struct galley_route *route)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i][0], route->method) == 0)
            return methods[i][1];
    return NULL;
}

static bool has_path(const struct operation *operation, galley_str path)
{
    return operation->path.len == path.len &&
           memcmp(operation->path.data, path.data, path.len) == 0;
}

/* The first operation of its path and, where `method` is one, of its method. */
static bool is_first(const struct openapi *doc, size_t index, const char *method)
{
    for (size_t i = 0; i < index; i++)
        if (has_path(&doc->operations[i], doc->operations[index].path) &&
            method_key(doc->operations[i].route) != NULL &&
            (method == NULL || strcmp(doc->operations[i].route->method, method) == 0))
            return false;
    return method_key(doc->operations[index].route) != NULL;
}

void openapi_paths(struct openapi *doc)
{
    openapi_key(doc->out, "paths");
    json_literal(doc->out, "{");
    for (size_t i = 0; i < doc->operation_count; i++) {
        if (!is_first(doc, i, NULL))
            continue;
        openapi_key_str(doc->out, doc->operations[i].path);
        json_literal(doc->out, "{");
        for (size_t j = i; j < doc->operation_count; j++) {
            const struct operation *operation = &doc->operations[j];
            if (!has_path(operation, doc->operations[i].path) ||
                !is_first(doc, j, operation->route->method))
                continue;
            openapi_key(doc->out, method_key(operation->route));
            operation_object(doc, operation);
        }
        json_literal(doc->out, "}");
    }
    json_literal(doc->out, "}");
}
