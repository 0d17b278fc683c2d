/* number.c - numbers from and to text; see number.h.
 * Does:     short decimals exactly by arithmetic on 2^53, most others on 2^64; the rest by libc's correctly rounded
 *           conversions.
 * Does not: use much stack on the common paths; the rare ones (noinline) take libc's 3 KiB.
 * See:      t/unit/worker/app/number.c (what Pydantic 2.14 answered, row by row) */
#include "worker/app/number.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/http/text.h"

/* Decimals of up to 15 digits keep apart every double they name. */
#define EXACT_DIGITS_LIMIT UINT64_C(1000000000000000)
/* A mantissa below this has room for one digit more. */
#define MANTISSA_LIMIT UINT64_C(1000000000000000000)

static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { EXACT_POWERS = sizeof powers_of_ten / sizeof powers_of_ten[0] };

/* A positive number: 0.digits times ten to the power of `point`. */
struct decimal {
    char digits[20];
    int count, point;
};

/* ---- whole numbers ---- */

static char *write_digits(char *end, uint64_t value)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return end;
}

size_t number_write_int(char *to, int64_t value)
{
    if ((uint64_t)value < 10) {
        *to = (char)('0' + value);
        return 1;
    }
    char digits[20], *end = digits + sizeof digits;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *start = write_digits(end, magnitude);
    char *next = to;
    if (value < 0)
        *next++ = '-';
    memcpy(next, start, (size_t)(end - start));
    return (size_t)(next - to) + (size_t)(end - start);
}

/* Behind the zeros that lead a number, where underscores count for nothing; at the last zero if nothing else follows. */
static const char *skip_leading_zeros(const char *at, const char *end)
{
    if (at == end || *at != '0')
        return at;
    while (at < end && (*at == '0' || *at == '_'))
        at++;
    return at == end || *at == '.' ? at - 1 : at;
}

bool number_begins_too_long(galley_str text)
{
    enum { MAX_DIGITS = 4300 };
    text = text_trim(text);
    if (text.len <= MAX_DIGITS)
        return false;
    const char *at = text.data, *end = at + text.len;
    if (*at == '-')
        at++;
    const char *first = at;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at - first > MAX_DIGITS && *first != '0';
}

/* [sign] digits with single underscores between them [. zeros] */
static int parse_int_lax(galley_str text, int64_t *value)
{
    text = text_trim(text);
    if (number_begins_too_long(text))
        return -ERANGE;
    const char *at = text.data, *end = at + text.len;
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    at = skip_leading_zeros(at, end);
    uint64_t limit = (uint64_t)INT64_MAX + (is_negative ? 1 : 0), magnitude = 0;
    bool is_beyond = false, is_digit = false;
    for (; at < end; at++) {
        if (*at == '_' && is_digit) {
            is_digit = false;
            continue;
        }
        if (*at < '0' || *at > '9')
            break;
        is_digit = true;
        unsigned digit = (unsigned)(*at - '0');
        if (magnitude > (limit - digit) / 10)
            is_beyond = true;
        else
            magnitude = magnitude * 10 + digit;
    }
    if (!is_digit)
        return -EINVAL;
    if (at < end) {
        if (*at++ != '.' || at == end)
            return -EINVAL;
        for (; at < end; at++)
            if (*at != '0')
                return -EINVAL;
    }
    if (is_beyond)
        return -ERANGE;
    *value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

int number_parse_int(galley_str text, int64_t *value)
{
    if (text.len == 0 || text.len > 18)
        return parse_int_lax(text, value);
    int64_t sum = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
        if (digit > 9)
            return parse_int_lax(text, value);
        sum = sum * 10 + digit;
    }
    *value = sum;
    return 0;
}

galley_str number_plain(galley_str text, char *to)
{
    text = text_trim(text);
    const char *at = text.data, *end = at + text.len;
    char *next = to;
    if (at < end && *at == '-')
        *next++ = '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    for (at = skip_leading_zeros(at, end); at < end && *at != '.'; at++)
        if (*at != '_')
            *next++ = *at;
    return (galley_str){to, (size_t)(next - to)};
}

/* ---- floats from text ---- */

