/* multipart.h - multipart/form-data, taken apart piece by piece as it comes.
 * Does:     boundaries across any cut of the input; a part's name, file name and content type; bounds on a part's head.
 * Does not: read, store or decode: data are slices of what it was fed (or of itself), names are bytes.
 * See:      RFC 7578, RFC 2046 5.1, t/unit/worker/app/multipart.c, t/fuzz/multipart.c */
#ifndef GALLEY_WORKER_APP_MULTIPART_H
#define GALLEY_WORKER_APP_MULTIPART_H

#include <galley/value.h>

enum {
    MULTIPART_MAX_BOUNDARY = 256,
    MULTIPART_MAX_LINE = 4096 + 128, /* of a part's head: its name, colon and value */
    MULTIPART_MAX_LINES = 8
};

enum multipart_event {
    MULTIPART_MORE, /* all input is used up */
    MULTIPART_PART, /* a part begins: name, filename, type */
    MULTIPART_DATA, /* some of its bytes */
    MULTIPART_PART_END,
    MULTIPART_END,     /* the last boundary came; whatever follows is passed over */
    MULTIPART_BAD,     /* it is none */
    MULTIPART_NAMELESS /* bad: a part without a name */
};

/* What the parser waits for. */
/* clang-format off */
#define MULTIPART_STATES(X)                                                                        \
    X(START) X(PREAMBLE) X(FIRST_BOUNDARY) X(FIRST_END)                                            \
    X(LINE) X(LINE_NAME) X(LINE_BLANK) X(LINE_VALUE) X(LINE_END) X(HEAD_END)                       \
    X(OPENED) X(DATA) X(BOUNDARY) X(BOUNDARY_CR) X(BOUNDARY_DASH) X(PADDING) X(PADDING_CR) X(ENDED)
/* clang-format on */
enum multipart_state {
#define X(state) MULTIPART_STATE_##state,
    MULTIPART_STATES(X)
#undef X
};

/* One value of a part's head, as it is gathered. */
struct multipart_line {
    size_t len;
    bool is_there;
    char text[MULTIPART_MAX_LINE];
};

struct multipart {
    enum multipart_state state;
    size_t matched; /* of the delimiter */
    size_t delimiter_len;
    char delimiter[MULTIPART_MAX_BOUNDARY + 4 + 1]; /* CR LF - - boundary, and a byte behind it */
    size_t line_count, line_bytes, name_len;
    char line_name[32]; /* in lower case; as much of it as matters */
    struct multipart_line *line, disposition, type;
    char names[MULTIPART_MAX_LINE]; /* what name and filename are slices of */
    galley_str name, filename,
        content_type; /* of MULTIPART_PART, until the next call; data NULL: absent */
    galley_str data;  /* of MULTIPART_DATA */
};

/* Ready a parser for `boundary`. 0; -EMSGSIZE: it is longer than any. */
int multipart_init(struct multipart *m, galley_str boundary) GALLEY_MUST_USE;

/* The next event of the input at [*at, end); moves *at behind what it used. Ask until MULTIPART_MORE. */
enum multipart_event multipart_next(struct multipart *m, const char **at, const char *end);

/* Whether the input may end here: the last boundary has come, or nothing that could begin the first. */
bool multipart_may_end(const struct multipart *m);

/* The value of parameter `name` (lower case) of a field, `form-data; name="a"`, unquoted into `to`, which has room for
 * `value.len` bytes; data NULL if it has none. Extended parameters (name*=) are passed over (RFC 7578, 4.2). */
galley_str multipart_option(galley_str value, galley_str name, char *to);

#endif
