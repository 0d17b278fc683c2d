/* t/fuzz/datetime.c - fuzz target: dates, times, UUIDs and base64 from any text; dates and times from any number.
 * Does:     what is read and written must be read again as the same value, and be written the same way.
 * Does not: judge what is refused: t/unit/worker/app/scalar.c does.
 * See:      make fuzz; worker/app/moment.h, worker/app/octets.h */
#include <stdlib.h>
#include <string.h>

#include "worker/app/moment.h"
#include "worker/app/octets.h"
#include "worker/app/scalar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MAX_BYTES = 4096, LEAST_YEAR = 1 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Without its quotes; a copy without a byte to spare. */
static galley_str unquoted(const char *text, size_t len, char **copy)
{
    must(len > 2 && len <= MOMENT_BYTES && text[0] == '"' && text[len - 1] == '"');
    *copy = malloc(len - 2);
    memcpy(*copy, text + 1, len - 2);
    return (galley_str){*copy, len - 2};
}

static void check_datetime(const galley_time *time)
{
    char first[MOMENT_BYTES], second[MOMENT_BYTES], *copy;
    galley_time back;
    const struct type type = {.kind = GALLEY_DATETIME};
    size_t len = moment_write_datetime(first, time);
    if (len == 0) {
        must(moment_is_year_0(time));
        return;
    }
    galley_str text = unquoted(first, len, &copy);
    must(moment_parse_datetime(text, &back) == NULL);
    must(scalar_equals(&type, time, &back));
    must(moment_write_datetime(second, &back) == len && memcmp(first, second, len) == 0);
    free(copy);
}

static void check_date(const galley_date *date)
{
    char text[MOMENT_BYTES], *copy;
    galley_date back;
    galley_time midnight;
    const struct type type = {.kind = GALLEY_DATE};
    moment_from_date(date, &midnight);
    must(moment_is_midnight(&midnight, &back) && scalar_equals(&type, date, &back));
    size_t len = moment_write_date(text, date);
    must((len == 0) == (date->year < LEAST_YEAR));
    if (len == 0)
        return;
    must(moment_parse_date(unquoted(text, len, &copy), &back) == NULL);
    must(scalar_equals(&type, date, &back));
    free(copy);
}

static void check_clock(const galley_clock *clock)
{
    char text[MOMENT_BYTES], *copy;
    galley_clock back;
    const struct type type = {.kind = GALLEY_CLOCK};
    size_t len = moment_write_clock(text, clock);
    must(moment_parse_clock(unquoted(text, len, &copy), &back) == NULL);
    must(scalar_equals(&type, clock, &back));
    free(copy);
}

static void check_number(const uint8_t *data)
{
    double number;
    int64_t whole;
    galley_time time;
    galley_clock clock;
    memcpy(&number, data, sizeof number);
    memcpy(&whole, data, sizeof whole);
    if (moment_from_number(number, &time) == NULL)
        check_datetime(&time);
    if (moment_from_seconds(whole, &time) == NULL)
        check_datetime(&time);
    if (moment_clock_from_number(number, &clock) == NULL)
        check_clock(&clock);
    if (moment_clock_from_seconds(whole, &clock) == NULL)
        check_clock(&clock);
}

static void check_octets(galley_str text)
{
    galley_uuid uuid;
    char fault[UUID_FAULT_BYTES], again[MAX_BYTES + 4];
    uint8_t octets[MAX_BYTES];
    size_t len;
    if (uuid_parse(text, &uuid) == 0) {
        uuid_write(again, &uuid);
        galley_uuid back;
        must(uuid_parse((galley_str){again, UUID_TEXT_BYTES}, &back) == 0);
        must(memcmp(&uuid, &back, sizeof uuid) == 0);
    } else {
        len = uuid_fault(text, fault);
        must(len > 0 && len < sizeof fault);
    }
    if (base64_decode(text, octets, &len) == NULL)
        must(base64_encode(again, (galley_bytes){octets, len}) == text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len > MAX_BYTES)
        return 0;
    char *copy = malloc(len + (len == 0));
    memcpy(copy, data, len);
    galley_str text = {copy, len};
    galley_time time;
    galley_date date;
    galley_clock clock;
    if (len == sizeof(double))
        check_number(data);
    if (moment_parse_datetime(text, &time) == NULL)
        check_datetime(&time);
    if (moment_parse_date(text, &date) == NULL)
        check_date(&date);
    if (moment_parse_clock(text, &clock) == NULL)
        check_clock(&clock);
    check_octets(text);
    free(copy);
    return 0;
}
