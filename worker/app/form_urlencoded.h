/* form_urlencoded.h - application/x-www-form-urlencoded: names and values of a whole body.
 * Does:     split and decode as FastAPI does: '+' and %XX, and other bytes beyond ASCII as Latin-1.
 * Does not: receive the body.
 * See:      form.h; WHATWG URL 5.1, t/unit/worker/app/form_urlencoded.c */
#ifndef GALLEY_WORKER_APP_FORM_URLENCODED_H
#define GALLEY_WORKER_APP_FORM_URLENCODED_H

#include "worker/app/form.h"

/* Append the fields of `body`, which must live as long as `form`; what is decoded lies in `arena`.
 * 0; -EINVAL: `*why` says what a 400 says; -ENOMEM. */
int form_urlencoded_parse(galley_str body, struct form *form, struct arena *arena,
                          const char **why) GALLEY_MUST_USE;

#endif
