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

/* "file.c:41", of the line it stands on: a call that waits takes it along, for `galley ps`. */
#define GALLEY__TEXT(line)  #line
#define GALLEY__PLACE(line) __FILE__ ":" GALLEY__TEXT(line)
#define GALLEY_HERE         GALLEY__PLACE(__LINE__)

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

/* A day of the Gregorian calendar. */
typedef struct galley_date {
    int16_t year; /* 1 to 9999 */
    uint8_t month, day;
} galley_date;

/* A time of day, and the offset it was written with. */
typedef struct galley_clock {
    uint8_t hour, minute, second;
    int32_t micros;
    int16_t offset_minutes;
    bool has_offset;
} galley_clock;

/* Any JSON value as compact, valid text; data == NULL means absent. See galley/json.h. */
typedef struct galley_json {
    const char *data;
    size_t len;
} galley_json;

/* Which members of its model a request has sent: declare one beside them, ask galley_was_sent (galley/model.h). */
typedef struct galley_sent {
    uint64_t bits; /* member i is bit i */
} galley_sent;

/* A file of a multipart form. Its bytes lie in memory, or in an unlinked temporary file from 1 MiB on; read them with
 * galley_upload_read or galley_upload_bytes (galley/request.h). filename.data == NULL: no file was sent. */
typedef struct galley_upload {
    galley_str filename, content_type;
    uint64_t size;
    const void *_data; /* of one in memory */
    int _fd;           /* of one on disk; unused below 1 MiB */
} galley_upload;

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
typedef GALLEY_LIST(galley_uuid) galley_uuid_list;
typedef GALLEY_LIST(galley_time) galley_time_list;
typedef GALLEY_LIST(galley_date) galley_date_list;
typedef GALLEY_LIST(galley_json) galley_json_list;
typedef GALLEY_LIST(galley_upload) galley_upload_list;

/* A map member of a model, from strings: `count` entries at `at`, in the order in which they came. */
#define GALLEY_MAP(T)                                                                              \
    struct {                                                                                       \
        struct {                                                                                   \
            galley_str key;                                                                        \
            T value;                                                                               \
        } * at;                                                                                    \
        size_t count;                                                                              \
    }
typedef GALLEY_MAP(bool) galley_bool_map;
typedef GALLEY_MAP(int64_t) galley_int_map;
typedef GALLEY_MAP(double) galley_float_map;
typedef GALLEY_MAP(galley_str) galley_str_map;
typedef GALLEY_MAP(galley_json) galley_json_map;

/* A slice of a string literal. */
#define GALLEY_STR(literal) ((galley_str){"" literal "", sizeof(literal) - 1})

/* Whether it is the text of a string; null is none. */
static inline bool galley_str_is(galley_str s, const char *text)
{
    size_t len = __builtin_strlen(text);
    return s.data && s.len == len && __builtin_memcmp(s.data, text, len) == 0;
}

/* How many code points: what min_length and max_length count. */
static inline size_t galley_str_length(galley_str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += ((unsigned char)s.data[i] & 0xC0) != 0x80;
    return count;
}

/* For printf: printf("%.*s", GALLEY_STR_ARG(s)). */
#define GALLEY_STR_ARG(s) (int)(s).len, (s).data

#endif
