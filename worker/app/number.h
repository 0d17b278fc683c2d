/* number.h - numbers from text as FastAPI reads them, and to text as it writes them.
 * Does:     whole numbers and floats of parameters (lax: spaces around, single underscores, "4.0" for 4); the shortest
 *           decimal that reads back as the same float, in three spellings.
 * Does not: allocate (but for numerals over 120 bytes), depend on the locale, or know constraints. */
#ifndef GALLEY_WORKER_APP_NUMBER_H
#define GALLEY_WORKER_APP_NUMBER_H

#include <galley/value.h>

/* Room that a whole number, or a float in FLOAT_MODEL or FLOAT_PYTHON, may need; and one in FLOAT_PLAIN. */
enum { NUMBER_BYTES = 32, NUMBER_PLAIN_BYTES = 352 };

/* How a float is spelled. The digits are the same. */
enum float_form {
    FLOAT_MODEL,  /* of a model: 0.00003, 100.0, 1e-6, 1e+16 */
    FLOAT_PYTHON, /* of `input` and `ctx` in an error: 3e-05, 100.0, 1e-06, 1e+16 */
    FLOAT_PLAIN,  /* of `msg` in an error: 0.00003, 100, 0.000001, 10000000000000000 */
};

/* Write at `to`, not NUL-terminated; the number of bytes. */
size_t number_write_int(char *to, int64_t value);
/* `value` must be finite. */
size_t number_write_float(char *to, double value, enum float_form form);

/* 0; -EINVAL it is no whole number; -ERANGE it is beyond int64. */
int number_parse_int(galley_str text, int64_t *value) GALLEY_MUST_USE;
/* Whether so many digits come first that Pydantic looks no further, whatever may follow: -ERANGE above. */
bool number_begins_too_long(galley_str text);
/* A whole number that number_parse_int found beyond int64, as JSON: only its sign and digits, at `to` (room for all of `text`). */
galley_str number_plain(galley_str text, char *to);
/* The double nearest to digits times ten to the power, where that is certain without long arithmetic: else false. */
bool number_from_digits(uint64_t digits, int power, double *value) GALLEY_MUST_USE;
/* 0, infinities and NaN included; -EINVAL it is no number; -ENOMEM. */
int number_parse_float(galley_str text, double *value) GALLEY_MUST_USE;

#endif