static bool is_word(const char *text, size_t len, const char *lower)
{
    return strlen(lower) == len && strncasecmp(text, lower, len) == 0;
}

/* What a numeral is worth, as far as it can be told without long arithmetic. */
enum numeral { NUMERAL_BAD, NUMERAL_EXACT, NUMERAL_LONG };

#if LDBL_MANT_DIG == 64 && !defined(GALLEY_VALGRIND) /* which computes with 53 bits */
static const long double long_powers[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,
                                          1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
                                          1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L,
                                          1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
enum { LONG_POWERS = sizeof long_powers / sizeof long_powers[0] };

/* Rounded once, to 64 bits. */
static long double scale(long double number, int power)
{
    return power < 0 ? number / long_powers[-power] : number * long_powers[power];
}

/* mantissa * 10^power in 64 bits, which is right to 53 unless what is cut off lies near one half. */
static bool round_twice(uint64_t mantissa, int power, double *value)
{
    enum { CUT = 0x7ff, HALF = 0x400 };
    if (power <= -LONG_POWERS || power >= LONG_POWERS || mantissa == 0)
        return false;
    long double number = scale((long double)mantissa, power);
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    int cut = (int)(bits & CUT);
    if (cut >= HALF - 1 && cut <= HALF + 1)
        return false;
    *value = (double)number;
    return true;
}

#else
static bool round_twice(uint64_t mantissa, int power, double *value)
{
    (void)mantissa;
    (void)power;
    (void)value;
    return false;
}
#endif

bool number_from_digits(uint64_t digits, int power, double *value)
{
    if (digits > UINT64_C(1) << 53 || power <= -EXACT_POWERS || power >= EXACT_POWERS)
        return round_twice(digits, power, value);
    double exact = (double)digits; /* both factors are exact, so one rounding is the right one */
    *value = power < 0 ? exact / powers_of_ten[-power] : exact * powers_of_ten[power];
    return true;
}

/* e-12, from behind the e to the end. */
static bool parse_exponent(const char *at, const char *end, int *power)
{
    bool is_small = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    int exponent = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        if (exponent < 100000)
            exponent = exponent * 10 + (*at - '0');
    *power += is_small ? -exponent : exponent;
    return at == end;
}

static enum numeral parse_special(const char *at, size_t len, double *value)
{
    if (!is_word(at, len, "inf") && !is_word(at, len, "infinity") && !is_word(at, len, "nan"))
        return NUMERAL_BAD;
    *value = (*at | 32) == 'n' ? (double)NAN : (double)INFINITY;
    return NUMERAL_EXACT;
}

/* A numeral without underscores and blanks. */
static enum numeral parse_numeral(const char *at, const char *end, double *value)
{
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    const char *start = at, *point = NULL;
    uint64_t mantissa = 0;
    int power = 0, digit_count = 0;
    bool is_cut = false;
    for (; at < end; at++) {
        unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit > 9) {
            if (*at != '.' || point != NULL)
                break;
            point = at;
            continue;
        }
        digit_count++;
        if (mantissa >= MANTISSA_LIMIT)
            is_cut = true;
        else
            mantissa = mantissa * 10 + digit;
        power -= point != NULL;
    }
    enum numeral kind = NUMERAL_BAD;
    if (digit_count == 0)
        kind = point == NULL ? parse_special(start, (size_t)(end - start), value) : NUMERAL_BAD;
    else if (at == end || ((*at | 32) == 'e' && parse_exponent(at + 1, end, &power)))
        kind = !is_cut && number_from_digits(mantissa, power, value) ? NUMERAL_EXACT : NUMERAL_LONG;
    if (kind == NUMERAL_EXACT && is_negative)
        *value = -*value;
    return kind;
}

/* `text` without its underscores, each of which stands alone and within; NULL if they do not. */
static char *without_underscores(galley_str text, char *copy, size_t *copy_len)
{
    size_t len = 0;
    if (text.len == 0 || text.data[0] == '_' || text.data[text.len - 1] == '_')
        return NULL;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '_')
            copy[len++] = text.data[i];
        else if (text.data[i + 1] == '_')
            return NULL;
    }
    copy[len] = '\0';
    *copy_len = len;
    return copy;
}

