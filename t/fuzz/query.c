/* query.c - fuzz target: a query string into parameters of every kind and a model that forbids others.
 * Does:     the whole input is the query.
 * Does not: judge values.
 * See:      place.h, make fuzz; worker/app/inputs_source.c */
#include "t/fuzz/place.h"

GALLEY_ENUM(tint, (TINT_RED, "red"), (TINT_BLUE, "blue"));
GALLEY_STRUCT(bag, (MODEL, .extra = GALLEY_FORBID), (int64_t, m),
              (galley_str_list, n, DEFAULT([]), .max_length = 2),
              (galley_str, o, DEFAULT("x"), .pattern = "^[a-z]+$"));
GALLEY_STRUCT(query_in, (int64_t, a, QUERY, .ge = -5, .multiple_of = 5),
              (double *, b, QUERY, OPTIONAL, .gt = -0.5, .lt = 1e17),
              (bool, c, QUERY, DEFAULT(true)),
              (galley_str, d, QUERY, DEFAULT("ab"), .min_length = 2, .max_length = 5),
              (galley_float_list, e, QUERY, DEFAULT([ 1, 2 ]), .min_length = 2, .max_length = 3),
              (enum tint, f, QUERY, ENUM(tint), DEFAULT("red")),
              (galley_uuid *, g, QUERY, OPTIONAL), (galley_time *, h, QUERY, OPTIONAL),
              (galley_date *, i, QUERY, OPTIONAL), (galley_clock *, j, QUERY, OPTIONAL),
              (galley_bytes, k, QUERY, OPTIONAL), (int32_t, l, QUERY, DEFAULT(1)),
              (struct bag *, bag, QUERY, OBJECT(bag), OPTIONAL));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct galley_request req = {.query = {(const char *)data, len}};
    fuzz_place(&req, &query_in_model);
    return 0;
}
