/* json_scan.c - the pieces of JSON text; see json_scan.h.
 * Does:     strings, numbers, words, values passed over with a stack of bits.
 * Does not: allocate but for a string with escapes.
 * See:      t/unit/worker/app/json_read.c, t/fuzz/json.c */
#include "worker/app/json_scan.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "worker/app/json_read.h"
#include "worker/app/number.h"
#include "worker/http/text.h"

/* Python converts no longer numeral. */
enum { MAX_DIGITS = 4300 };

void json_scan_init(struct json_scan *scan, galley_str text)
{
    *scan = (struct json_scan){.at = text.data, .end = text.data + text.len};
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        scan->at += 3;
}

/* Python takes such a text for UTF-16 or UTF-32. */
static bool is_wide_coded(galley_str text)
{
    return (text.len == 2 || text.len >= 4) && (text.data[0] == '\0' || text.data[1] == '\0');
}

int json_scan_end(struct json_scan *scan, galley_str text, int status)
{
    if (status >= 0) {
        json_scan_space(scan);
        status = scan->at != scan->end ? -EBADMSG : scan->is_lone ? -EILSEQ : 0;
    }
    if (status == -EBADMSG && (!text_is_utf8(text) || is_wide_coded(text)))
        return -EILSEQ;
    return status;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u; -1: they are none. */
static int hex_unit(const char *at, const char *end)
{
    int unit = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static char escaped(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return '\0';
    }
}

/* The length of the escape at the backslash `at`; 0: it is none. */
static size_t escape_length(struct json_scan *scan, const char *at)
{
    if (scan->end - at < 2)
        return 0;
    if (at[1] != 'u')
        return escaped(at[1]) != '\0' ? 2 : 0;
    int unit = hex_unit(at + 2, scan->end);
    if (unit < 0)
        return 0;
    if (unit < 0xd800 || unit > 0xdfff)
        return 6;
    if (unit < 0xdc00 && scan->end - at >= 12 && at[6] == '\\' && at[7] == 'u') {
        int low = hex_unit(at + 8, scan->end);
        if (low >= 0xdc00 && low <= 0xdfff)
            return 12;
    }
    scan->is_lone = true;
    return 6;
}

char *json_scan_put(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *to++ = (char)(0xe0 | code >> 12);
        } else {
            *to++ = (char)(0xf0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (code & 0x3f));
    return to;
}

size_t json_scan_escape(const char *at, const char *end, unsigned *code)
{
    if (at[1] != 'u') {
        *code = (unsigned char)escaped(at[1]);
        return 2;
    }
    *code = (unsigned)hex_unit(at + 2, end);
    if (*code < 0xd800 || *code > 0xdfff)
        return 6;
    unsigned high = *code;
    *code = 0xfffd;
    if (high > 0xdbff || end - at < 12 || at[6] != '\\' || at[7] != 'u')
        return 6;
    int low = hex_unit(at + 8, end);
    if (low < 0xdc00 || low > 0xdfff)
        return 6;
    *code = 0x10000 + ((high - 0xd800) << 10) + ((unsigned)low - 0xdc00);
    return 12;
}

size_t json_scan_piece(const char **at, const char *end, char *piece)
{
    if (**at != '\\') {
        *piece = *(*at)++;
        return 1;
    }
    unsigned code;
    *at += json_scan_escape(*at, end, &code);
    return (size_t)(json_scan_put(piece, code) - piece);
}

bool json_scan_is(galley_str written, galley_str text)
{
    const char *at = written.data, *end = at + written.len;
    if (memchr(at, '\\', written.len) == NULL)
        return written.len == text.len && memcmp(at, text.data, text.len) == 0;
    size_t matched = 0;
    while (at < end) {
        char piece[4];
        size_t len = json_scan_piece(&at, end, piece);
        if (len > text.len - matched || memcmp(text.data + matched, piece, len) != 0)
            return false;
        matched += len;
    }
    return matched == text.len;
}

/* Decode what was checked. */
static char *decode(char *to, const char *at, const char *end)
{
    while (at < end) {
        const char *next = memchr(at, '\\', (size_t)(end - at));
        size_t len = (size_t)((next ? next : end) - at);
        memcpy(to, at, len);
        to += len;
        at += len;
        if (at < end) {
            unsigned code;
            at += json_scan_escape(at, end, &code);
            to = json_scan_put(to, code);
        }
    }
    return to;
}

int json_scan_string_rest(struct json_scan *scan, const char *at, struct arena *arena,
                          galley_str *text)
{
    const char *start = scan->at + 1, *end = scan->end;
    bool has_escape = false;
    for (; at < end && *at != '"'; at = json_scan_plain(at, end)) {
        size_t len = 0, skip;
        if ((unsigned char)*at >= 0x80) {
            len = text_sequence(at, end, &skip);
            if (len == 0)
                return -EILSEQ;
        } else if (*at == '\\') {
            len = escape_length(scan, at);
            has_escape = true;
        }
        if (len == 0)
            return -EBADMSG;
        at += len;
    }
    if (at >= end)
        return -EBADMSG;
    *text = (galley_str){start, (size_t)(at - start)};
    scan->at = at + 1;
    if (!has_escape || arena == NULL)
        return 0;
    char *copy = arena_alloc(arena, text->len);
    if (copy == NULL)
        return -ENOMEM;
    text->len = (size_t)(decode(copy, start, at) - copy);
    text->data = copy;
    return 0;
}

int json_scan_key(struct json_scan *scan, struct arena *arena, galley_str *key)
{
    json_scan_space(scan);
    if (scan->at == scan->end || *scan->at != '"')
        return -EBADMSG;
    int status = json_scan_string(scan, arena, key);
    if (status < 0)
        return status;
    json_scan_space(scan);
    if (scan->at == scan->end || *scan->at != ':')
        return -EBADMSG;
    scan->at++;
    return 0;
}

/* ---- numbers ---- */

enum { EXACT_DIGITS = 19 }; /* that 64 bits always hold */

/* A numeral as it is read: all its digits as one number, and the power of ten that it is to be multiplied with. */
struct numeral {
    const char *start;
    bool is_negative;
    uint64_t digits;
    int digit_count; /* without leading zeros; beyond EXACT_DIGITS `digits` is useless */
    int power;
};

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static int finish_float(struct json_scan *scan, const struct numeral *numeral, struct token *token)
{
    token->kind = TOKEN_FLOAT;
    if (numeral->digit_count == 0) {
        token->number = numeral->is_negative ? -0.0 : 0.0;
        return 0;
    }
    if (numeral->digit_count <= EXACT_DIGITS &&
        number_from_digits(numeral->digits, numeral->power, &token->number)) {
        if (numeral->is_negative)
            token->number = -token->number;
        return 0;
    }
    galley_str text = {numeral->start, (size_t)(scan->at - numeral->start)};
    return number_parse_float(text, &token->number);
}

/* [eE] [+-] digits */
static int scan_exponent(struct json_scan *scan, struct numeral *numeral)
{
    const char *at = scan->at + 1, *end = scan->end;
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    const char *start = at;
    int power = 0;
    for (; at < end && is_digit(*at); at++) {
        if (power < 100000)
            power = power * 10 + (*at - '0');
    }
    scan->at = at;
    if (at == start)
        return -EBADMSG;
    numeral->power = numeral->power > -100000 ? numeral->power : -100000;
    numeral->power += is_negative ? -power : power;
    return 0;
}

static int scan_float(struct json_scan *scan, struct numeral *numeral, struct token *token)
{
    const char *at = scan->at, *end = scan->end;
    if (*at == '.') {
        const char *start = ++at;
        uint64_t digits = numeral->digits;
        if (digits == 0)
            while (at < end && *at == '0')
                at++;
        const char *counted = at;
        for (; at < end && is_digit(*at); at++)
            digits = digits * 10 + (uint64_t)(*at - '0');
        if (at == start)
            return -EBADMSG;
        numeral->digits = digits;
        numeral->digit_count = at - counted > 20 ? 20 : numeral->digit_count + (int)(at - counted);
        numeral->power = at - start > 100000 ? -100000 : -(int)(at - start);
        scan->at = at;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        int status = scan_exponent(scan, numeral);
        if (status < 0)
            return status;
    }
    return finish_float(scan, numeral, token);
}

/* A whole number of 19 digits or more. */
static int scan_big(struct json_scan *scan, const char *start, bool is_negative,
                    struct token *token)
{
    galley_str text = {start, (size_t)(scan->at - start)};
    if (text.len - is_negative > MAX_DIGITS)
        return -EILSEQ;
    if (number_parse_int(text, &token->whole) == 0) {
        token->kind = TOKEN_INT;
        return 0;
    }
    token->kind = TOKEN_BIG;
    token->text = text;
    return 0;
}

static int scan_word(struct json_scan *scan, const char *word, size_t len)
{
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
        return -EBADMSG;
    scan->at += len;
    return 0;
}

/* A number; the cursor is at its sign or first digit. */
static int scan_number(struct json_scan *scan, struct token *token)
{
    const char *start = scan->at, *at = start, *end = scan->end;
    bool is_negative = *at == '-';
    at += is_negative;
    const char *digits = at;
    uint64_t value = 0;
    if (at < end && *at == '0') {
        at++;
    } else {
        for (; at < end && is_digit(*at); at++)
            value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at == digits) {
        *token = (struct token){.kind = TOKEN_FLOAT, .number = -INFINITY};
        return is_negative ? scan_word(scan, "-Infinity", 9) : -EBADMSG;
    }
    scan->at = at;
    size_t count = (size_t)(at - digits);
    if (at < end && (*at == '.' || *at == 'e' || *at == 'E')) {
        struct numeral numeral = {start, is_negative, value, 0, 0};
        numeral.digit_count = *digits == '0' ? 0 : count > 20 ? 20 : (int)count;
        return scan_float(scan, &numeral, token);
    }
    if (count > 18)
        return scan_big(scan, start, is_negative, token);
    token->kind = TOKEN_INT;
    token->whole = is_negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

static const char *pass_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at))
        at++;
    return at;
}

