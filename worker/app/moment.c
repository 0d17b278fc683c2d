/* moment.c - dates and times from and to text and numbers; see moment.h.
 * Does:     one pass over the bytes with a place that is remembered; what fails says so in speedate's words.
 * Does not: accept a year beyond 9999. The year 0 is read, as the reference reads it, and then refused by scalar.c.
 * See:      RFC 3339, t/unit/worker/app/scalar.def */
#include "worker/app/moment.h"

#include <math.h>
#include <string.h>

#include "worker/app/number.h"

/* Numbers further from 0 than this are milliseconds. */
#define WATERSHED INT64_C(20000000000)
#define YEAR_0    INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define YEAR_1    INT64_C(-62135596800)
#define YEAR_9999 INT64_C(253402300799) /* its last second */

enum { DAY_SECONDS = 86400, DATE_BYTES = 10, CLOCK_LEAST_BYTES = 5, DAY_MINUTES = 1440 };

static const char too_short[] = "input is too short",
                  extra[] = "unexpected extra characters at the end of the input",
                  too_early[] = "dates before 0000 are not supported as unix timestamps",
                  too_late[] = "dates after 9999 are not supported as unix timestamps",
                  not_a_number[] = "NaN values not permitted",
                  clock_too_large[] = "numeric times may not exceed 86,399 seconds",
                  clock_negative[] = "time in seconds should be positive";

/* ---- the calendar ---- */

/* Days since 1970-01-01, years counted from March. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468; /* since 0000-03-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int month_from_march = (int)((5 * of_year + 2) / 153);
    *day = (int)(of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *year = years + era * 400 + (*month <= 2);
}

static int days_in(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

/* ---- from text ---- */

/* The byte at `i`, or -1 behind the end. */
static int byte_at(galley_str text, size_t i)
{
    return i < text.len ? (unsigned char)text.data[i] : -1;
}

/* The number of two digits at `i`; -1 if there is none. */
static int two_digits(galley_str text, size_t i)
{
    int tens = byte_at(text, i) - '0', ones = byte_at(text, i + 1) - '0';
    return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
}

/* YYYY-MM-DD at the start; what follows is not looked at. */
static const char *parse_day(galley_str text, galley_date *date)
{
    if (text.len < DATE_BYTES)
        return too_short;
    int century = two_digits(text, 0), years = two_digits(text, 2);
    if (century < 0 || years < 0)
        return "invalid character in year";
    if (text.data[4] != '-')
        return "invalid date separator, expected `-`";
    int month = two_digits(text, 5);
    if (month < 0)
        return "invalid character in month";
    if (text.data[7] != '-')
        return "invalid date separator, expected `-`";
    int day = two_digits(text, 8), year = century * 100 + years;
    if (day < 0)
        return "invalid character in day";
    if (month < 1 || month > 12)
        return "month value is outside expected range of 1-12";
    if (day < 1 || day > days_in(year, month))
        return "day value is outside expected range";
    *date = (galley_date){.year = (int16_t)year, .month = (uint8_t)month, .day = (uint8_t)day};
    return NULL;
}

/* `.5` at *at and any number of digits, of which six count. */
static const char *parse_fraction(galley_str text, size_t *at, int32_t *micros)
{
    int byte = byte_at(text, *at);
    if (byte != '.' && byte != ',')
        return NULL;
    size_t start = ++*at;
    int32_t scale = 100000;
    for (; (byte = byte_at(text, *at)) >= '0' && byte <= '9'; ++*at, scale /= 10)
        *micros += (byte - '0') * scale;
    return *at == start ? "second fraction digits missing after `.`" : NULL;
}

