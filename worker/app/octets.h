/* octets.h - octets as text: UUIDs and base64.
 * Does:     read a UUID in the forms and with the complaints that Pydantic has for it; strict base64 (RFC 4648, 4).
 * Does not: allocate. */
#ifndef GALLEY_WORKER_APP_OCTETS_H
#define GALLEY_WORKER_APP_OCTETS_H

#include <galley/value.h>

enum { UUID_TEXT_BYTES = 36, UUID_FAULT_BYTES = 80 };

/* Hyphenated, also in braces or after "urn:uuid:", or 32 digits alone. 0; -EINVAL. */
int uuid_parse(galley_str text, galley_uuid *uuid) GALLEY_MUST_USE;
/* What is wrong with a text that uuid_parse has refused, into `fault`; its length. */
size_t uuid_fault(galley_str text, char fault[UUID_FAULT_BYTES]);
/* UUID_TEXT_BYTES bytes at `to`. */
void uuid_write(char *to, const galley_uuid *uuid);

/* Decode into `to` (3 bytes for each 4 of `text`): NULL, or what is wrong, in Python's words. */
const char *base64_decode(galley_str text, uint8_t *to, size_t *len);
/* 4 bytes at `to` for each 3 begun. */
size_t base64_encode(char *to, galley_bytes octets);

#endif
