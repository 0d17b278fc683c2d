/* json_tag.h - which variant of a union an object is.
 * Does:     find the value of its discriminator, and the variant that has it as a literal.
 * Does not: read the object. */
#ifndef GALLEY_WORKER_APP_JSON_TAG_H
#define GALLEY_WORKER_APP_JSON_TAG_H

#include "worker/app/json_reader.h"

/* Look ahead for the tag of the object at the cursor, which stays: a token, and how it was written. 1: found; 0: there is
 * none; json_scan.h's. */
int json_find_tag(struct json_reader *r, const char *discriminator, struct token *tag,
                  galley_str *text);
/* What was noted on the way. */
void json_tags_free(struct json_tags *tags);
/* The variant whose literal the tag is; NULL: none. */
const struct member *json_find_variant(const struct shape *shape, const struct token *tag);
/* What Python's str() makes of a tag that is no variant's; a list or object as it was written. data NULL: no memory. */
galley_str json_tag_text(const struct token *tag, galley_str text, struct arena *arena);

#endif