/* Z, +HH:MM or +HHMM at `at`, up to the end; the sign may be U+2212. */
static const char *parse_offset(galley_str text, size_t at, int16_t *offset_minutes)
{
    static const char minus[] = "\xE2\x88\x92";
    int byte = byte_at(text, at);
    *offset_minutes = 0;
    if (byte == 'Z' || byte == 'z')
        return at + 1 < text.len ? extra : NULL;
    bool is_wide_minus = text.len - at >= 3 && memcmp(text.data + at, minus, 3) == 0;
    if (byte != '+' && byte != '-' && !is_wide_minus)
        return "invalid timezone sign";
    at += is_wide_minus ? 3 : 1;
    int hours = two_digits(text, at);
    if (hours < 0)
        return "invalid timezone hour";
    at += byte_at(text, at + 2) == ':' ? 3 : 2;
    int minutes = two_digits(text, at);
    if (minutes < 0)
        return "invalid timezone minute";
    if (minutes > 59)
        return "timezone minute value is outside expected range of 0-59";
    if (hours > 23)
        return "timezone offset must be less than 24 hours";
    *offset_minutes = (int16_t)(byte == '+' ? hours * 60 + minutes : -hours * 60 - minutes);
    return at + 2 < text.len ? extra : NULL;
}

/* HH:MM[:SS[.FFFFFF]][offset] from `at` to the end. */
static const char *parse_clock_at(galley_str text, size_t at, galley_clock *clock)
{
    if (text.len < at + CLOCK_LEAST_BYTES)
        return too_short;
    int hour = two_digits(text, at), minute = two_digits(text, at + 3), second = 0;
    if (hour < 0)
        return "invalid character in hour";
    if (text.data[at + 2] != ':')
        return "invalid time separator, expected `:`";
    if (minute < 0)
        return "invalid character in minute";
    if (hour > 23)
        return "hour value is outside expected range of 0-23";
    if (minute > 59)
        return "minute value is outside expected range of 0-59";
    *clock = (galley_clock){.hour = (uint8_t)hour, .minute = (uint8_t)minute};
    at += CLOCK_LEAST_BYTES;
    if (byte_at(text, at) == ':') {
        second = two_digits(text, at + 1);
        if (second < 0)
            return "invalid character in second";
        if (second > 59)
            return "second value is outside expected range of 0-59";
        clock->second = (uint8_t)second;
        at += 3;
        const char *fault = parse_fraction(text, &at, &clock->micros);
        if (fault != NULL)
            return fault;
    }
    clock->has_offset = at < text.len;
    return clock->has_offset ? parse_offset(text, at, &clock->offset_minutes) : NULL;
}

static const char *parse_rfc3339(galley_str text, galley_time *time)
{
    galley_date date;
    galley_clock clock;
    const char *fault = parse_day(text, &date);
    if (fault != NULL)
        return fault;
    int separator = byte_at(text, DATE_BYTES);
    if (separator != 'T' && separator != 't' && separator != ' ' && separator != '_')
        return "invalid datetime separator, expected `T`, `t`, `_` or space";
    fault = parse_clock_at(text, DATE_BYTES + 1, &clock);
    if (fault != NULL)
        return fault;
    int64_t seconds = days_of(date.year, date.month, date.day) * DAY_SECONDS + clock.hour * 3600 +
                      clock.minute * 60 + clock.second;
    *time = (galley_time){.seconds = seconds - clock.offset_minutes * 60,
                          .nanos = clock.micros * 1000,
                          .offset_minutes = clock.offset_minutes,
                          .has_offset = clock.has_offset};
    return NULL;
}

/* ---- from numbers ---- */

static const char *set_moment(int64_t seconds, int64_t micros, galley_time *time)
{
    seconds += micros / 1000000;
    if (seconds < YEAR_0)
        return too_early;
    if (seconds > YEAR_9999)
        return too_late;
    *time = (galley_time){
        .seconds = seconds, .nanos = (int32_t)(micros % 1000000) * 1000, .has_offset = true};
    return NULL;
}

const char *moment_from_seconds(int64_t seconds, galley_time *time)
{
    if (seconds >= -WATERSHED && seconds <= WATERSHED)
        return set_moment(seconds, 0, time);
    int64_t rest = seconds % 1000;
    seconds = seconds / 1000 - (rest < 0);
    return set_moment(seconds, (rest < 0 ? rest + 1000 : rest) * 1000, time);
}

