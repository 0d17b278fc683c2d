/* h1_parse.c - an HTTP/1.1 request head, from bytes to offsets.
 * Does:     first the syntax and the sizes, byte by byte from the left, so that the first wrong
 *           byte decides and the pieces in which a head arrives do not matter; then, once the empty
 *           line is there, what the fields mean together (target form, Host, framing, Expect).
 * Does not: keep anything between calls but the packed position in `scanned`. A head that came in
 *           pieces is parsed once more from its start when it is complete: twice O(n).
 * See:      h1_parse.h (contract), field.c (byte classes), target.c (authority and path) */
#include "worker/http/h1_parse.h"

#include <string.h>

#include "worker/http/field.h"
#include "worker/http/target.h"

enum { DONE = 1 };
enum { LEADING_CRLF_BYTES = 4, HEAD_BYTES_MAX = 0xffffff };

/* Where the scan of an incomplete head stands. */
enum state { AT_START, IN_METHOD, IN_TARGET, IN_VERSION, IN_NAME, IN_VALUE };

struct scan {
    size_t pos;  /* the first byte not yet accepted */
    size_t mark; /* where the method, target, version or field line began */
    size_t field_count;
    enum state state;
};

/* What the fields that steer framing and the connection said, to be judged when all are known. */
struct known {
    uint8_t host, length, coding; /* index of the last one */
    uint8_t host_count, length_count, coding_count;
    bool close, keep_alive, upgrade_option; /* members of Connection */
    bool upgrade, expect_continue, expect_other;
};

_Static_assert(sizeof(size_t) == 8, "scanned packs two 24-bit positions and two small numbers");

static size_t scan_pack(const struct scan *scan)
{
    return scan->pos | scan->mark << 24 | scan->field_count << 48 | (size_t)scan->state << 56;
}

static struct scan scan_unpack(size_t scanned)
{
    return (struct scan){
        .pos = scanned & HEAD_BYTES_MAX,
        .mark = scanned >> 24 & HEAD_BYTES_MAX,
        .field_count = scanned >> 48 & 0xff,
        .state = (enum state)(scanned >> 56),
    };
}

