/* multipart.c - multipart/form-data, taken apart piece by piece; see multipart.h.
 * Does:     a state for each thing to wait for, and a function a group of them.
 * Does not: look back: what may be a delimiter and is none is told as data from the delimiter itself.
 *
 * Since CR stands in a delimiter only at its start, a match that fails begins again with the byte at hand.
 *
 *     START > FIRST_BOUNDARY > LINE (NAME, BLANK, VALUE, END)* > HEAD_END > OPENED > DATA > BOUNDARY > LINE ... > ENDED */
#include "worker/app/multipart.h"

#include <errno.h>
#include <string.h>

#include "worker/http/field.h"

int multipart_init(struct multipart *m, galley_str boundary)
{
    if (boundary.len > MULTIPART_MAX_BOUNDARY)
        return -EMSGSIZE;
    m->state = MULTIPART_STATE_START;
    m->matched = 0;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.data, boundary.len);
    m->delimiter_len = boundary.len + 4;
    return 0;
}

bool multipart_may_end(const struct multipart *m)
{
    return m->state == MULTIPART_STATE_START || m->state == MULTIPART_STATE_PREAMBLE ||
           m->state == MULTIPART_STATE_ENDED;
}

/* ---- parameters of a field ---- */

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

static galley_str trim(galley_str text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = (galley_str){text.data + 1, text.len - 1};
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Up to the next semicolon that no quotes enclose. */
static galley_str next_parameter(galley_str *rest)
{
    bool is_quoted = false;
    size_t len = 0;
    for (; len < rest->len && (rest->data[len] != ';' || is_quoted); len++)
        if (rest->data[len] == '"' && (len == 0 || rest->data[len - 1] != '\\'))
            is_quoted = !is_quoted;
    galley_str parameter = {rest->data, len};
    len += len < rest->len;
    *rest = (galley_str){rest->data + len, rest->len - len};
    return parameter;
}

static bool is_called(galley_str key, galley_str name)
{
    if (key.len != name.len)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (lower(key.data[i]) != name.data[i])
            return false;
    return true;
}

/* Each backslash before a `second` goes. */
static size_t drop_escapes(char *text, size_t len, char second)
{
    size_t kept = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\' && i + 1 < len && text[i + 1] == second)
            i++;
        text[kept++] = text[i];
    }
    return kept;
}

galley_str multipart_option(galley_str value, galley_str name, char *to)
{
    galley_str found = {0};
    next_parameter(&value);
    while (value.len > 0) {
        galley_str parameter = next_parameter(&value);
        const char *equals = memchr(parameter.data, '=', parameter.len);
        if (equals == NULL)
            equals = parameter.data + parameter.len;
        size_t key_len = (size_t)(equals - parameter.data);
        if (!is_called(trim((galley_str){parameter.data, key_len}), name))
            continue;
        key_len += key_len < parameter.len;
        found = trim((galley_str){parameter.data + key_len, parameter.len - key_len});
    }
    if (found.data == NULL)
        return found;
    bool is_quoted = found.len >= 2 && found.data[0] == '"' && found.data[found.len - 1] == '"';
    size_t len = is_quoted ? found.len - 2 : found.len;
    memcpy(to, found.data + is_quoted, len);
    if (is_quoted) {
        len = drop_escapes(to, len, '\\');
        len = drop_escapes(to, len, '"');
    }
    return (galley_str){to, len};
}

/* ---- the head of a part ---- */

static void begin_head(struct multipart *m)
{
    m->state = MULTIPART_STATE_LINE;
    m->line_count = 0;
    m->disposition.is_there = m->type.is_there = false;
    m->disposition.len = m->type.len = 0;
}

/* Which value a line has for us, now that its name is known. The last Content-Disposition counts, and the first type. */
static void begin_value(struct multipart *m)
{
    static const galley_str disposition = GALLEY_STR("content-disposition"),
                            type = GALLEY_STR("content-type");
    m->state = MULTIPART_STATE_LINE_BLANK;
    m->line = NULL;
    if (m->name_len == disposition.len &&
        memcmp(m->line_name, disposition.data, disposition.len) == 0)
        m->line = &m->disposition;
    else if (!m->type.is_there && m->name_len == type.len &&
             memcmp(m->line_name, type.data, type.len) == 0)
        m->line = &m->type;
    if (m->line != NULL) {
        m->line->is_there = true;
        m->line->len = 0;
    }
}

static int take_name_byte(struct multipart *m, char byte)
{
    if (byte == ':' && m->name_len > 0) {
        begin_value(m);
        return 0;
    }
    if (!field_is(byte, FIELD_TOKEN))
        return -EBADMSG;
    if (m->name_len < sizeof m->line_name)
        m->line_name[m->name_len] = lower(byte);
    m->name_len++;
    return 0;
}