const char *moment_from_number(double seconds, galley_time *time)
{
    if (isnan(seconds))
        return not_a_number;
    bool is_millis = fabs(seconds) > (double)WATERSHED;
    double whole = floor(seconds);
    if (whole < (double)YEAR_0 * (is_millis ? 1000 : 1))
        return too_early;
    if (whole >= (double)(YEAR_9999 + 1) * (is_millis ? 1000 : 1))
        return too_late;
    int64_t rest = is_millis ? (int64_t)whole % 1000 : 0;
    rest += rest < 0 ? 1000 : 0;
    double micros = round((seconds - whole) * (is_millis ? 1e3 : 1e6));
    return set_moment(((int64_t)whole - rest) / (is_millis ? 1000 : 1),
                      rest * 1000 + (int64_t)micros, time);
}

static const char *set_clock(int64_t seconds, int32_t micros, galley_clock *clock)
{
    seconds += micros / 1000000;
    if (seconds >= DAY_SECONDS)
        return clock_too_large;
    *clock = (galley_clock){.hour = (uint8_t)(seconds / 3600),
                            .minute = (uint8_t)(seconds / 60 % 60),
                            .second = (uint8_t)(seconds % 60),
                            .micros = micros % 1000000,
                            .has_offset = true};
    return NULL;
}

const char *moment_clock_from_seconds(int64_t seconds, galley_clock *clock)
{
    return seconds < 0 ? clock_negative : set_clock(seconds, 0, clock);
}

const char *moment_clock_from_number(double seconds, galley_clock *clock)
{
    if (isnan(seconds))
        return not_a_number;
    if (seconds < 0)
        return clock_negative;
    if (seconds >= DAY_SECONDS)
        return clock_too_large;
    double whole = floor(seconds);
    return set_clock((int64_t)whole, (int32_t)round((seconds - whole) * 1e6), clock);
}

/* ---- numbers as text ---- */

static bool is_whole_numeral(galley_str text, int64_t *value)
{
    bool is_negative = text.len > 0 && text.data[0] == '-';
    size_t i = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    if (i == text.len)
        return false;
    int64_t sum = 0;
    for (; i < text.len; i++) {
        int digit = byte_at(text, i) - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, is_negative ? -digit : digit, &sum))
            return false;
    }
    *value = sum;
    return true;
}

static bool is_pointed_numeral(galley_str text, double *value)
{
    if (text.len == 0 || memchr(text.data, '.', text.len) == NULL)
        return false;
    for (size_t i = 0; i < text.len; i++) /* no blanks, no underscores, no words */
        if (strchr("0123456789.+-eE", text.data[i]) == NULL || text.data[i] == '\0')
            return false;
    return number_parse_float(text, value) == 0;
}

/* What a text that is no RFC 3339 is as a number; `fault` unless it is one. */
static const char *parse_number(galley_str text, const char *fault, galley_time *time)
{
    int64_t whole;
    double number;
    if (is_whole_numeral(text, &whole))
        return moment_from_seconds(whole, time);
    return is_pointed_numeral(text, &number) ? moment_from_number(number, time) : fault;
}

const char *moment_parse_datetime(galley_str text, galley_time *time)
{
    const char *fault = parse_rfc3339(text, time);
    return fault == NULL ? NULL : parse_number(text, fault, time);
}

const char *moment_parse_clock(galley_str text, galley_clock *clock)
{
    return parse_clock_at(text, 0, clock);
}

/* ---- one from another ---- */

/* Seconds where it was written; false if there are none. */
static bool local_seconds(const galley_time *time, int64_t *local)
{
    return !__builtin_add_overflow(time->seconds, (int64_t)time->offset_minutes * 60, local) &&
           *local >= YEAR_0 && *local <= YEAR_9999;
}

bool moment_is_year_0(const galley_time *time)
{
    int64_t local;
    return local_seconds(time, &local) && local < YEAR_1;
}

