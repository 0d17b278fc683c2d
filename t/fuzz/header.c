/* header.c - fuzz target: header fields into parameters, lists and a model that forbids others.
 * Does:     each line of the input is a field, "name:value".
 * Does not: judge values.
 * See:      place.h, make fuzz; worker/app/inputs_source.c */
#include "t/fuzz/place.h"

GALLEY_STRUCT(heads, (MODEL, .extra = GALLEY_FORBID), (galley_str, x_m, .max_length = 4),
              (galley_int_list, x_n, DEFAULT([])));
GALLEY_STRUCT(header_in, (galley_str, x_a, HEADER), (int64_t *, x_b, HEADER, OPTIONAL, .le = 9),
              (galley_str_list, x_c, HEADER, DEFAULT([]), .max_length = 2),
              (galley_time *, x_d, HEADER, OPTIONAL),
              (galley_str, x_e, HEADER, OPTIONAL, .keep_underscores = true),
              (struct heads *, heads, HEADER, OBJECT(heads), OPTIONAL));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    enum { MAX_FIELDS = 16 };
    struct http_field fields[MAX_FIELDS];
    struct galley_request req = {.fields = fields};
    const char *at = (const char *)data, *end = at + len;
    while (at < end && req.field_count < MAX_FIELDS) {
        galley_str line = fuzz_line(&at, end);
        const char *stop = line.data + line.len, *colon = memchr(line.data, ':', line.len);
        struct http_field *field = &fields[req.field_count++];
        field->name = (galley_str){line.data, (size_t)((colon != NULL ? colon : stop) - line.data)};
        field->value =
            colon != NULL ? (galley_str){colon + 1, (size_t)(stop - colon - 1)} : (galley_str){0};
    }
    fuzz_place(&req, &header_in_model);
    return 0;
}
