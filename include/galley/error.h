/* error.h - what went wrong with a remote side, where errno has no name for it.
 * Does:     name the errors of HTTP, SQL and Redis calls; tell the last one of a coroutine as a sentence.
 * Does not: replace errno: -ETIMEDOUT, -ECONNREFUSED, -ECONNRESET, -EHOSTUNREACH, -ENOMEM, -ECANCELED mean what they always do.
 *
 * Calls return them negative: -GALLEY_EGARBLED. A handler that returns what its call returned answers 500, 502, 503 or 504
 * as the table says, and one log line holds galley_why(): `return galley_http_get(...)` needs no more. */
#ifndef GALLEY_ERROR_H
#define GALLEY_ERROR_H

#include <galley/wait.h>

/* name, status of the answer where a handler returns it, meaning */
#define GALLEY_ERRORS(X)                                                                           \
    X(ENAME, 503, "the name cannot be resolved")                                                   \
    X(EFULL, 503, "too many wait for a connection already")                                        \
    X(ETLS, 502, "TLS failed, or the certificate is not trusted")                                  \
    X(EGARBLED, 502, "the other side broke its protocol")                                          \
    X(EANSWER_SIZE, 502, "the answer is larger than it may be")                                    \
    X(ESTATUS, 502, "the answer's status is not one of success")                                   \
    X(EMODEL, 502, "the answer does not fit its model")                                            \
    X(ELOST, 502, "the connection broke and nobody knows whether it was done")                     \
    X(EREFUSED, 500, "the statement or command was refused")                                       \
    X(ECONSTRAINT, 500, "a constraint of the database forbids it")                                 \
    X(ECONFLICT, 503, "a deadlock or a conflict of transactions: it may be tried again")           \
    X(ENOT_READY, 503, "the server starts, stops or takes no more connections")

enum galley_err {
    GALLEY__ERR_BEFORE = 5000,
#define X(name, status, meaning) GALLEY_##name,
    GALLEY_ERRORS(X)
#undef X
        GALLEY__ERR_END
};

/* "the name cannot be resolved", or strerror's words; of -error or error alike. Static. */
GALLEY_API const char *galley_error_text(int error);

/* What the last failed I/O call of this coroutine or of a task that it awaited or gathered had to say: "cannot reach
 * http://127.0.0.1:9/: Connection refused (shop.c:41)"; "" if none failed. Lives until the next one fails. */
GALLEY_API const char *galley_why(const galley_async *co);

#endif
