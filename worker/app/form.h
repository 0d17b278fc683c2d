/* form.h - the fields and files of a form, in the order in which they came.
 * Does:     read a body of application/x-www-form-urlencoded or multipart/form-data whole; spool large files.
 * Does not: know what the input wants of them (inputs.c).
 * See:      form_urlencoded.h, multipart.h, upload.h; RFC 7578, WHATWG URL 5.1 */
#ifndef GALLEY_WORKER_APP_FORM_H
#define GALLEY_WORKER_APP_FORM_H

#include "worker/http/request.h"

enum { FORM_MAX_FIELDS = 1000, FORM_MAX_FILES = 1000, FORM_MAX_FIELD_BYTES = 1 << 20 };

struct form_field {
    struct form_field *next;
    galley_str name, text; /* text.data is never NULL for a field */
    galley_upload *file;   /* NULL: a text */
};

struct form {
    struct form_field *first, *last;
    size_t field_count, file_count;
};

/* Read the request's body as its content type says; of any other type the form is empty and the body unread.
 * 0; REQUEST_FAILED: a 400 or 413 is noted in `req`; -ENOMEM, -ECANCELED, req->body_error. */
GALLEY_YIELDS int form_read(struct galley_request *req, struct form *form) GALLEY_MUST_USE;

/* What a browser sends for a file field that was left empty: a file without name and content. */
static inline bool form_is_empty_file(const struct form_field *field)
{
    return field->file != NULL && field->file->filename.len == 0 && field->file->size == 0;
}

/* Append a field, zeroed but for its name. NULL without memory. */
struct form_field *form_add(struct form *form, struct arena *arena, galley_str name);

#endif
