/* request.h - what a handler may ask of its request and set on its answer, in either color.
 * Does:     method, path, fields, body; status, header fields, cookies, failure; memory of the request.
 * Does not: parse typed inputs (model.h does that before the handler runs).
 * Everything returned is borrowed from the request and dies with it. */
#ifndef GALLEY_REQUEST_H
#define GALLEY_REQUEST_H

#include <sys/types.h>

#include <galley/wait.h>

struct galley_request;
typedef struct galley_request galley_request;

/* The request of a coroutine or of a pool thread: calls about it take either color. */
/* clang-format off */
#define GALLEY_REQUEST(color)                                                                      \
    _Generic((color),                                                                              \
        galley_async *: galley__request_of_async,                                                  \
        galley_sync *: galley__request_of_sync)(color)
/* clang-format on */
GALLEY_API galley_request *galley__request_of_async(galley_async *co);
GALLEY_API galley_request *galley__request_of_sync(galley_sync *rq);

/* ---- what came ---- */

/* clang-format off */
#define galley_method(color)    galley__method(GALLEY_REQUEST(color))    /* "GET" */
#define galley_path(color)      galley__path(GALLEY_REQUEST(color))      /* percent-decoded, without the query */
#define galley_query(color)     galley__query(GALLEY_REQUEST(color))     /* as sent, without the '?' */
#define galley_authority(color) galley__authority(GALLEY_REQUEST(color)) /* Host or :authority */
/* clang-format on */
GALLEY_API galley_str galley__method(const galley_request *req);
GALLEY_API galley_str galley__path(galley_request *req);
GALLEY_API galley_str galley__query(const galley_request *req);
GALLEY_API galley_str galley__authority(const galley_request *req);

/* The value of the first field called `name` (any case); data is NULL if there is none. */
#define galley_header(color, name) galley__header(GALLEY_REQUEST(color), name)
GALLEY_API galley_str galley__header(const galley_request *req, const char *name);

/* Field `index` in the order of arrival; false when there are no more. */
#define galley_header_at(color, index, name, value)                                                \
    galley__header_at(GALLEY_REQUEST(color), index, name, value)
GALLEY_API bool galley__header_at(const galley_request *req, size_t index, galley_str *name,
                                  galley_str *value);

/* The next bytes of the body, at most `len`, into `buf`, waiting for them if need be. > 0 bytes; 0 the body is whole;
 * -EBADMSG it broke off or was malformed, -EMSGSIZE it is too large,
 * -E2BIG its trailers are, -ETIMEDOUT it came too slowly, -ECANCELED. */
#define galley_body_read(...) galley__body_read(__VA_ARGS__, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS ssize_t galley__body_read(galley_async *co, void *buf, size_t len,
                                                   const char *here) GALLEY_MUST_USE;

/* ---- the answer ---- */

/* The status of the answer (200 to 599; another one changes nothing); the route's own holds without it. */
#define galley_set_status(color, status) galley__set_status(GALLEY_REQUEST(color), status)
GALLEY_API void galley__set_status(galley_request *req, int status);

/* Set a header field (any earlier one of that name goes), or add one more. Both are copied. 0; -EINVAL for what is
 * no field (RFC 9110, 5.5) or belongs to the server (Content-Length, Transfer-Encoding, Connection, Date ...);
 * -EMSGSIZE beyond 16 KiB of fields, -ENOMEM. */
#define galley_set_header(color, name, value) galley__set_header(GALLEY_REQUEST(color), name, value)
#define galley_add_header(color, name, value) galley__add_header(GALLEY_REQUEST(color), name, value)
GALLEY_API int galley__set_header(galley_request *req, const char *name, const char *value);
GALLEY_API int galley__add_header(galley_request *req, const char *name, const char *value);

/* A cookie (RFC 6265bis, 4.1). Zeroed members are left out; path is "/" and same_site "lax" unless set. */
struct galley_cookie {
    const char *name, *value, *path, *domain, *same_site;
    int64_t max_age_s; /* < 0: delete the cookie; 0: until the browser closes */
    bool secure, http_only;
};
/* 0; -EINVAL: no name, or what would end an attribute; -EMSGSIZE, -ENOMEM as above. All of it is copied. */
#define galley_set_cookie(color, ...)                                                              \
    galley__set_cookie(GALLEY_REQUEST(color), &(struct galley_cookie){__VA_ARGS__})
GALLEY_API int galley__set_cookie(galley_request *req, const struct galley_cookie *cookie);

/* Answer {"detail": "..."} with `status` instead of the output: `return galley_fail(co, 404, "no item %d", id);` */
#define galley_fail(color, ...) galley__fail(GALLEY_REQUEST(color), __VA_ARGS__)
GALLEY_API int galley__fail(galley_request *req, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4), warn_unused_result));

/* The same with the reason phrase for a detail: `return galley_fail_status(co, 404);` is {"detail": "Not Found"}. */
#define galley_fail_status(color, status) galley__fail_status(GALLEY_REQUEST(color), status)
GALLEY_API int galley__fail_status(galley_request *req, int status) GALLEY_MUST_USE;

/* The same with any JSON for a detail: its text, which is checked and made compact; one that is no JSON is a 500.
 * Constant ones are written as they are: `return galley_fail_json(co, 400, GALLEY_JSON_TEXT({"code": 17}));` */
#define galley_fail_json(color, status, text) galley__fail_json(GALLEY_REQUEST(color), status, text)
GALLEY_API int galley__fail_json(galley_request *req, int status, galley_str text) GALLEY_MUST_USE;
#define GALLEY_JSON_TEXT(...) ((galley_str){#__VA_ARGS__, sizeof #__VA_ARGS__ - 1})

/* Fail with an error of the application's own, a struct with a model, which a handler answers (GALLEY_ON_RAISED);
 * without one it is a 500: `return galley_raise(co, out_of_stock, .sku = in->sku, .left = 3);` The struct is copied. */
#define galley_raise(color, m, ...)                                                                \
    galley__raise(GALLEY_REQUEST(color), &m##_model, &(struct m){__VA_ARGS__})
struct galley_model;
GALLEY_API int galley__raise(galley_request *req, const struct galley_model *model,
                             const void *error) GALLEY_MUST_USE;

/* ---- files that came with a form ---- */

/* All of a file's bytes, in the request's memory or where they lie already. 0; -ENOMEM, or the -errno of reading. */
#define galley_upload_bytes(color, upload, bytes)                                                  \
    galley__upload_bytes(GALLEY_REQUEST(color), upload, bytes)
GALLEY_API int galley__upload_bytes(galley_request *req, const galley_upload *upload,
                                    galley_bytes *bytes) GALLEY_MUST_USE;
/* Up to `len` bytes from `offset` on into `buf`: how many; 0 at the end, or -errno of pread(2). Does not wait: the file is
 * in memory or in the page cache. */
GALLEY_API ssize_t galley_upload_read(const galley_upload *upload, uint64_t offset, void *buf,
                                      size_t len) GALLEY_MUST_USE;

/* ---- memory of the request ---- */

/* Zeroed memory that lives as long as the request; NULL when there is none. */
#define galley_alloc(color, size) galley__alloc(GALLEY_REQUEST(color), size)
GALLEY_API void *galley__alloc(galley_request *req, size_t size);

/* A formatted string in the request's memory, with a NUL behind it; data is NULL when there is none. */
#define galley_format(color, ...) galley__format(GALLEY_REQUEST(color), __VA_ARGS__)
GALLEY_API galley_str galley__format(galley_request *req, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
