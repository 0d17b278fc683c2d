/* problem_kind.h - the ways in which an input can be wrong, by Pydantic's names; see problems.h for their texts.
 * Does:     name them, X(KIND, "type", "message", "ctx").
 * Does not: mean anything to applications: they see the type as text.
 *
 * In a message: % the limit (a bound, a length), ~ an s unless the limit is 1, @ the actual count, $ the problem's own
 * text, ! the list of what is expected ("'a', 'b' or 'c'"), ^ the discriminator. ctx names what it holds: "" none, "limit NAME", "items NAME" (field_type,
 * limit, actual_length), "text NAME" (problem's own text), "error" ({"error":{}}), "expected", "tag" (discriminator,
 * tag, expected_tags), "discriminator". */
#ifndef GALLEY_WORKER_APP_PROBLEM_KIND_H
#define GALLEY_WORKER_APP_PROBLEM_KIND_H

/* clang-format off */
#define PROBLEM_KINDS(X)                                                                           \
    X(MISSING, "missing", "Field required", "")                                                    \
    X(EXTRA_FORBIDDEN, "extra_forbidden", "Extra inputs are not permitted", "")                    \
    X(JSON_INVALID, "json_invalid", "JSON decode error", "text error")                             \
    X(MODEL_ATTRIBUTES_TYPE, "model_attributes_type",                                              \
      "Input should be a valid dictionary or object to extract fields from", "")                   \
    X(DICT_TYPE, "dict_type", "Input should be a valid dictionary", "")                            \
    X(LIST_TYPE, "list_type", "Input should be a valid list", "")                                  \
    X(LIST_TOO_SHORT, "too_short", "List should have at least % item~ after validation, not @",    \
      "items min_length")                                                                          \
    X(LIST_TOO_LONG, "too_long", "List should have at most % item~ after validation, not @",       \
      "items max_length")                                                                          \
    X(MAP_TOO_SHORT, "too_short", "Dictionary should have at least % item~ after validation, not @", \
      "items min_length")                                                                          \
    X(MAP_TOO_LONG, "too_long", "Dictionary should have at most % item~ after validation, not @",  \
      "items max_length")                                                                          \
    X(STRING_TYPE, "string_type", "Input should be a valid string", "")                            \
    X(STRING_TOO_SHORT, "string_too_short", "String should have at least % character~",            \
      "limit min_length")                                                                          \
    X(STRING_TOO_LONG, "string_too_long", "String should have at most % character~",               \
      "limit max_length")                                                                          \
    X(STRING_PATTERN, "string_pattern_mismatch", "String should match pattern '$'", "text pattern") \
    X(LITERAL, "literal_error", "Input should be !", "expected")                                   \
    X(ENUM, "enum", "Input should be !", "expected")                                               \
    X(INT_TYPE, "int_type", "Input should be a valid integer", "")                                 \
    X(INT_PARSING, "int_parsing",                                                                  \
      "Input should be a valid integer, unable to parse string as an integer", "")                 \
    X(INT_PARSING_SIZE, "int_parsing_size",                                                        \
      "Unable to parse input string as an integer, exceeded maximum size", "")                     \
    X(INT_FROM_FLOAT, "int_from_float",                                                            \
      "Input should be a valid integer, got a number with a fractional part", "")                  \
    X(FLOAT_TYPE, "float_type", "Input should be a valid number", "")                              \
    X(FLOAT_PARSING, "float_parsing",                                                              \
      "Input should be a valid number, unable to parse string as a number", "")                    \
    X(FINITE_NUMBER, "finite_number", "Input should be a finite number", "")                       \
    X(BOOL_TYPE, "bool_type", "Input should be a valid boolean", "")                               \
    X(BOOL_PARSING, "bool_parsing", "Input should be a valid boolean, unable to interpret input", "") \
    X(MULTIPLE_OF, "multiple_of", "Input should be a multiple of %", "limit multiple_of")          \
    X(LESS_THAN_EQUAL, "less_than_equal", "Input should be less than or equal to %", "limit le")   \
    X(LESS_THAN, "less_than", "Input should be less than %", "limit lt")                           \
    X(GREATER_THAN_EQUAL, "greater_than_equal", "Input should be greater than or equal to %",      \
      "limit ge")                                                                                  \
    X(GREATER_THAN, "greater_than", "Input should be greater than %", "limit gt")                  \
    X(UUID_TYPE, "uuid_type", "UUID input should be a string, bytes or UUID object", "")           \
    X(UUID_PARSING, "uuid_parsing", "Input should be a valid UUID, $", "text error")               \
    X(DATETIME_TYPE, "datetime_type", "Input should be a valid datetime", "")                      \
    X(DATETIME_PARSING, "datetime_parsing", "Input should be a valid datetime, $", "text error")   \
    X(DATETIME_FROM_DATE, "datetime_from_date_parsing",                                            \
      "Input should be a valid datetime or date, $", "text error")                                 \
    X(DATE_TYPE, "date_type", "Input should be a valid date", "")                                  \
    X(DATE_PARSING, "date_parsing",                                                                \
      "Input should be a valid date in the format YYYY-MM-DD, $", "text error")                    \
    X(DATE_FROM_DATETIME, "date_from_datetime_parsing", "Input should be a valid date or datetime, $", \
      "text error")                                                                                \
    X(DATE_INEXACT, "date_from_datetime_inexact",                                                  \
      "Datetimes provided to dates should have zero time - e.g. be exact dates", "")               \
    X(TIME_TYPE, "time_type", "Input should be a valid time", "")                                  \
    X(TIME_PARSING, "time_parsing", "Input should be in a valid time format, $", "text error")     \
    X(BYTES_TYPE, "bytes_type", "Input should be a valid bytes", "")                               \
    X(BYTES_TOO_SHORT, "bytes_too_short", "Data should have at least % byte~", "limit min_length") \
    X(BYTES_TOO_LONG, "bytes_too_long", "Data should have at most % byte~", "limit max_length")    \
    X(BASE64, "base64_decode", "Base64 decoding error: '$'", "text error")                         \
    X(VALUE_ERROR, "value_error", "Value error, $", "error")                                       \
    X(UPLOAD, "value_error", "Value error, Expected UploadFile, received: <class 'str'>", "error") \
    X(TAG_INVALID, "union_tag_invalid",                                                            \
      "Input tag '$' found using ^ does not match any of the expected tags: !", "tag")             \
    X(TAG_NOT_FOUND, "union_tag_not_found", "Unable to extract tag using discriminator ^",         \
      "discriminator")                                                                             \
    X(TOO_MANY, "too_many_errors", "There are more errors than are listed", "")
/* clang-format on */

enum problem_kind {
    PROBLEM_NONE,
#define X(kind, type, message, ctx) PROBLEM_##kind,
    PROBLEM_KINDS(X)
#undef X
        PROBLEM_COUNT
};

#endif
