/* schemas.c - every form that a member, an input and an answer can have in the OpenAPI document.
 * Does:     declare the same as t/oracle/apps/schemas.py, whose document FastAPI has written.
 * Does not: answer anything: its handlers do nothing.
 * See:      t/76-openapi.t */
#include <galley.h>
/* clang-format off */

GALLEY_ENUM(color, (RED, "red"), (BLUE, "blue"));
GALLEY_INT_ENUM(grade, (LOW, 1), (HIGH, 9));

GALLEY_STRUCT(part,
    (MODEL, .description = "A part of something."),
    (galley_str, sku),
    (double, weight, DEFAULT(1.5)));

GALLEY_STRUCT(cat, (galley_str, kind, LITERAL("cat")), (int64_t, lives, DEFAULT(9)));
GALLEY_STRUCT(dog, (galley_str, kind, LITERAL("dog", "puppy")), (bool, good));
GALLEY_UNION(pet, kind, (cat), (dog));

GALLEY_STRUCT(everything,
    (MODEL, .title = "All of it", .extra = GALLEY_FORBID, .examples_json = "[{\"a\": 1}]"),
    (bool, flag),
    (int32_t, small),
    (uint32_t, natural),
    (int64_t, step, DEFAULT(5), .multiple_of = 5, .gt = 0, .lt = 100, .title = "The step",
     .description = "How far", EXAMPLES(5, 10), .deprecated = true),
    (double, ratio, DEFAULT(0.1), .ge = 0.05, .le = 2.5),
    (galley_bytes, data),
    (galley_bytes, data_or_null, OPTIONAL),
    (galley_clock, clock),
    (galley_clock *, clock_or_null, OPTIONAL),
    (galley_json, any, OPTIONAL),
    (galley_json, any_required),
    (enum color, color, ENUM(color), DEFAULT("red"), .title = "Paint", .description = "The paint"),
    (enum color *, color_or_null, ENUM(color), OPTIONAL, .description = "The paint or none"),
    (enum color *, color_or_blue, ENUM(color), DEFAULT("blue")),
    (enum color, color_required, ENUM(color)),
    (enum grade, grade, ENUM(grade)),
    (struct grade_list, grades, LIST, ENUM(grade), OPTIONAL),
    (galley_str, word, LITERAL("one")),
    (galley_str, words, LITERAL("one", "two"), DEFAULT("two")),
    (galley_str, word_or_null, LITERAL("one"), OPTIONAL),
    (struct part, part, OBJECT(part), .title = "The part", .description = "One part"),
    (struct part, part_described, OBJECT(part), .description = "One part"),
    (struct part *, part_or_null, OBJECT(part), OPTIONAL, .description = "One part or none"),
    (struct part *, part_titled_or_null, OBJECT(part), OPTIONAL, .title = "Maybe a part"),
    (struct part_list, parts, LIST_OF(part), OPTIONAL, .max_length = 3),
    (struct part_list, parts_or_null, LIST_OF(part), OPTIONAL, NULLABLE),
    (struct part_map, part_map, MAP_OF(part), OPTIONAL),
    (galley_json_list, any_list, OPTIONAL),
    (galley_json_map, any_map, OPTIONAL),
    (galley_int_map, limited_map, .min_length = 1, .max_length = 4),
    (galley_int_list, checked_list, OPTIONAL, .ge = 1),
    (galley_str_list, patterns, OPTIONAL, .pattern = "^a"),
    (struct pet, pet, OBJECT(pet)),
    (struct pet *, pet_or_null, OBJECT(pet), OPTIONAL),
    (struct pet_list, pets, LIST_OF(pet), OPTIONAL),
    (galley_str, wire_name, .alias = "wireName", DEFAULT("x")),
    (galley_str, text_or_x, NULLABLE, DEFAULT("x"), .max_length = 3),
    (galley_str, text_null_required, NULLABLE),
    (galley_uuid_list, uuids, OPTIONAL),
    (galley_date_list, dates, OPTIONAL),
    (galley_time_list, times, OPTIONAL),
    (int64_t, secret, INTERNAL),
    (galley_sent, sent));