/* What a browser of old put before the name of a file: its path. */
static galley_str drop_path(galley_str filename)
{
    bool is_path = (filename.len >= 3 && filename.data[1] == ':' && filename.data[2] == '\\') ||
                   (filename.len >= 2 && filename.data[0] == '\\' && filename.data[1] == '\\');
    for (size_t i = filename.len; is_path && i > 0; i--)
        if (filename.data[i - 1] == '\\')
            return (galley_str){filename.data + i, filename.len - i};
    return filename;
}

/* The head is whole: what does it say? */
static enum multipart_event open_part(struct multipart *m)
{
    galley_str disposition = {m->disposition.text, m->disposition.len};
    m->state = MULTIPART_STATE_OPENED;
    m->name = multipart_option(disposition, GALLEY_STR("name"), m->names);
    m->filename = m->name.data != NULL ? multipart_option(disposition, GALLEY_STR("filename"),
                                                          m->names + m->name.len)
                                       : (galley_str){0};
    m->filename = drop_path(m->filename);
    m->content_type = m->type.is_there ? (galley_str){m->type.text, m->type.len} : (galley_str){0};
    return m->name.data != NULL ? MULTIPART_PART : MULTIPART_NAMELESS;
}

/* One byte of a part's head. 0; -EBADMSG. */
static int take_head_byte(struct multipart *m, char byte)
{
    bool is_counted = byte != '\r' && m->state != MULTIPART_STATE_LINE_END;
    m->line_bytes += is_counted;
    if (m->line_bytes > MULTIPART_MAX_LINE)
        return -EBADMSG;
    switch (m->state) {
    case MULTIPART_STATE_LINE_NAME:
        return take_name_byte(m, byte);
    case MULTIPART_STATE_LINE_BLANK:
        if (byte == ' ')
            return 0;
        m->state = MULTIPART_STATE_LINE_VALUE;
        __attribute__((fallthrough));
    case MULTIPART_STATE_LINE_VALUE:
        if (byte == '\r')
            m->state = MULTIPART_STATE_LINE_END;
        else if (m->line != NULL)
            m->line->text[m->line->len++] = byte;
        return 0;
    default: /* LINE_END */
        m->state = MULTIPART_STATE_LINE;
        return byte == '\n' ? 0 : -EBADMSG;
    }
}

/* ---- data ---- */

static enum multipart_event give(struct multipart *m, const char *data, size_t len)
{
    m->data = (galley_str){data, len};
    return MULTIPART_DATA;
}

/* What seemed a delimiter, with `extra` bytes behind it, is data after all. */
static enum multipart_event give_delimiter(struct multipart *m, size_t extra)
{
    size_t len = m->matched + extra;
    m->state = MULTIPART_STATE_DATA;
    m->matched = 0;
    return give(m, m->delimiter, len);
}

/* How many bytes at the end of the input may begin a delimiter. */
static size_t tail_of(const struct multipart *m, const char *at, const char *end)
{
    size_t most = m->delimiter_len - 1;
    if ((size_t)(end - at) > most)
        at = end - most;
    for (; (at = memchr(at, '\r', (size_t)(end - at))) != NULL; at++)
        if (memcmp(at, m->delimiter, (size_t)(end - at)) == 0)
            return (size_t)(end - at);
    return 0;
}

static enum multipart_event take_data(struct multipart *m, const char **at, const char *end)
{
    const char *start = *at;
    if (m->matched == 0) {
        const char *found = memmem(start, (size_t)(end - start), m->delimiter, m->delimiter_len);
        m->matched = found != NULL ? m->delimiter_len : tail_of(m, start, end);
        const char *stop = found != NULL ? found : end - m->matched;
        *at = stop + m->matched;
        m->state = found != NULL ? MULTIPART_STATE_BOUNDARY : MULTIPART_STATE_DATA;
        return stop > start ? give(m, start, (size_t)(stop - start)) : MULTIPART_MORE;
    }
    while (*at < end && m->matched < m->delimiter_len) {
        if (**at != m->delimiter[m->matched])
            return give_delimiter(m, 0);
        m->matched++;
        (*at)++;
    }
    if (m->matched == m->delimiter_len)
        m->state = MULTIPART_STATE_BOUNDARY;
    return MULTIPART_MORE;
}

/* A byte behind a delimiter; MULTIPART_MORE: go on. */
static enum multipart_event take_boundary_byte(struct multipart *m, const char **at)
{
    char byte = **at;
    if (m->state == MULTIPART_STATE_BOUNDARY) {
        if (byte != '\r' && byte != '-' && byte != ' ' && byte != '\t')
            return give_delimiter(m, 0);
        m->delimiter[m->delimiter_len] = byte;
        (*at)++;
        m->state = byte == '\r'  ? MULTIPART_STATE_BOUNDARY_CR
                   : byte == '-' ? MULTIPART_STATE_BOUNDARY_DASH
                                 : MULTIPART_STATE_PADDING;
        return m->state == MULTIPART_STATE_PADDING ? MULTIPART_PART_END : MULTIPART_MORE;
    }
    bool is_last = m->state == MULTIPART_STATE_BOUNDARY_DASH;
    if (byte != (is_last ? '-' : '\n'))
        return give_delimiter(m, 1);
    (*at)++;
    if (is_last)
        m->state = MULTIPART_STATE_ENDED;
    else
        begin_head(m);
    return MULTIPART_PART_END;
}