/* What is rare: underscores, many digits, large exponents. */
__attribute__((noinline, cold)) static int parse_float_slowly(galley_str text, double *value)
{
    static locale_t c_locale;
    char local[128], *copy = local;
    size_t len;
    if (text.len >= sizeof local && (copy = malloc(text.len + 1)) == NULL)
        return -ENOMEM;
    enum numeral kind = NUMERAL_BAD;
    if (without_underscores(text, copy, &len) != NULL)
        kind = parse_numeral(copy, copy + len, value);
    if (kind == NUMERAL_LONG) {
        if (c_locale == NULL)
            c_locale =
                newlocale(LC_ALL_MASK, "C", NULL); /* glibc's own; the same for all threads */
        *value = strtod_l(copy, NULL, c_locale);
    }
    if (copy != local)
        free(copy);
    return kind == NUMERAL_BAD ? -EINVAL : 0;
}

/* As Pydantic has it: blanks around it, or underscores in it, but not both. */
int number_parse_float(galley_str text, double *value)
{
    enum numeral kind = parse_numeral(text.data, text.data + text.len, value);
    if (kind == NUMERAL_EXACT)
        return 0;
    galley_str trimmed = text_trim(text);
    if (kind == NUMERAL_BAD && trimmed.len != text.len) {
        kind = parse_numeral(trimmed.data, trimmed.data + trimmed.len, value);
        if (kind != NUMERAL_LONG)
            return kind == NUMERAL_EXACT ? 0 : -EINVAL;
    }
    return parse_float_slowly(trimmed, value);
}

/* ---- floats to text ---- */

static void take_integer(struct decimal *decimal, uint64_t value, int scale)
{
    char *end = decimal->digits + sizeof decimal->digits;
    char *start = write_digits(end, value);
    int count = (int)(end - start);
    memmove(decimal->digits, start, (size_t)count);
    decimal->point = count - scale;
    while (count > 1 && decimal->digits[count - 1] == '0')
        count--;
    decimal->count = count;
}

#if LDBL_MANT_DIG == 64 && !defined(GALLEY_VALGRIND)
/* The whole number nearest to value * 10^power, if that is plain and reads back as the value: 1; 0 if it reads back as
 * another; -1 if 64 bits do not tell. */
static int try_scale(double value, int power, uint64_t *nearest)
{
    long double scaled = scale(value, power);
    uint64_t whole = (uint64_t)scaled;
    long double rest = scaled - (long double)whole;
    if (rest > 0.5L - 0x1p-6L && rest < 0.5L + 0x1p-6L)
        return -1;
    double back;
    *nearest = whole + (rest > 0.5L);
    if (!number_from_digits(*nearest, -power, &back))
        return -1;
    return back == value;
}

/* Fifteen digits to seventeen, which are always enough. Not of powers of two: around any other float lie the
 * numerals that are read as it evenly, so that the nearest of as many digits is among them if any is. */
static bool shortest_by_scaling(double value, struct decimal *decimal)
{
    int binary;
    uint64_t whole;
    if (value < 1e-10 || value >= 1e40 || frexp(value, &binary) == 0.5)
        return false;
    int power = 14 - (int)floor((binary - 1) * 0.30102999566398120), answer = 0;
    power -= scale(value, power) >= 1e15L;
    for (int digits = 15; digits <= 17 && answer == 0; digits++)
        answer = try_scale(value, power++, &whole);
    if (answer != 1)
        return false;
    take_integer(decimal, whole, power - 1);
    return true;
}
#else
static bool shortest_by_scaling(double value, struct decimal *decimal)
{
    (void)value;
    (void)decimal;
    return false;
}
#endif

static bool print_digits(double value, int precision, bool is_next, struct decimal *decimal)
{
    char text[40], back[48];
    int len = snprintf(text, sizeof text, "%.*e", precision - 1, value);
    int exponent = 0, count = 0;
    for (int i = 0; i < len; i++) {
        if (text[i] == 'e') {
            exponent = (int)strtol(text + i + 1, NULL, 10);
            break;
        }
        if (text[i] >= '0' && text[i] <= '9')
            decimal->digits[count++] = text[i];
    }
    if (is_next) { /* the next larger decimal of as many digits */
        int last = count - 1;
        while (last > 0 && decimal->digits[last] == '9')
            decimal->digits[last--] = '0';
        if (decimal->digits[last] == '9')
            return false;
        decimal->digits[last]++;
    }
    decimal->count = count;
    decimal->point = exponent + 1;
    snprintf(back, sizeof back, "%.*se%d", count, decimal->digits, exponent + 1 - count);
    while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0')
        decimal->count--;
    double same;
    return number_parse_float((galley_str){back, strlen(back)}, &same) == 0 && same == value;
}

