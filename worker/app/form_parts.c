/* form_parts.c - the parts of a multipart form, received and kept; see form_parts.h.
 * Does:     gather each part in the request's memory, and move it to a temporary file once it is larger than
 *           UPLOAD_MEMORY_BYTES.
 * Does not: hold more than the parts themselves and 16 KiB of input. */
#include "worker/app/form_parts.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/app/body.h"
#include "worker/app/multipart.h"
#include "worker/app/upload.h"
#include "worker/http/text.h"

enum { INPUT_BYTES = 16 * 1024, FIRST_PART_BYTES = 1024 };

/* A temporary file that the request's end closes. */
struct spool {
    struct spool *next;
    int fd;
};

/* What must be given back, however the request ends. */
struct held_parts {
    struct spool *spools;
};

struct reading {
    struct galley_request *req;
    struct form *form;
    struct held_parts *held;
    struct form_field *field; /* the part at hand */
    char *data;               /* of it, as far as it is in memory */
    size_t len, capacity;
    bool is_latin1;
    struct multipart parser;
};

static void release_parts(galley_async *co, struct held_parts *held)
{
    (void)co;
    for (; held->spools != NULL; held->spools = held->spools->next)
        close(held->spools->fd);
}

static int refuse(struct reading *r, const char *why)
{
    return galley__fail(r->req, 400, "%s", why);
}

/* ---- texts ---- */

/* Bytes as a text: UTF-8 where they are that, or else Latin-1. `bytes` must stay. */
static int decode(struct reading *r, galley_str bytes, galley_str *text)
{
    *text = bytes;
    if (!r->is_latin1 && text_is_utf8(bytes))
        return 0;
    return text_from_latin1(&r->req->arena, bytes, text);
}

static int decode_copy(struct reading *r, galley_str bytes, galley_str *text)
{
    char *copy = arena_dup(&r->req->arena, bytes.data, bytes.len);
    return copy != NULL ? decode(r, (galley_str){copy, bytes.len}, text) : -ENOMEM;
}

/* ---- a part ---- */

static int open_file(struct reading *r)
{
    const struct multipart *m = &r->parser;
    galley_upload *file = arena_alloc(&r->req->arena, sizeof *file);
    if (++r->form->file_count > FORM_MAX_FILES)
        return refuse(r, "Too many files. Maximum number of files is 1000.");
    if (file == NULL)
        return -ENOMEM;
    *file = (galley_upload){._fd = -1};
    r->field->file = file;
    int rc = decode_copy(r, m->filename, &file->filename);
    if (rc == 0 && m->content_type.data != NULL) {
        char *copy = arena_dup(&r->req->arena, m->content_type.data, m->content_type.len);
        if (copy == NULL)
            return -ENOMEM;
        rc = text_from_latin1(&r->req->arena, (galley_str){copy, m->content_type.len},
                              &file->content_type);
    }
    return rc;
}

static int open_part(struct reading *r)
{
    galley_str name;
    r->data = NULL;
    r->len = r->capacity = 0;
    if (decode_copy(r, r->parser.name, &name) < 0)
        return -ENOMEM;
    r->field = form_add(r->form, &r->req->arena, name);
    if (r->field == NULL)
        return -ENOMEM;
    if (r->parser.filename.data != NULL)
        return open_file(r);
    return ++r->form->field_count > FORM_MAX_FIELDS
               ? refuse(r, "Too many fields. Maximum number of fields is 1000.")
               : 0;
}

/* Move the file at hand to disk. */
static int spool(struct reading *r)
{
    struct spool *kept = arena_alloc(&r->req->arena, sizeof *kept);
    if (kept == NULL)
        return -ENOMEM;
    int fd = upload_open();
    if (fd < 0) {
        log_line(LOG_LEVEL_ERROR, "upload_failed", "no temporary file: %s", strerror(-fd));
        return fd;
    }
    *kept = (struct spool){r->held->spools, fd};
    r->held->spools = kept;
    r->field->file->_fd = fd;
    int rc = upload_write(fd, 0, r->data, r->len);
    arena_trim(&r->req->arena, r->data, r->capacity, 0);
    return rc;
}

static int keep_on_disk(struct reading *r, galley_str data)
{
    galley_upload *file = r->field->file;
    int rc = upload_write(file->_fd, file->size, data.data, data.len);
    if (rc < 0)
        log_line(LOG_LEVEL_ERROR, "upload_failed", "a temporary file of %llu bytes: %s",
                 (unsigned long long)file->size, strerror(-rc));
    file->size += data.len;
    return rc;
}

