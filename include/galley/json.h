/* json.h - look into a free-form value (galley_json), whose shape no model declares.
 * Does:     tell its kind, walk through lists and objects, convert scalars exactly; all on the text itself, so that nothing
 *           is allocated and whatever is taken out lives as long as the text.
 * Does not: change a value: build another text instead; check one whole (what a request has sent has been checked).
 *
 *     galley_json size = galley_json_get(in->body.extra, GALLEY_STR("size"));
 *     int64_t n;
 *     if (galley_json_to_int(size, &n) < 0)
 *         return galley_fail(co, 422, "size is no whole number");
 *     galley_json_each(item, in->body.anything)
 *         total += galley_json_kind(item.value) == GALLEY_JSON_STRING; */
#ifndef GALLEY_JSON_H
#define GALLEY_JSON_H

#include <galley/value.h>

enum galley_json_kind {
    GALLEY_JSON_ABSENT, /* data is NULL, or no JSON */
    GALLEY_JSON_NULL,
    GALLEY_JSON_BOOL,
    GALLEY_JSON_NUMBER,
    GALLEY_JSON_STRING,
    GALLEY_JSON_LIST,
    GALLEY_JSON_OBJECT
};

GALLEY_API enum galley_json_kind galley_json_kind(galley_json json);

/* How many items a list has, or members an object (duplicates counted); 0 for anything else. Linear in the text. */
GALLEY_API size_t galley_json_count(galley_json json);
/* The last member of this name, or the item at this place (from 0); absent if there is none. Linear in the text. */
GALLEY_API galley_json galley_json_get(galley_json object, galley_str name);
GALLEY_API galley_json galley_json_item(galley_json list, size_t index);

/* One item of a list or member of an object after the other. `name` is as in the text, without its quotes: names with
 * escapes in them are decoded by galley_json_to_string of `quoted`. */
struct galley_json_step {
    galley_json value;
    galley_str name;    /* of a member */
    galley_json quoted; /* its name as a JSON string */
    const char *_at, *_end;
};
GALLEY_API struct galley_json_step galley_json_begin(galley_json json);
GALLEY_API bool galley_json_next(struct galley_json_step *step);
#define galley_json_each(step, json)                                                               \
    for (struct galley_json_step step = galley_json_begin(json); galley_json_next(&step);)

/* 0; -EINVAL: it is something else. Of a number -ERANGE: beyond the type; -EDOM: it has a fraction. */
GALLEY_API int galley_json_to_bool(galley_json json, bool *value) GALLEY_MUST_USE;
GALLEY_API int galley_json_to_int(galley_json json, int64_t *value) GALLEY_MUST_USE;
GALLEY_API int galley_json_to_float(galley_json json, double *value) GALLEY_MUST_USE;
/* A string: borrowed from the text where nothing is escaped, else decoded into `room`, for which json.len bytes are always
 * enough. 0; -EINVAL: it is no string; -ENOSPC. */
GALLEY_API int galley_json_to_string(galley_json json, void *room, size_t room_bytes,
                                     galley_str *text) GALLEY_MUST_USE;

#endif
