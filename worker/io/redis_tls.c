/* redis_tls.c - TLS of connections to a Redis; see redis_tls.h.
 * Does:     OpenSSL on a BIO of our own, whose sends raise no signal. TLS 1.2 at least; no renegotiation, so that reading
 *           waits for data alone and writing for room alone.
 * Does not: resume sessions: connections are few and stay. */
#include "worker/io/redis_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <galley/error.h>

struct redis_tls {
    SSL_CTX *context;
    BIO_METHOD *socket;
};

/* ---- the socket, as OpenSSL sees it ---- */

static int fd_of(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

/* 1; 0: nothing went, and errno says why (0: the end). */
static int went(BIO *bio, ssize_t n, size_t *count)
{
    BIO_clear_retry_flags(bio);
    *count = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return 1;
    if (n == 0)
        errno = 0;
    else if (errno == EAGAIN || errno == EINTR)
        BIO_set_retry_read(bio); /* either way: who asked knows what it waits for */
    return 0;
}

static int socket_send(BIO *bio, const char *data, size_t len, size_t *sent)
{
    int done = went(bio, send(fd_of(bio), data, len, MSG_NOSIGNAL | MSG_DONTWAIT), sent);
    if (!done && BIO_should_retry(bio)) {
        BIO_clear_retry_flags(bio);
        BIO_set_retry_write(bio);
    }
    return done;
}

static int socket_recv(BIO *bio, char *buf, size_t len, size_t *got)
{
    return went(bio, recv(fd_of(bio), buf, len, MSG_DONTWAIT), got);
}

static long socket_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/* ---- what connections share ---- */

void redis_tls_free(struct redis_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->socket);
    free(tls);
}

static const char *set_up(struct redis_tls *tls, const char *ca_file)
{
    tls->context = SSL_CTX_new(TLS_client_method());
    tls->socket = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "redis");
    if (tls->context == NULL || tls->socket == NULL)
        return "there is no memory for TLS";
    BIO_meth_set_write_ex(tls->socket, socket_send);
    BIO_meth_set_read_ex(tls->socket, socket_recv);
    BIO_meth_set_ctrl(tls->socket, socket_ctrl);
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(tls->context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    int is_loaded = ca_file[0] != '\0' ? SSL_CTX_load_verify_file(tls->context, ca_file)
                                       : SSL_CTX_set_default_verify_paths(tls->context);
    ERR_clear_error();
    return is_loaded == 1 ? NULL : "no authority's certificate can be read from its ca_file";
}

struct redis_tls *redis_tls_new(const char *ca_file, const char **why)
{
    struct redis_tls *tls = calloc(1, sizeof *tls);
    *why = tls != NULL ? set_up(tls, ca_file) : "there is no memory for TLS";
    if (*why == NULL)
        return tls;
    redis_tls_free(tls);
    return NULL;
}

/* ---- a connection ---- */

/* The certificate must be of this host. */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    void *name =
        (void *)(uintptr_t)host; /* which SSL_set_tlsext_host_name casts away, and clang sees */
    return SSL_set1_host(ssl, host) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) == 1;
}

struct ssl_st *redis_tls_open(const struct redis_tls *tls, int fd, const char *host)
{
    SSL *ssl = SSL_new(tls->context);
    BIO *bio = ssl != NULL ? BIO_new(tls->socket) : NULL;
    if (bio == NULL || !expect_host(ssl, host)) {
        BIO_free(bio);
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_connect_state(ssl);
    return ssl;
}

void redis_tls_close(struct ssl_st *ssl)
{
    SSL_free(ssl);
}

/* Why it did not succeed, where it was not for want of data or room. 0: the other side has left; or an errno. */
static int error_of(const SSL *ssl, int said, const char **why)
{
    unsigned long error = ERR_peek_error();
    int number = errno;
    *why = NULL;
    if (said == SSL_ERROR_ZERO_RETURN ||
        ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return 0;
    if (said == SSL_ERROR_SYSCALL && error == 0)
        return number;
    *why = SSL_get_verify_result(ssl) != X509_V_OK
               ? X509_verify_cert_error_string(SSL_get_verify_result(ssl))
               : ERR_reason_error_string(error);
    return GALLEY_EGARBLED;
}

int redis_tls_shake_hands(galley_async *co, struct ssl_st *ssl, int64_t until_ms, const char **why)
{
    int fd = fd_of(SSL_get_rbio(ssl));
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int rc = SSL_do_handshake(ssl);
        if (rc == 1)
            return 0;
        int said = SSL_get_error(ssl, rc);
        if (said != SSL_ERROR_WANT_READ && said != SSL_ERROR_WANT_WRITE) {
            int error = error_of(ssl, said, why);
            return error == GALLEY_EGARBLED ? -GALLEY_ETLS : error ? -error : -ECONNRESET;
        }
        int64_t left_ms = until_ms - galley_now_ms(co);
        rc = galley_wait_fd(co, fd, said == SSL_ERROR_WANT_READ ? GALLEY_READ : GALLEY_WRITE,
                            left_ms > 0 ? left_ms : 0);
        if (rc < 0)
            return rc;
    }
}

/* What recv or send would say. */
static ssize_t answer(const SSL *ssl, int n)
{
    const char *why;
    if (n > 0)
        return n;
    int said = SSL_get_error(ssl, n);
    errno = said == SSL_ERROR_WANT_READ || said == SSL_ERROR_WANT_WRITE ? EAGAIN
                                                                        : error_of(ssl, said, &why);
    return errno == 0 ? 0 : -1;
}

ssize_t redis_tls_recv(struct ssl_st *ssl, void *buf, size_t len)
{
    ERR_clear_error();
    errno = 0;
    return answer(ssl, SSL_read(ssl, buf, len < INT_MAX ? (int)len : INT_MAX));
}

ssize_t redis_tls_send(struct ssl_st *ssl, const void *data, size_t len)
{
    ERR_clear_error();
    errno = 0;
    ssize_t n = answer(ssl, SSL_write(ssl, data, len < INT_MAX ? (int)len : INT_MAX));
    if (n == 0) {
        errno = EPIPE;
        return -1;
    }
    return n;
}
