/* multipart.c - fuzz target: a multipart body, whole and in small pieces, must be the same parts.
 * Does:     the first byte is the size of the pieces, the second the length of the boundary that follows; the rest is the body.
 * Does not: store parts: t/unit/worker/app/inputs.c does.
 * See:      make fuzz; worker/app/multipart.c */
#include <stdlib.h>
#include <string.h>

#include "worker/app/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What the parser said: events and their bytes, hashed; data are one piece however they were cut. */
struct tale {
    uint64_t hash;
    size_t parts, data_bytes;
    bool is_bad, may_end;
};

static void tell(struct tale *tale, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        tale->hash = (tale->hash ^ at[i]) * UINT64_C(1099511628211);
}

static void tell_text(struct tale *tale, galley_str text)
{
    tell(tale, text.data != NULL ? "+" : "-", 1);
    if (text.len > 0)
        tell(tale, text.data, text.len);
    tell(tale, "", 1);
}

/* false: it is bad. */
static bool feed(struct multipart *m, struct tale *tale, const char *at, size_t len)
{
    const char *end = at + len;
    for (;;) {
        enum multipart_event event = multipart_next(m, &at, end);
        switch (event) {
        case MULTIPART_MORE:
            if (at != end)
                abort();
            return true;
        case MULTIPART_BAD:
        case MULTIPART_NAMELESS:
            tale->is_bad = true;
            return false;
        case MULTIPART_PART:
            tale->parts++;
            tell(tale, "P", 1);
            tell_text(tale, m->name);
            tell_text(tale, m->filename);
            tell_text(tale, m->content_type);
            break;
        case MULTIPART_DATA:
            if (m->data.len == 0)
                abort();
            tale->data_bytes += m->data.len;
            tell(tale, m->data.data, m->data.len);
            break;
        case MULTIPART_PART_END:
            tell(tale, "E", 1);
            break;
        case MULTIPART_END:
            break;
        }
    }
}

static struct tale parse(galley_str boundary, const char *body, size_t len, size_t piece)
{
    struct tale tale = {.hash = UINT64_C(14695981039346656037)};
    struct multipart *m = malloc(sizeof *m);
    if (m == NULL || multipart_init(m, boundary) < 0)
        abort();
    bool is_good = true;
    for (size_t at = 0; is_good && at < len; at += piece) {
        size_t size = len - at < piece ? len - at : piece;
        char *copy = malloc(size); /* so that looking beyond its end is seen */
        if (copy == NULL)
            abort();
        memcpy(copy, body + at, size);
        is_good = feed(m, &tale, copy, size);
        free(copy);
    }
    tale.may_end = is_good && multipart_may_end(m);
    free(m);
    return tale;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2 || (size_t)data[1] + 2 > len)
        return 0;
    size_t piece = (size_t)data[0] + 1;
    galley_str boundary = {(const char *)data + 2, data[1]};
    if (memchr(boundary.data, '\r', boundary.len) != NULL) /* no field has one */
        return 0;
    const char *body = boundary.data + boundary.len;
    size_t body_len = len - 2 - boundary.len;
    char room[256];
    if (boundary.len <= sizeof room)
        (void)multipart_option(boundary, GALLEY_STR("name"), room);
    struct tale whole = parse(boundary, body, body_len, body_len + 1);
    struct tale cut = parse(boundary, body, body_len, piece);
    if (whole.is_bad != cut.is_bad || whole.may_end != cut.may_end || whole.parts != cut.parts ||
        whole.data_bytes > body_len)
        abort();
    if (!whole.is_bad && (whole.hash != cut.hash || whole.data_bytes != cut.data_bytes))
        abort();
    return 0;
}
