/* redis_url.h - where a Redis is, from its URL.
 * Does:     take redis://[[user]:password@]host[:port][/number], the same of rediss:// (TLS) with [?ca_file=path] behind it, and
 *           unix:/path[?number] apart.
 * Does not: resolve names. The password is in no text that is made here to be shown.
 * See:      t/unit/worker/io/redis_url.c */
#ifndef GALLEY_WORKER_IO_REDIS_URL_H
#define GALLEY_WORKER_IO_REDIS_URL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    REDIS_HOST_BYTES = 256,
    REDIS_SECRET_BYTES = 512,
    REDIS_SHOWN_BYTES = 320,
    REDIS_FILE_BYTES = 1024
};

struct redis_url {
    char host[REDIS_HOST_BYTES]; /* or the path of a UNIX socket */
    bool is_unix, is_tls;
    char ca_file[REDIS_FILE_BYTES]; /* of TLS; "": the system's authorities */
    uint16_t port;
    int number;                    /* of the database */
    char user[REDIS_SECRET_BYTES]; /* "": none */
    char password[REDIS_SECRET_BYTES];
    bool has_password;
    char shown[REDIS_SHOWN_BYTES]; /* without user and password, for logs */
};

/* NULL is redis://127.0.0.1:6379/0. 0; -EINVAL, and `why` is a sentence (static). */
int redis_url_parse(struct redis_url *url, const char *text, const char **why)
    __attribute__((warn_unused_result));

#endif