/* Fifteen digits name every short decimal; sixteen and seventeen the rest. A power of two lies nearer to its lower
 * neighbour, so the nearest decimal of sixteen digits may miss it where the next one does not. */
__attribute__((noinline)) static void shortest_by_libc(double value, struct decimal *decimal)
{
    int precision = value < 2.2250738585072014e-308 ? 1 : 15;
    for (; precision < 17; precision++)
        if (print_digits(value, precision, false, decimal) ||
            print_digits(value, precision, true, decimal))
            return;
    print_digits(value, 17, false, decimal);
}

static void shortest(double value, struct decimal *decimal)
{
    if (value < 9007199254740992.0 && value == (double)(uint64_t)value) {
        take_integer(decimal, (uint64_t)value, 0);
        return;
    }
    if (value >= 1e-5 && value < 1e15) {
        for (int scale = 1; scale < EXACT_POWERS; scale++) {
            double scaled = value * powers_of_ten[scale] + 0.5;
            if (scaled >= (double)EXACT_DIGITS_LIMIT)
                break;
            uint64_t rounded = (uint64_t)scaled;
            if ((double)rounded / powers_of_ten[scale] == value) {
                take_integer(decimal, rounded, scale);
                return;
            }
        }
    }
    if (!shortest_by_scaling(value, decimal))
        shortest_by_libc(value, decimal);
}

static size_t write_plain(char *to, const struct decimal *decimal, bool is_whole_marked)
{
    char *next = to;
    int count = decimal->count, point = decimal->point;
    if (point <= 0) {
        *next++ = '0';
        *next++ = '.';
        memset(next, '0', (size_t)-point);
        next += -point;
        memcpy(next, decimal->digits, (size_t)count);
        return (size_t)(next - to) + (size_t)count;
    }
    int whole = count < point ? count : point;
    memcpy(next, decimal->digits, (size_t)whole);
    memset(next + whole, '0', (size_t)(point - whole));
    next += point;
    if (count > point) {
        *next++ = '.';
        memcpy(next, decimal->digits + point, (size_t)(count - point));
        next += count - point;
    } else if (is_whole_marked) {
        *next++ = '.';
        *next++ = '0';
    }
    return (size_t)(next - to);
}

static size_t write_exponent(char *to, const struct decimal *decimal, bool is_two_digits)
{
    char *next = to;
    *next++ = decimal->digits[0];
    if (decimal->count > 1) {
        *next++ = '.';
        memcpy(next, decimal->digits + 1, (size_t)decimal->count - 1);
        next += decimal->count - 1;
    }
    int exponent = decimal->point - 1;
    *next++ = 'e';
    *next++ = exponent < 0 ? '-' : '+';
    if (exponent < 0)
        exponent = -exponent;
    if (is_two_digits && exponent < 10)
        *next++ = '0';
    return (size_t)(next - to) + number_write_int(next, exponent);
}

size_t number_write_float(char *to, double value, enum float_form form)
{
    char *next = to;
    if (signbit(value) && !(value == 0 && form == FLOAT_PLAIN))
        *next++ = '-';
    struct decimal decimal = {.digits = "0", .count = 1, .point = 1};
    if (value != 0)
        shortest(fabs(value), &decimal);
    int least = form == FLOAT_MODEL ? -4 : -3; /* 1e-5 and 1e-4 are written out */
    bool is_plain = form == FLOAT_PLAIN || (decimal.point >= least && decimal.point <= 16);
    next += is_plain ? write_plain(next, &decimal, form != FLOAT_PLAIN)
                     : write_exponent(next, &decimal, form == FLOAT_PYTHON);
    return (size_t)(next - to);
}