bool moment_is_midnight(const galley_time *time, galley_date *date)
{
    int64_t local, year;
    int month, day;
    if (!local_seconds(time, &local))
        return false;
    int64_t days = local / DAY_SECONDS - (local % DAY_SECONDS < 0);
    date_of(days, &year, &month, &day);
    *date = (galley_date){.year = (int16_t)year, .month = (uint8_t)month, .day = (uint8_t)day};
    return local == days * DAY_SECONDS && time->nanos == 0;
}

void moment_from_date(const galley_date *date, galley_time *time)
{
    *time = (galley_time){.seconds = days_of(date->year, date->month, date->day) * DAY_SECONDS};
}

const char *moment_parse_date(galley_str text, galley_date *date)
{
    galley_time time;
    int64_t seconds;
    const char *fault = parse_day(text, date);
    if (fault == NULL && text.len == DATE_BYTES)
        return NULL;
    if (!is_whole_numeral(text, &seconds))
        return fault == NULL ? extra : fault;
    fault = moment_from_seconds(seconds, &time);
    return fault != NULL || moment_is_midnight(&time, date) ? fault
                                                            : "Timestamp is not an exact date";
}

/* ---- to text ---- */

static char *write_padded(char *next, int64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        next[i] = (char)('0' + value % 10);
    return next + width;
}

static char *write_day(char *next, int64_t year, int month, int day)
{
    next = write_padded(next, year, 4);
    *next++ = '-';
    next = write_padded(next, month, 2);
    *next++ = '-';
    return write_padded(next, day, 2);
}

static char *write_clock(char *next, int64_t of_day, int32_t micros)
{
    next = write_padded(next, of_day / 3600, 2);
    *next++ = ':';
    next = write_padded(next, of_day / 60 % 60, 2);
    *next++ = ':';
    next = write_padded(next, of_day % 60, 2);
    if (micros > 0) {
        *next++ = '.';
        next = write_padded(next, micros, 6);
    }
    return next;
}

static char *write_offset(char *next, bool has_offset, int offset)
{
    if (!has_offset)
        return next;
    if (offset == 0) {
        *next++ = 'Z';
        return next;
    }
    *next++ = offset < 0 ? '-' : '+';
    offset = offset < 0 ? -offset : offset;
    next = write_padded(next, offset / 60, 2);
    *next++ = ':';
    return write_padded(next, offset % 60, 2);
}

static bool is_offset(int offset)
{
    return offset > -DAY_MINUTES && offset < DAY_MINUTES;
}

size_t moment_write_datetime(char *to, const galley_time *time)
{
    int64_t local, year;
    int month, day;
    if (!local_seconds(time, &local) || local < YEAR_1 || time->nanos < 0 ||
        time->nanos > 999999999 || !is_offset(time->offset_minutes))
        return 0;
    int64_t days = local / DAY_SECONDS - (local % DAY_SECONDS < 0);
    date_of(days, &year, &month, &day);
    char *next = to;
    *next++ = '"';
    next = write_day(next, year, month, day);
    *next++ = 'T';
    next = write_clock(next, local - days * DAY_SECONDS, time->nanos / 1000);
    next = write_offset(next, time->has_offset, time->offset_minutes);
    *next++ = '"';
    return (size_t)(next - to);
}

size_t moment_write_date(char *to, const galley_date *date)
{
    if (date->year < 1 || date->year > 9999 || date->month < 1 || date->month > 12 ||
        date->day < 1 || date->day > days_in(date->year, date->month))
        return 0;
    to[0] = '"';
    char *next = write_day(to + 1, date->year, date->month, date->day);
    *next++ = '"';
    return (size_t)(next - to);
}

size_t moment_write_clock(char *to, const galley_clock *clock)
{
    if (clock->hour > 23 || clock->minute > 59 || clock->second > 59 || clock->micros < 0 ||
        clock->micros > 999999 || !is_offset(clock->offset_minutes))
        return 0;
    to[0] = '"';
    int64_t of_day = clock->hour * 3600 + clock->minute * 60 + clock->second;
    char *next = write_clock(to + 1, of_day, clock->micros);
    next = write_offset(next, clock->has_offset, clock->offset_minutes);
    *next++ = '"';
    return (size_t)(next - to);
}