static int add_data(struct reading *r, galley_str data)
{
    galley_upload *file = r->field->file;
    if (file != NULL && file->_fd >= 0)
        return keep_on_disk(r, data);
    if (file == NULL && r->len + data.len > FORM_MAX_FIELD_BYTES)
        return refuse(r, "Part exceeded maximum size of 1024KB.");
    if (file != NULL && r->len + data.len > UPLOAD_MEMORY_BYTES) {
        int rc = spool(r);
        return rc < 0 ? rc : keep_on_disk(r, data);
    }
    if (r->len + data.len > r->capacity) {
        size_t want = r->capacity == 0 ? FIRST_PART_BYTES : r->capacity * 2;
        want = want < r->len + data.len ? r->len + data.len : want;
        char *grown = arena_grow(&r->req->arena, r->data, r->capacity, want);
        if (grown == NULL)
            return -ENOMEM;
        r->data = grown;
        r->capacity = want;
    }
    memcpy(r->data + r->len, data.data, data.len);
    r->len += data.len;
    if (file != NULL)
        file->size = r->len;
    return 0;
}

static int end_part(struct reading *r)
{
    galley_upload *file = r->field->file;
    if (file != NULL && file->_fd >= 0)
        return 0;
    const char *data = "";
    if (r->len > 0)
        data = arena_trim(&r->req->arena, r->data, r->capacity, r->len);
    if (file == NULL)
        return decode(r, (galley_str){data, r->len}, &r->field->text);
    file->_data = data;
    return 0;
}

/* ---- the body ---- */

static int take_input(struct reading *r, const char *at, size_t len)
{
    const char *end = at + len;
    for (;;) {
        int rc = 0;
        switch (multipart_next(&r->parser, &at, end)) {
        case MULTIPART_MORE:
            return 0;
        case MULTIPART_PART:
            rc = open_part(r);
            break;
        case MULTIPART_DATA:
            rc = add_data(r, r->parser.data);
            break;
        case MULTIPART_PART_END:
            rc = end_part(r);
            break;
        case MULTIPART_END:
            break;
        case MULTIPART_BAD:
            return refuse(r, "Invalid multipart data.");
        case MULTIPART_NAMELESS:
            return refuse(r, "The Content-Disposition header field \"name\" must be provided.");
        }
        if (rc < 0)
            return rc;
    }
}

/* What the content type says: the boundary, and a charset that is not UTF-8. 0, REQUEST_FAILED, -ENOMEM. */
static int begin(struct reading *r)
{
    galley_str type = galley__header(r->req, "content-type");
    char *room = arena_alloc(&r->req->arena, 2 * type.len);
    if (room == NULL)
        return -ENOMEM;
    galley_str boundary = multipart_option(type, GALLEY_STR("boundary"), room);
    galley_str charset = multipart_option(type, GALLEY_STR("charset"), room + type.len);
    r->is_latin1 = charset.data != NULL && (charset.len < 3 || strncasecmp(charset.data, "utf", 3));
    if (boundary.data == NULL)
        return refuse(r, "Missing boundary in multipart.");
    return multipart_init(&r->parser, boundary) == 0 ? 0 : refuse(r, "Invalid multipart data.");
}

static GALLEY_YIELDS int receive(struct reading *r)
{
    size_t size = INPUT_BYTES;
    if (r->req->content_length < size)
        size = (size_t)r->req->content_length;
    char *input = arena_alloc(&r->req->arena, size);
    if (input == NULL)
        return -ENOMEM;
    for (;;) {
        ssize_t n = galley__body_read(r->req->co, input, size, NULL);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        body_allow(r->req, (size_t)n);
        int rc = take_input(r, input, (size_t)n);
        if (rc < 0)
            return rc;
    }
    return multipart_may_end(&r->parser) ? 0 : refuse(r, "There was an error parsing the body");
}

int form_parts_read(struct galley_request *req, struct form *form)
{
    struct reading *r = arena_alloc(&req->arena, sizeof *r);
    struct held_parts *held = arena_alloc(&req->arena, sizeof *held);
    if (r == NULL || held == NULL)
        return -ENOMEM;
    *held = (struct held_parts){0};
    r->req = req;
    r->form = form;
    r->held = held;
    r->field = NULL;
    if (galley_defer(req->co, release_parts, held) < 0)
        return -ENOMEM;
    int rc = begin(r);
    return rc == 0 && req->has_body ? receive(r) : rc;
}
