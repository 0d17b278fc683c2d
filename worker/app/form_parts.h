/* form_parts.h - the parts of a multipart form, received and kept: texts in memory, files in memory or on disk.
 * Does:     feed multipart.c with the body as it comes; bound numbers and sizes; spool a file beyond 1 MiB.
 * Does not: judge them.
 * See:      form.h, upload.h */
#ifndef GALLEY_WORKER_APP_FORM_PARTS_H
#define GALLEY_WORKER_APP_FORM_PARTS_H

#include "worker/app/form.h"

/* As form_read, for a body whose content type is multipart/form-data. Descriptors are closed when the request ends. */
GALLEY_YIELDS int form_parts_read(struct galley_request *req, struct form *form) GALLEY_MUST_USE;

#endif
