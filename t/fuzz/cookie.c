/* cookie.c - fuzz target: Cookie fields into parameters and a model that forbids others.
 * Does:     each line of the input is a field.
 * Does not: judge values.
 * See:      place.h, make fuzz; worker/app/inputs_source.c */
#include "t/fuzz/place.h"

GALLEY_STRUCT(jar, (MODEL, .extra = GALLEY_FORBID), (galley_str, m, .min_length = 1),
              (int64_t, n, DEFAULT(1)));
GALLEY_STRUCT(cookie_in, (galley_str, a, COOKIE), (int64_t *, b, COOKIE, OPTIONAL),
              (bool, c, COOKIE, DEFAULT(false)), (galley_uuid *, d, COOKIE, OPTIONAL),
              (struct jar *, jar, COOKIE, OBJECT(jar), OPTIONAL));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    enum { MAX_FIELDS = 8 };
    struct http_field fields[MAX_FIELDS];
    struct galley_request req = {.fields = fields};
    const char *at = (const char *)data, *end = at + len;
    while (at < end && req.field_count < MAX_FIELDS) {
        fields[req.field_count].name = GALLEY_STR("Cookie");
        fields[req.field_count++].value = fuzz_line(&at, end);
    }
    fuzz_place(&req, &cookie_in_model);
    return 0;
}