GALLEY_STRUCT(inner, (struct inner_list, others, LIST_OF(inner), OPTIONAL));
GALLEY_STRUCT(outer, (struct inner, inner, OBJECT(inner)), (enum color, color, ENUM(color), DEFAULT("red")));
GALLEY_STRUCT(holder, (struct outer, outer, OBJECT(outer)));
GALLEY_STRUCT(only_in, (struct only_in_list, children, LIST_OF(only_in), OPTIONAL));
GALLEY_STRUCT(empty, (bool, unused, INTERNAL));
GALLEY_ROOT(maybe_pet_out, (struct pet *, pet, OBJECT(pet)));
GALLEY_ROOT(pets, (struct pet_list, of, LIST_OF(pet)));
GALLEY_ROOT(parts_by_name, (struct part_map, of, MAP_OF(part)));
GALLEY_ROOT(number_out, (double, value));
GALLEY_ROOT(color_out, (enum color, color, ENUM(color)));
GALLEY_ROOT(parts, (struct part_list, of, LIST_OF(part)));
GALLEY_ROOT(word_out, (galley_str, word));
GALLEY_STRUCT(message, (galley_str, message));

GALLEY_STRUCT(everything_in, (struct everything, v, BODY(everything)));
GALLEY_STRUCT(holder_in, (struct holder, v, BODY(holder)));
GALLEY_STRUCT(only_in_in, (struct only_in, v, BODY(only_in)));
GALLEY_STRUCT(pet_in, (struct pet, pet, BODY(pet)));
GALLEY_STRUCT(pets_in, (struct pet_list, pets, BODY(pet), LIST));
GALLEY_STRUCT(maybe_pet_in, (struct pet *, pet, BODY(pet), OPTIONAL));
GALLEY_STRUCT(parts_map_in,
    (struct part_map, parts, MAP_OF(part), BODY(), .title = "By name", .description = "Parts by name", EXAMPLES({})));
GALLEY_STRUCT(number_in, (int64_t, n, BODY(), .ge = 1, DEFAULT(7)));
GALLEY_STRUCT(color_in, (enum color, color, QUERY, ENUM(color)));
GALLEY_STRUCT(described_in,
    (struct part, part, BODY(part), .description = "The one", .title = "One", EXAMPLES({"sku": "a"})));
GALLEY_STRUCT(two_in,
    (struct part *, part, BODY(part), OPTIONAL),
    (enum color *, color, BODY(), ENUM(color), OPTIONAL),
    (int64_t, n, BODY(), .description = "N", DEFAULT(3)),
    (struct part, other, BODY(part), .description = "The other", .title = "Other part",
     DEFAULT({"sku": "x"})));
GALLEY_STRUCT(params_in,
    (enum color, color, PATH, ENUM(color), .title = "Paint", .description = "The paint"),
    (galley_str, word, PATH, LITERAL("a", "b")),
    (enum color, q, QUERY, ENUM(color), DEFAULT("red"), .description = "A color"),
    (enum color *, qn, QUERY, ENUM(color), DEFAULT("blue"), .title = "Some color", .description = "A color or none"),
    (galley_str, text, QUERY, NULLABLE, DEFAULT("x")),
    (galley_str, one, QUERY, LITERAL("one"), DEFAULT("one")),
    (int64_t, b, QUERY, EXAMPLES(1), DEFAULT(1)),
    (struct color_list, c, QUERY, LIST, ENUM(color), OPTIONAL, .description = "Colors"),
    (galley_int_list, d, QUERY, OPTIONAL, .ge = 3),
    (enum color *, h, HEADER, ENUM(color), OPTIONAL, .deprecated = true),
    (galley_str, k, COOKIE, OPTIONAL, .alias = "kAy", .pattern = "^a"),
    (enum color, hidden, QUERY, ENUM(color), DEFAULT("red"), .hidden = true),
    (galley_clock *, t, QUERY, OPTIONAL),
    (galley_time *, when, QUERY, OPTIONAL, .description = "When"));