__attribute__((cold, noinline)) static int bad(struct h1_head *head, int status, const char *reason)
{
    head->status = status;
    head->reason = reason;
    return H1_BAD;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* RFC 9112 2.2: empty lines before the request line are skipped, but not many. */
static int scan_start(struct h1_head *head, struct scan *scan, const char *data, size_t end)
{
    while (scan->pos < end && data[scan->pos] == '\r') {
        if (scan->pos >= LEADING_CRLF_BYTES)
            return bad(head, 400, "too many empty lines before the request");
        if (scan->pos + 1 == end)
            return H1_MORE;
        if (data[scan->pos + 1] != '\n')
            return bad(head, 400, "CR without LF before the request");
        scan->pos += 2;
    }
    if (scan->pos == end)
        return H1_MORE;
    scan->mark = scan->pos;
    scan->state = IN_METHOD;
    return DONE;
}

static int scan_method(struct h1_head *head, struct scan *scan, const char *data, size_t end)
{
    size_t stop = smaller(end, scan->mark + H1_MAX_METHOD_BYTES);

    scan->pos = field_skip(data, scan->pos, stop, FIELD_TOKEN);
    if (scan->pos == end)
        return H1_MORE;
    if (field_is(data[scan->pos], FIELD_TOKEN))
        return bad(head, 501, "method too long");
    if (data[scan->pos] != ' ' || scan->pos == scan->mark)
        return bad(head, 400, "no method");
    head->method_at = (uint32_t)scan->mark;
    head->method_len = (uint32_t)(scan->pos - scan->mark);
    scan->mark = ++scan->pos;
    scan->state = IN_TARGET;
    return DONE;
}

static int scan_target(struct h1_head *head, struct scan *scan, const char *data, size_t end,
                       const struct h1_limits *limits)
{
    size_t stop = smaller(end, scan->mark + limits->target_bytes);

    scan->pos = field_skip_path(data, scan->pos, stop);
    head->path_len = (uint32_t)(scan->pos - scan->mark); /* if the target begins with a path */
    if (scan->pos < stop && data[scan->pos] != ' ')
        scan->pos = field_skip(data, scan->pos, stop, FIELD_TARGET);
    if (scan->pos == end)
        return H1_MORE;
    if (field_is(data[scan->pos], FIELD_TARGET))
        return bad(head, 414, "target too long");
    if (data[scan->pos] != ' ')
        return bad(head, 400, "byte not allowed in the target");
    if (scan->pos == scan->mark)
        return bad(head, 400, "no target");
    head->target_at = (uint32_t)scan->mark;
    head->target_len = (uint32_t)(scan->pos - scan->mark);
    scan->mark = ++scan->pos;
    scan->state = IN_VERSION;
    return DONE;
}

/* "HTTP/1.1" and the line's end; 'd' in the pattern is a digit. */
static int scan_version(struct h1_head *head, struct scan *scan, const char *data, size_t end)
{
    static const char usual[] = "HTTP/1.1\r\n", pattern[] = "HTTP/d.d\r\n";
    const size_t len = sizeof usual - 1;
    const char *text = data + scan->mark;
    size_t have = smaller(end - scan->mark, len);

    if (have == len && memcmp(text, usual, len) == 0) {
        head->minor = 1;
    } else {
        for (size_t i = 0; i < have; i++)
            if (pattern[i] == 'd' ? !field_is(text[i], FIELD_DIGIT) : text[i] != pattern[i])
                return bad(head, 400, "request line does not end in a version and CRLF");
        if (have < len)
            return H1_MORE;
        if (text[5] == '0')
            return bad(head, 400, "HTTP/0.x");
        if (text[5] != '1')
            return bad(head, 505, "HTTP version not supported");
        head->minor = text[7] != '0';
    }
    scan->pos = scan->mark += len;
    scan->state = IN_NAME;
    return DONE;
}

static int scan_request_line(struct h1_head *head, struct scan *scan, const char *data, size_t end,
                             const struct h1_limits *limits)
{
    int result;

    if (scan->state == AT_START && (result = scan_start(head, scan, data, end)) != DONE)
        return result;
    if (scan->state == IN_METHOD && (result = scan_method(head, scan, data, end)) != DONE)
        return result;
    if (scan->state == IN_TARGET && (result = scan_target(head, scan, data, end, limits)) != DONE)
        return result;
    if (scan->state == IN_VERSION)
        return scan_version(head, scan, data, end);
    return DONE;
}

/* The next member of a comma-separated list: *at moves behind it and its comma. False at the end.
 */
static bool list_next(const char **at, const char *end, const char **member, size_t *len)
{
    const char *from = *at, *to;

    if (from > end)
        return false;
    to = memchr(from, ',', (size_t)(end - from));
    if (!to)
        to = end;
    *at = to + 1;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    *member = from;
    *len = (size_t)(to - from);
    return true;
}

/* Connection (RFC 9110 7.6.1): a list; members that we do not know mean nothing to us. */
static void note_connection(struct known *known, const char *value, size_t value_len)
{
    const char *at = value, *member;
    size_t len;

    while (list_next(&at, value + value_len, &member, &len)) {
        known->close |= field_equals(member, len, "close");
        known->keep_alive |= field_equals(member, len, "keep-alive");
        known->upgrade_option |= field_equals(member, len, "upgrade");
    }
}

/* Remember the field if it steers framing or the connection: told by length and first letter. */
static void note_field(struct known *known, const char *data, const struct h1_field *field,
                       uint8_t index)
{
    const char *name = data + field->name_at;
    const char *value = data + field->value_at;

    switch (field->name_len << 8 | ((unsigned char)name[0] | 0x20u)) {
    case 4 << 8 | 'h':
        if (field_name_equals(name, field->name_len, "host"))
            known->host = index, known->host_count++;
        break;
    case 14 << 8 | 'c':
        if (field_name_equals(name, field->name_len, "content-length"))
            known->length = index, known->length_count++;
        break;
    case 17 << 8 | 't':
        if (field_name_equals(name, field->name_len, "transfer-encoding"))
            known->coding = index, known->coding_count++;
        break;
    case 10 << 8 | 'c':
        if (field_name_equals(name, field->name_len, "connection"))
            note_connection(known, value, field->value_len);
        break;
    case 7 << 8 | 'u':
        if (field_name_equals(name, field->name_len, "upgrade"))
            known->upgrade = true;
        break;
    case 6 << 8 | 'e':
        if (field_name_equals(name, field->name_len, "expect")) {
            bool is_continue = field_equals(value, field->value_len, "100-continue");
            known->expect_continue |= is_continue;
            known->expect_other |= !is_continue;
        }
        break;
    default:
        break;
    }
}

/* The name up to its colon. At the start of a line, the empty line that ends the head. */
static int scan_name(struct h1_head *head, struct scan *scan, const char *data, size_t end,
                     const struct h1_limits *limits)
{
    size_t stop = smaller(end, scan->mark + limits->field_bytes);

    scan->pos = field_skip_token(data, scan->pos, stop);
    if (scan->pos == end)
        return H1_MORE;
    if (data[scan->pos] == ':' && scan->pos > scan->mark) {
        scan->pos++;
        scan->state = IN_VALUE;
        return DONE;
    }
    if (field_is(data[scan->pos], FIELD_TOKEN))
        return bad(head, 431, "field line too long");
    if (data[scan->pos] == ' ' || data[scan->pos] == '\t')
        return bad(head, 400,
                   scan->pos == scan->mark ? "field line begins with a space"
                                           : "space in a field name");
    return bad(head, 400, "byte not allowed in a field name");
}

/* The value and its CRLF. */
static int scan_value(struct h1_head *head, struct scan *scan, const char *data, size_t end,
                      const struct h1_limits *limits)
{
    size_t stop = scan->mark + limits->field_bytes;

    if (scan->pos > stop)
        return bad(head, 431, "field line too long");
    scan->pos = field_skip_value(data, scan->pos, smaller(end, stop));
    if (scan->pos == end)
        return H1_MORE;
    if (data[scan->pos] != '\r') {
        if (field_is(data[scan->pos], FIELD_VALUE))
            return bad(head, 431, "field line too long");
        return bad(head, 400,
                   data[scan->pos] == '\n' ? "field line ends in LF without CR"
                                           : "control byte in a field value");
    }
    if (scan->pos + 1 == end)
        return H1_MORE;
    if (data[scan->pos + 1] != '\n')
        return bad(head, 400, "CR without LF in a field line");
    return DONE;
}

static void record_field(struct h1_field *field, const char *data, size_t name_at, size_t value_at,
                         size_t value_end)
{
    field->name_at = (uint32_t)name_at;
    while (value_at < value_end && (data[value_at] == ' ' || data[value_at] == '\t'))
        value_at++;
    while (value_end > value_at && (data[value_end - 1] == ' ' || data[value_end - 1] == '\t'))
        value_end--;
    field->value_at = (uint32_t)value_at;
    field->value_len = (uint32_t)(value_end - value_at);
}

/* Field lines up to and with the empty line. Where the scan resumes inside a line, the
 * name of that line is not known any more, and what is recorded for it is never used. */
static int scan_fields(struct h1_head *head, struct known *known, struct scan *scan,
                       const char *data, size_t end, const struct h1_limits *limits)
{
    size_t count_max = smaller(limits->field_count, H1_MAX_FIELDS);
    size_t value_at = scan->pos;
    int result;

    for (;;) {
        struct h1_field *field = &head->fields[scan->field_count];
        if (scan->state == IN_NAME) {
            if (scan->pos == scan->mark && scan->pos < end && data[scan->pos] == '\r')
                break;
            if (scan->pos < end && scan->field_count == count_max)
                return bad(head, 431, "too many fields");
            if ((result = scan_name(head, scan, data, end, limits)) != DONE)
                return result;
            value_at = scan->pos;
        }
        if ((result = scan_value(head, scan, data, end, limits)) != DONE)
            return result;
        field->name_len = (uint32_t)(value_at - scan->mark) - 1;
        record_field(field, data, scan->mark, value_at, scan->pos);
        note_field(known, data, field, (uint8_t)scan->field_count);
        scan->pos = scan->mark = scan->pos + 2;
        scan->field_count++;
        scan->state = IN_NAME;
    }
    if (scan->pos + 1 == end)
        return H1_MORE;
    if (data[scan->pos + 1] != '\n')
        return bad(head, 400, "CR without LF at the end of the head");
    scan->pos += 2;
    return DONE;
}

/* The path at [at, at + path_len) and the query behind it, up to `end`. */
static void set_path(struct h1_head *head, size_t at, size_t path_len, size_t end)
{
    head->path_at = (uint32_t)at;
    head->path_len = (uint32_t)path_len;
    at += path_len;
    head->has_query = at < end;
    head->query_at = (uint32_t)(at + head->has_query);
    head->query_len = (uint32_t)(end - head->query_at);
}

/* The path and query at [at, end), where something may be escaped. */
static int judge_path(struct h1_head *head, const char *data, size_t at, size_t end)
{
    ssize_t path_len = target_path_len(data + at, end - at);

    if (path_len < 0)
        return bad(head, 400, "percent-encoding in the path is broken or of NUL");
    set_path(head, at, (size_t)path_len, end);
    head->is_path_plain = memchr(data + at, '%', (size_t)path_len) == NULL;
    return DONE;
}

/* http://authority[/path][?query]. An empty path means "/": the last slash in front of the
 * authority lends itself for that. */
static int judge_absolute(struct h1_head *head, const char *data)
{
    const char *target = data + head->target_at;
    size_t end = head->target_at + head->target_len, at, pos;

    if (head->target_len > 7 && field_equals_lower(target, "http://", 7))
        at = head->target_at + 7;
    else if (head->target_len > 8 && field_equals_lower(target, "https://", 8))
        at = head->target_at + 8;
    else
        return bad(head, 400, "target is not a path, and not http:// or https://");
    for (pos = at; pos < end && data[pos] != '/' && data[pos] != '?'; pos++)
        ;
    if (!target_is_authority(data + at, pos - at))
        return bad(head, 400, "host in the target is not valid");
    head->authority_at = (uint32_t)at;
    head->authority_len = (uint32_t)(pos - at);
    if (judge_path(head, data, pos, end) != DONE)
        return H1_BAD;
    if (head->path_len == 0) {
        head->path_at = (uint32_t)at - 1;
        head->path_len = 1;
    }
    return DONE;
}

/* RFC 9112 3.2: which forms of target go with which method. */
static int judge_target(struct h1_head *head, const char *data)
{
    const char *method = data + head->method_at;
    const char *target = data + head->target_at;

    if (head->method_len == 7 && memcmp(method, "CONNECT", 7) == 0)
        return bad(head, 501, "CONNECT");
    if (target[0] == '/') {
        size_t end = head->target_at + head->target_len;
        if (target[head->path_len] == '%')
            return judge_path(head, data, head->target_at, end);
        set_path(head, head->target_at, head->path_len, end);
        head->is_path_plain = true;
        return DONE;
    }
    if (head->target_len == 1 && target[0] == '*') {
        if (head->method_len != 7 || memcmp(method, "OPTIONS", 7) != 0)
            return bad(head, 400, "target * without OPTIONS");
        head->is_asterisk = head->is_path_plain = true;
        head->path_at = head->target_at;
        head->path_len = 1;
        return DONE;
    }
    return judge_absolute(head, data);
}

/* RFC 9112 3.2: exactly one valid Host in HTTP/1.1, which an absolute target overrules. */
static int judge_host(struct h1_head *head, const struct known *known, const char *data)
{
    const struct h1_field *host = &head->fields[known->host];

    if (known->host_count == 0)
        return head->minor == 0 ? DONE : bad(head, 400, "no Host");
    if (known->host_count > 1)
        return bad(head, 400, "more than one Host");
    if (!target_is_authority(data + host->value_at, host->value_len))
        return bad(head, 400, "Host is not valid");
    if (head->authority_len == 0) {
        head->authority_at = host->value_at;
        head->authority_len = host->value_len;
    }
    return DONE;
}

/* RFC 9112 6.1 and 7: `chunked`, once, and nothing else. */
static int judge_coding(struct h1_head *head, const char *value, size_t value_len)
{
    const char *at = value, *member;
    size_t len, chunked_count = 0, other_count = 0;
    bool is_chunked = false;

    while (list_next(&at, value + value_len, &member, &len)) {
        if (len == 0 || field_skip(member, 0, len, FIELD_TOKEN) != len)
            return bad(head, 400, "Transfer-Encoding is not a list of names");
        is_chunked = field_equals(member, len, "chunked");
        chunked_count += is_chunked;
        other_count += !is_chunked;
    }
    if (chunked_count > 1 || (chunked_count == 1 && !is_chunked))
        return bad(head, 400, "Transfer-Encoding: chunked is not last, or not alone");
    if (other_count > 0)
        return bad(head, 501, "transfer coding not supported");
    head->body = H1_BODY_CHUNKED;
    return DONE;
}

static int judge_length(struct h1_head *head, const char *value, size_t value_len)
{
    uint64_t length = 0;

    if (value_len == 0)
        return bad(head, 400, "Content-Length is empty");
    for (size_t i = 0; i < value_len; i++) {
        if (!field_is(value[i], FIELD_DIGIT))
            return bad(head, 400, "Content-Length is not a number");
        if (length > (INT64_MAX - 9) / 10)
            return bad(head, 400, "Content-Length is too large a number");
        length = length * 10 + (uint64_t)(value[i] - '0');
    }
    head->body = H1_BODY_LENGTH;
    head->content_length = length;
    return DONE;
}

/* RFC 9112 6.3: how long the body is. Anything that two readers could understand in two ways is
 * refused. */
static int judge_framing(struct h1_head *head, const struct known *known, const char *data)
{
    const struct h1_field *coding = &head->fields[known->coding];
    const struct h1_field *length = &head->fields[known->length];

    if (known->coding_count == 0 && known->length_count == 0)
        return DONE;
    if (known->length_count > 1)
        return bad(head, 400, "more than one Content-Length");
    if (known->coding_count == 0)
        return judge_length(head, data + length->value_at, length->value_len);
    if (known->length_count > 0)
        return bad(head, 400, "both Content-Length and Transfer-Encoding");
    if (known->coding_count > 1)
        return bad(head, 400, "more than one Transfer-Encoding");
    if (head->minor == 0)
        return bad(head, 400, "Transfer-Encoding in HTTP/1.0");
    return judge_coding(head, data + coding->value_at, coding->value_len);
}

/* What the parts of a complete, well-formed head mean together. */
static int judge_head(struct h1_head *head, const struct known *known, const char *data)
{
    if (judge_target(head, data) != DONE || judge_host(head, known, data) != DONE ||
        judge_framing(head, known, data) != DONE)
        return H1_BAD;
    if (known->expect_other)
        return bad(head, 417, "Expect is not 100-continue");
    head->expect_continue = known->expect_continue && head->minor > 0;
    head->keep_alive = !known->close && (head->minor > 0 || known->keep_alive);
    head->has_upgrade = known->upgrade && known->upgrade_option;
    return DONE;
}

/* The scan works on its own copy of its place, which the compiler can keep in registers. */
static int scan_head(struct h1_head *head, struct known *known, struct scan *scan_out,
                     const char *data, size_t end, const struct h1_limits *limits)
{
    struct scan scan = *scan_out;
    int result = scan_request_line(head, &scan, data, end, limits);

    if (result == DONE)
        result = scan_fields(head, known, &scan, data, end, limits);
    *scan_out = scan;
    return result;
}

/* What not every head sets. */
static void clear_head(struct h1_head *head)
{
    head->query_at = head->query_len = head->authority_at = head->authority_len = 0;
    head->content_length = 0;
    head->body = H1_BODY_NONE;
    head->has_query = head->is_path_plain = head->is_asterisk = false;
    head->status = 0;
    head->reason = NULL;
    head->field_count = 0;
}

ssize_t h1_parse_head(struct h1_head *head, const char *data, size_t len, size_t *scanned,
                      const struct h1_limits *limits)
{
    size_t head_max = smaller(limits->head_bytes, HEAD_BYTES_MAX);
    size_t end = smaller(len, head_max);
    struct scan scan = scan_unpack(*scanned);
    struct known known = {0};
    int result;

    clear_head(head);
    result = scan_head(head, &known, &scan, data, end, limits);
    if (result == DONE && *scanned != 0) {
        scan = (struct scan){0};
        known = (struct known){0};
        result = scan_head(head, &known, &scan, data, end, limits);
    }
    if (result == H1_MORE && end < head_max) {
        *scanned = scan_pack(&scan);
        return H1_MORE;
    }
    *scanned = 0;
    if (result == H1_MORE)
        return bad(head, 431, "head too long");
    head->field_count = (uint32_t)scan.field_count;
    if (result != DONE || judge_head(head, &known, data) != DONE)
        return H1_BAD;
    return (ssize_t)scan.pos;
}