int json_scan_numeral(struct json_scan *scan)
{
    const char *start = scan->at, *at = start, *end = scan->end;
    at += *at == '-';
    const char *digits = at;
    at = at < end && *at == '0' ? at + 1 : pass_digits(at, end);
    if (at == digits)
        return at > start ? scan_word(scan, "-Infinity", 9) : -EBADMSG;
    bool is_whole = true;
    size_t count = (size_t)(at - digits);
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = pass_digits(fraction, end);
        if (at == fraction)
            return -EBADMSG;
        is_whole = false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        const char *power = at + 1;
        power += power < end && (*power == '-' || *power == '+');
        at = pass_digits(power, end);
        if (at == power)
            return -EBADMSG;
        is_whole = false;
    }
    scan->at = at;
    return is_whole && count > MAX_DIGITS ? -EILSEQ : 0;
}

/* ---- values ---- */

int json_scan_token(struct json_scan *scan, unsigned depth, struct arena *arena,
                    struct token *token)
{
    if (scan->at == scan->end)
        return -EBADMSG;
    switch (*scan->at) {
    case '"':
        token->kind = TOKEN_STRING;
        return json_scan_string(scan, arena, &token->text);
    case '{':
    case '[':
        token->kind = *scan->at == '{' ? TOKEN_OBJECT : TOKEN_LIST;
        return json_scan_skip(scan, depth);
    case 't':
        *token = (struct token){.kind = TOKEN_BOOL, .boolean = true};
        return scan_word(scan, "true", 4);
    case 'f':
        *token = (struct token){.kind = TOKEN_BOOL, .boolean = false};
        return scan_word(scan, "false", 5);
    case 'n':
        token->kind = TOKEN_NULL;
        return scan_word(scan, "null", 4);
    case 'N':
        *token = (struct token){.kind = TOKEN_FLOAT, .number = (double)NAN};
        return scan_word(scan, "NaN", 3);
    case 'I':
        *token = (struct token){.kind = TOKEN_FLOAT, .number = (double)INFINITY};
        return scan_word(scan, "Infinity", 8);
    default:
        return scan_number(scan, token);
    }
}
