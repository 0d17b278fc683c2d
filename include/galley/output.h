/* output.h - answers that are not models: a handler names one as its Out.
 * Does:     text, HTML, bytes, redirect, file, nothing, and a stream written piece by piece.
 * Does not: own what it points to; it must live as long as the request (galley_format, literals). */
#ifndef GALLEY_OUTPUT_H
#define GALLEY_OUTPUT_H

#include <galley/model.h>
#include <galley/request.h>

/* No input, or no output: as Out the answer has no content (a status of 200 becomes 204). */
struct galley_none {
    char _unused;
};
struct galley_text { /* text/plain; charset=utf-8 */
    galley_str text;
};
struct galley_html { /* text/html; charset=utf-8 */
    galley_str html;
};
struct galley_octets { /* application/octet-stream, unless `type` is set */
    galley_bytes bytes;
    const char *type;
};
struct galley_redirect { /* 307, unless the status was set */
    galley_str location;
};
struct galley_file { /* the file's bytes; `type` NULL: by the name's ending */
    const char *path, *type;
};
struct galley_stream { /* what galley_write() is given, as it comes */
    galley_request *_request;
    bool _begun;
};
extern GALLEY_API const struct galley_model galley_none_model, galley_text_model, galley_html_model,
    galley_octets_model, galley_redirect_model, galley_file_model, galley_stream_model;

/* Send `len` bytes of the answer's body; the first call sends status and header fields. Waits while the peer is slow.
 * 0; -EPIPE the peer is gone, -ECANCELED, -ETIMEDOUT the peer does not read. */
#define galley_write(...) galley__write(__VA_ARGS__, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__write(galley_async *co, struct galley_stream *out,
                                           const void *data, size_t len,
                                           const char *here) GALLEY_MUST_USE;

#endif