GALLEY_STRUCT(headers,
    (MODEL, .extra = GALLEY_FORBID, .description = "All headers."),
    (bool, save_data),
    (galley_str, if_modified_since, OPTIONAL),
    (galley_str_list, x_tag, OPTIONAL),
    (enum color, colour, ENUM(color), DEFAULT("red"), .alias = "X-Colour", .title = "Paint", .description = "The paint"));
GALLEY_STRUCT(cookies, (galley_str, session_id), (enum color *, shade, ENUM(color), OPTIONAL));
GALLEY_STRUCT(models_in, (struct headers, headers, HEADER, OBJECT(headers)), (struct cookies, cookies, COOKIE, OBJECT(cookies)));
GALLEY_STRUCT(only_query, (int64_t, page, DEFAULT(1)));
GALLEY_STRUCT(only_query_in, (struct only_query, q, QUERY, OBJECT(only_query)));
GALLEY_STRUCT(only_hidden_in, (int64_t, x, QUERY, DEFAULT(1), .hidden = true));
GALLEY_STRUCT(documented_in, (int64_t, n, PATH));
GALLEY_STRUCT(form_data, (MODEL, .description = "A form."), (galley_str, name), (galley_upload *, picture, OPTIONAL));
GALLEY_STRUCT(form_data_in, (struct form_data, data, FORM, OBJECT(form_data)));
GALLEY_STRUCT(form_optional_in,
    (int64_t *, a, FORM, OPTIONAL),
    (enum color *, color, FORM, ENUM(color), OPTIONAL, .description = "Paint"),
    (int64_t, n, FORM, DEFAULT(1)));
GALLEY_STRUCT(form_bytes_in,
    (galley_bytes, a, FORM, OPTIONAL, .description = "A file"),
    (galley_upload_list, bs, FORM, OPTIONAL));
GALLEY_STRUCT(converters_in, (galley_str, rest, PATH), (int64_t, n, PATH), (double, f, PATH), (galley_uuid, u, PATH));

#define HANDLER(name, In, Out)                                                                     \
    static int name(galley_async *co, const struct In *in, struct Out *out)                        \
    {                                                                                              \
        (void)in, (void)out;                                                                       \
        return galley_fail(co, 501, "only documented");                                            \
    }
HANDLER(everything, everything_in, everything)
HANDLER(holder, holder_in, holder)
HANDLER(only_in, only_in_in, empty)
HANDLER(get_pet, galley_none, pet)
HANDLER(post_pet, pet_in, part)
HANDLER(post_pets, pets_in, pets)
HANDLER(maybe_pet, maybe_pet_in, maybe_pet_out)
HANDLER(parts_map, parts_map_in, parts_by_name)
HANDLER(number, number_in, number_out)
HANDLER(post_color, color_in, color_out)
HANDLER(described, described_in, galley_none)
HANDLER(two, two_in, word_out)
HANDLER(params, params_in, empty)
HANDLER(models, models_in, empty)
HANDLER(only_query, only_query_in, empty)
HANDLER(hidden, galley_none, part)
HANDLER(only_hidden_param, only_hidden_in, empty)
HANDLER(text, galley_none, galley_text)
HANDLER(html, galley_none, galley_html)
HANDLER(octets, galley_none, galley_octets)
HANDLER(redirect, galley_none, galley_redirect)
HANDLER(redirect_302, galley_none, galley_redirect)
HANDLER(file, galley_none, galley_file)
HANDLER(stream, galley_none, galley_stream)
HANDLER(nothing, galley_none, galley_none)
HANDLER(accepted, galley_none, galley_none)
HANDLER(documented, documented_in, parts)
HANDLER(documented_text, galley_none, galley_text)
HANDLER(own_status, galley_none, part)
HANDLER(same_path, galley_none, empty)
HANDLER(form_model, form_data_in, empty)
HANDLER(form_optional, form_optional_in, empty)
HANDLER(form_bytes, form_bytes_in, empty)
HANDLER(converters, converters_in, empty)

