/* json_write.h - JSON text from structs, by their shapes.
 * Does:     write a struct with all it contains, straight into the output buffer; leave out what a route leaves out.
 * Does not: check values against a model's constraints, as FastAPI does not for a model's own instances; but null where
 *           there can be none is an error.
 * See:      json_out.h (the buffer), scalar.h */
#ifndef GALLEY_WORKER_APP_JSON_WRITE_H
#define GALLEY_WORKER_APP_JSON_WRITE_H

#include "worker/app/json_out.h"

struct shape;
struct type;

/* What is left out of objects. */
enum json_leave {
    JSON_LEAVE_UNSET = 1,   /* members of a struct with a galley_sent that it does not name */
    JSON_LEAVE_NONE = 2,    /* null ones */
    JSON_LEAVE_DEFAULTS = 4 /* those that equal what they would be if they had not been sent */
};

/* Append the struct at `value`. out->error: -EINVAL a member is null that cannot be, a union is none of its variants, or an
 * enum none of its values (json_write_fault names it); -ELOOP it nests deeper than JSON_MAX_DEPTH; and those of json_out. */
void json_write(struct json_out *out, const struct shape *shape, const void *value, unsigned leave);

/* For a value that json_write refused with -EINVAL: "member name of Customer" and what is wrong with it, into `why`. */
void json_write_fault(const struct shape *shape, const void *value, char *why, size_t why_bytes);

#endif
