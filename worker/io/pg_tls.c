/* pg_tls.c - what OpenSSL knows of a connection of libpq's, and libpq does not tell.
 * Does:     ask it, where libpq was built with OpenSSL. A record may be larger than the room that libpq reads into (8 KiB), and
 *           libpq before its releases of 2026 leaves the rest where no socket tells of it.
 * Does not: read, or change anything.
 * See:      pg_wait.c */
#include <libpq-fe.h>
#include <openssl/ssl.h>

#include "worker/io/pg.h"

bool pg_tls_has_more(struct pg_conn *pg)
{
    const SSL *ssl = PQsslStruct(pg, "OpenSSL");
    return ssl != NULL && SSL_pending(ssl) > 0;
}

uint64_t pg_tls_read_bytes(struct pg_conn *pg)
{
    const SSL *ssl = PQsslStruct(pg, "OpenSSL");
    BIO *bio = ssl != NULL ? SSL_get_rbio(ssl) : NULL;
    return bio != NULL ? BIO_number_read(bio) : 0;
}