GALLEY_APP(.title = "Schemas", .version = "4.5.6", .description = "Every form.", .routes = GALLEY_ROUTES(
    GALLEY_POST("/everything", everything, everything_in, everything),
    GALLEY_POST("/holder", holder, holder_in, holder),
    GALLEY_POST("/only-in", only_in, only_in_in, empty),
    GALLEY_GET("/pet", get_pet, galley_none, pet),
    GALLEY_POST("/pet", post_pet, pet_in, part),
    GALLEY_POST("/pets", post_pets, pets_in, pets),
    GALLEY_POST("/maybe-pet", maybe_pet, maybe_pet_in, maybe_pet_out),
    GALLEY_POST("/parts-map", parts_map, parts_map_in, parts_by_name),
    GALLEY_POST("/number", number, number_in, number_out),
    GALLEY_POST("/color", post_color, color_in, color_out),
    GALLEY_POST("/described", described, described_in, galley_none),
    GALLEY_POST("/two", two, two_in, word_out),
    GALLEY_GET("/params/{color}/{word}", params, params_in, empty),
    GALLEY_GET("/models", models, models_in, empty),
    GALLEY_GET("/only-query", only_query, only_query_in, empty),
    GALLEY_GET("/hidden", hidden, galley_none, part, .hidden = true),
    GALLEY_GET("/only-hidden-param", only_hidden_param, only_hidden_in, empty),
    GALLEY_GET("/text", text, galley_none, galley_text),
    GALLEY_GET("/html", html, galley_none, galley_html),
    GALLEY_GET("/octets", octets, galley_none, galley_octets),
    GALLEY_GET("/redirect", redirect, galley_none, galley_redirect),
    GALLEY_GET("/redirect-302", redirect_302, galley_none, galley_redirect, .status = 302),
    GALLEY_GET("/file", file, galley_none, galley_file),
    GALLEY_GET("/stream", stream, galley_none, galley_stream),
    GALLEY_GET("/nothing", nothing, galley_none, galley_none),
    GALLEY_GET("/accepted", accepted, galley_none, galley_none, .status = 202),
    GALLEY_GET("/documented/{n}", documented, documented_in, parts, .tags = "items, users", .summary = "A summary",
               .description = "A description.\n\nTwo **parts**.", .response_description = "All is well",
               .operation_id = "read-it", .deprecated = true,
               .responses = GALLEY_RESPONSES({404, &message_model, NULL}, {403, NULL, "Not for you"},
                                             {499, &part_model, "Gone"}, {422, &message_model, NULL})),
    GALLEY_GET("/documented-text", documented_text, galley_none, galley_text,
               .responses = GALLEY_RESPONSES({404, &message_model, NULL}, {200, NULL, "Well"})),
    GALLEY_GET("/own-status", own_status, galley_none, part,
               .responses = GALLEY_RESPONSES({200, &message_model, "Other"}, {201, &part_model, NULL})),
    GALLEY_PUT("/same", same_path, galley_none, empty),
    GALLEY_PATCH("/same", same_path, galley_none, empty),
    GALLEY_POST("/form-model", form_model, form_data_in, empty),
    GALLEY_POST("/form-optional", form_optional, form_optional_in, empty),
    GALLEY_POST("/form-bytes", form_bytes, form_bytes_in, empty),
    GALLEY_GET("/files/{rest:path}/x/{n:int}/{f:float}/{u:uuid}", converters, converters_in, empty)));