static int take_padding_byte(struct multipart *m, char byte)
{
    if (m->state == MULTIPART_STATE_PADDING_CR) {
        begin_head(m);
        return byte == '\n' ? 0 : -EBADMSG;
    }
    if (byte == '\r')
        m->state = MULTIPART_STATE_PADDING_CR;
    return byte == '\r' || byte == ' ' || byte == '\t' ? 0 : -EBADMSG;
}

/* ---- before the first part ---- */

/* The first delimiter has no CR LF before it. */
static int take_first_byte(struct multipart *m, char byte)
{
    if (m->state == MULTIPART_STATE_FIRST_BOUNDARY && m->matched < m->delimiter_len)
        return byte == m->delimiter[m->matched++] ? 0 : -EBADMSG;
    if (m->state == MULTIPART_STATE_FIRST_BOUNDARY) {
        m->delimiter[m->delimiter_len] = byte;
        m->state = MULTIPART_STATE_FIRST_END;
        return byte == '\r' || byte == '-' ? 0 : -EBADMSG;
    }
    if (m->delimiter[m->delimiter_len] == '-')
        m->state = MULTIPART_STATE_ENDED;
    else
        begin_head(m);
    return byte == (m->state == MULTIPART_STATE_ENDED ? '-' : '\n') ? 0 : -EBADMSG;
}

/* Line ends before the first boundary, and what follows them up to a dash, are passed over. */
static void take_start(struct multipart *m, const char **at)
{
    char byte = **at;
    if (m->state == MULTIPART_STATE_START && (byte == '\r' || byte == '\n'))
        m->state = MULTIPART_STATE_PREAMBLE;
    if (m->state == MULTIPART_STATE_PREAMBLE && byte != '-') {
        (*at)++;
        return;
    }
    m->state = MULTIPART_STATE_FIRST_BOUNDARY;
    m->matched = 2;
}

/* The first byte of a line of the head, or of its end. */
static int take_line_start(struct multipart *m, const char **at)
{
    if (**at == '\r') {
        m->state = MULTIPART_STATE_HEAD_END;
        (*at)++;
        return 0;
    }
    m->state = MULTIPART_STATE_LINE_NAME;
    m->line_bytes = m->name_len = 0;
    return ++m->line_count > MULTIPART_MAX_LINES ? -EBADMSG : 0;
}

enum multipart_event multipart_next(struct multipart *m, const char **at, const char *end)
{
    while (*at < end) {
        enum multipart_event event = MULTIPART_MORE;
        int rc = 0;
        switch (m->state) {
        case MULTIPART_STATE_START:
        case MULTIPART_STATE_PREAMBLE:
            take_start(m, at);
            break;
        case MULTIPART_STATE_FIRST_BOUNDARY:
        case MULTIPART_STATE_FIRST_END:
            rc = take_first_byte(m, *(*at)++);
            break;
        case MULTIPART_STATE_LINE:
            rc = take_line_start(m, at);
            break;
        case MULTIPART_STATE_LINE_NAME:
        case MULTIPART_STATE_LINE_BLANK:
        case MULTIPART_STATE_LINE_VALUE:
        case MULTIPART_STATE_LINE_END:
            rc = take_head_byte(m, *(*at)++);
            break;
        case MULTIPART_STATE_HEAD_END:
            if (*(*at)++ != '\n')
                return MULTIPART_BAD;
            return open_part(m);
        case MULTIPART_STATE_OPENED:
            m->state = MULTIPART_STATE_DATA;
            m->matched = 0;
            break;
        case MULTIPART_STATE_DATA:
            event = take_data(m, at, end);
            break;
        case MULTIPART_STATE_BOUNDARY:
        case MULTIPART_STATE_BOUNDARY_CR:
        case MULTIPART_STATE_BOUNDARY_DASH:
            event = take_boundary_byte(m, at);
            break;
        case MULTIPART_STATE_PADDING:
        case MULTIPART_STATE_PADDING_CR:
            rc = take_padding_byte(m, *(*at)++);
            break;
        case MULTIPART_STATE_ENDED:
            *at = end;
            return MULTIPART_END;
        }
        if (rc < 0)
            return MULTIPART_BAD;
        if (event != MULTIPART_MORE)
            return event;
    }
    return MULTIPART_MORE;
}
