/* value.h - the plain values that models, requests and answers are made of.
 * Does:     name slices, lists and the scalar types that JSON and HTTP carry.
 * Does not: allocate or parse; see model.h for how values are read and written. */
#ifndef GALLEY_VALUE_H
#define GALLEY_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Marks what applications may link against, and results that may not be dropped. */
#define GALLEY_API      __attribute__((visibility("default")))
#define GALLEY_MUST_USE __attribute__((warn_unused_result))

/* Stands on every function that may let other coroutines run before it returns. */
#define GALLEY_YIELDS

/* A borrowed UTF-8 slice, not NUL-terminated. data == NULL means null (JSON) or absent. */
typedef struct galley_str {
    const char *data;
    size_t len;
} galley_str;

/* A borrowed slice of octets; data == NULL means null or absent. */
typedef struct galley_bytes {
    const uint8_t *data;
    size_t len;
} galley_bytes;

/* RFC 9562, octets in network order. */
typedef struct galley_uuid {
    uint8_t octet[16];
} galley_uuid;

/* A point in time: seconds and nanoseconds since 1970-01-01 UTC, and the offset it was written with. */
typedef struct galley_time {
    int64_t seconds;
    int32_t nanos;
    int16_t offset_minutes;
    bool has_offset;
} galley_time;

/* A list member of a model: `count` elements at `at`. */
#define GALLEY_LIST(T)                                                                             \
    struct {                                                                                       \
        T *at;                                                                                     \
        size_t count;                                                                              \
    }
typedef GALLEY_LIST(bool) galley_bool_list;
typedef GALLEY_LIST(int64_t) galley_int_list;
typedef GALLEY_LIST(double) galley_float_list;
typedef GALLEY_LIST(galley_str) galley_str_list;

/* A slice of a string literal. */
#define GALLEY_STR(literal) ((galley_str){"" literal "", sizeof(literal) - 1})

/* For printf: printf("%.*s", GALLEY_STR_ARG(s)). */
#define GALLEY_STR_ARG(s) (int)(s).len, (s).data

#endif
