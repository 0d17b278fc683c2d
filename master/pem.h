/* pem.h - certificate and key files, read as bytes by the master, which may be root.
 * Does:     read each pair of tls_cert and tls_key.
 * Does not: understand them; OpenSSL sees them in the worker. */
#ifndef GALLEY_MASTER_PEM_H
#define GALLEY_MASTER_PEM_H

#include "common/errmsg.h"
#include "common/inherit.h"

/* Read all pairs. `*pems` gets an array on the heap, NULL when there is none. 0; < 0 with a sentence. */
int pem_read_all(const struct settings *settings, struct inherit_pem **pems, size_t *count,
                 struct errmsg *why) __attribute__((warn_unused_result));
/* Wipe and free. */
void pem_free_all(struct inherit_pem *pems, size_t count);

#endif
