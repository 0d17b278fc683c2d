/* field.c - the table of byte classes, and names compared without case.
 * Does:     one row per range of bytes, written once.
 * Does not: depend on the locale.
 * See:      field.h */
#include "worker/http/field.h"

#define MARK  (FIELD_VALUE | FIELD_TARGET | FIELD_PATH) /* any visible ASCII */
#define NAME  (MARK | FIELD_TOKEN)                      /* visible, and in names */
#define HOST  (NAME | FIELD_AUTHORITY)                  /* visible, in names and in hosts */
#define DIGIT (HOST | FIELD_HEX | FIELD_DIGIT)

const uint8_t field_class[256] = {
    ['\t'] = FIELD_VALUE,
    [' '] = FIELD_VALUE,
    ['!'] = HOST,
    ['"'] = MARK,
    ['#'] = FIELD_VALUE | FIELD_TOKEN,
    ['$'] = HOST,
    ['%'] = NAME & ~FIELD_PATH,
    ['&'] = HOST,
    ['\''] = HOST,
    ['('] = MARK | FIELD_AUTHORITY,
    [')'] = MARK | FIELD_AUTHORITY,
    ['*'] = HOST,
    ['+'] = HOST,
    [','] = MARK,
    ['-'] = HOST,
    ['.'] = HOST,
    ['/'] = MARK,
    ['0' ... '9'] = DIGIT,
    [':'] = MARK,
    [';'] = MARK | FIELD_AUTHORITY,
    ['<'] = MARK,
    ['='] = MARK | FIELD_AUTHORITY,
    ['>'] = MARK,
    ['?'] = MARK & ~FIELD_PATH,
    ['@'] = MARK,
    ['A' ... 'F'] = HOST | FIELD_HEX,
    ['G' ... 'Z'] = HOST,
    ['[' ... ']'] = MARK,
    ['^'] = NAME,
    ['_'] = HOST,
    ['`'] = NAME,
    ['a' ... 'f'] = HOST | FIELD_HEX,
    ['g' ... 'z'] = HOST,
    ['{'] = MARK,
    ['|'] = NAME,
    ['}'] = MARK,
    ['~'] = HOST,
    [0x80 ... 0xff] = FIELD_VALUE,
};

bool field_equals_lower(const char *text, const char *lower, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        if (c != (unsigned char)lower[i])
            return false;
    }
    return true;
}
