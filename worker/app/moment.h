/* moment.h - dates, times of day and both: read as Pydantic does, written as it does in JSON.
 * Does:     RFC 3339 as Pydantic takes it (speedate), and Unix seconds or milliseconds, as numbers or as text.
 * Does not: know time zones by name, or leap seconds; allocate.
 * See:      t/unit/worker/app/scalar.def (what Pydantic 2.14 answered, row by row), t/fuzz/datetime.c */
#ifndef GALLEY_WORKER_APP_MOMENT_H
#define GALLEY_WORKER_APP_MOMENT_H

#include <galley/value.h>

/* Room for any of them in quotes. */
enum { MOMENT_BYTES = 40 };

/* Each returns NULL, or what is wrong, a constant in speedate's words. The year 0 is read: see moment_is_year_0. */
const char *moment_parse_datetime(galley_str text, galley_time *time);
const char *moment_parse_date(galley_str text, galley_date *date);
const char *moment_parse_clock(galley_str text, galley_clock *clock);

/* The same of Unix seconds (or milliseconds beyond 2e10), UTC; of a time of day: seconds since midnight. */
const char *moment_from_seconds(int64_t seconds, galley_time *time);
const char *moment_from_number(double seconds, galley_time *time);
const char *moment_clock_from_seconds(int64_t seconds, galley_clock *clock);
const char *moment_clock_from_number(double seconds, galley_clock *clock);

/* Whether it lies in the year 0, which is read but is no year that can be held. */
bool moment_is_year_0(const galley_time *time);
/* The day on which `time` begins, where it was written; false if it is not its midnight. */
bool moment_is_midnight(const galley_time *time, galley_date *date);
/* Midnight of `date`, without an offset. */
void moment_from_date(const galley_date *date, galley_time *time);

/* Write in quotes at `to`, the number of bytes; 0 if it is none (a year without four digits). */
size_t moment_write_datetime(char *to, const galley_time *time);
size_t moment_write_date(char *to, const galley_date *date);
size_t moment_write_clock(char *to, const galley_clock *clock);

#endif
