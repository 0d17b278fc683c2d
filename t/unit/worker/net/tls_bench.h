/* tls_bench.h - a TLS connection of ours and an OpenSSL client at its other end, for the units of worker/net/tls*.c.
 * Does:     make certificates in memory, connect, turn loop and client until something is so.
 * Does not: touch files. */
#ifndef GALLEY_TEST_UNIT_NET_TLS_BENCH_H
#define GALLEY_TEST_UNIT_NET_TLS_BENCH_H

#include "bench.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "worker/net/tls.h"

/* ---- certificates ---- */

struct cert_opts {
    const char *names; /* "DNS:a.example,DNS:*.b.example"; NULL: none */
    int rsa_bits;      /* 0: P-256 */
    int from_days, to_days;
};

static inline EVP_PKEY *make_key(int rsa_bits)
{
    EVP_PKEY *key = rsa_bits ? EVP_RSA_gen((unsigned)rsa_bits) : EVP_EC_gen("P-256");
    assert_non_null(key);
    return key;
}

/* What was written to `bio`, on the heap. */
static inline char *take_text(BIO *bio, size_t *len)
{
    char *bytes;
    *len = (size_t)BIO_get_mem_data(bio, &bytes);
    char *copy = malloc(*len + 1);
    memcpy(copy, bytes, *len);
    copy[*len] = 0;
    BIO_free(bio);
    return copy;
}

static inline char *cert_text(EVP_PKEY *key, const struct cert_opts *opts, size_t *len)
{
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), opts->from_days * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(cert), (opts->to_days ? opts->to_days : 90) * 86400L);
    X509_set_pubkey(cert, key);
    const unsigned char *subject = (const unsigned char *)(opts->names ? opts->names : "nobody");
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, subject, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    if (opts->names) {
        X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, opts->names);
        assert_non_null(names);
        X509_add_ext(cert, names, -1);
        X509_EXTENSION_free(names);
    }
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    X509_free(cert);
    return take_text(bio, len);
}

static inline char *key_text(EVP_PKEY *key, const char *password, size_t *len)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_PrivateKey(bio, key, password ? EVP_aes_128_cbc() : NULL, NULL, 0,
                                         NULL, (void *)(uintptr_t)password));
    return take_text(bio, len);
}

static inline struct inherit_pem make_pem(const struct cert_opts *opts)
{
    struct inherit_pem pem = {.cert_path = "etc/cert.pem", .key_path = "etc/key.pem"};
    EVP_PKEY *key = make_key(opts->rsa_bits);
    pem.cert = cert_text(key, opts, &pem.cert_len);
    pem.key = key_text(key, NULL, &pem.key_len);
    EVP_PKEY_free(key);
    return pem;
}

static inline void free_pem(struct inherit_pem *pem)
{
    free((void *)(uintptr_t)pem->cert);
    free((void *)(uintptr_t)pem->key);
    *pem = (struct inherit_pem){0};
}

static inline struct inherit_tickets make_tickets(int seed)
{
    struct inherit_tickets tickets;
    for (int i = 0; i < INHERIT_TICKET_KEYS; i++)
        memset(tickets.key[i], seed + i, INHERIT_TICKET_KEY_BYTES);
    return tickets;
}

/* ---- a connection ---- */

struct tls_bench {
    struct bench base; /* first */
    struct inherit_pem pem;
    struct stats stats;
    struct tls_server *server;
    SSL_CTX *client_context;
    SSL *client;
    SSL_SESSION *session; /* the last ticket */
    int client_error;     /* of its handshake: SSL_get_error */
    bool is_client_open;
};

static inline int on_session(SSL *client, SSL_SESSION *session)
{
    struct tls_bench *bench = SSL_get_app_data(client);
    SSL_SESSION_free(bench->session);
    bench->session = session;
    return 1;
}

static inline struct tls_server *make_server(struct tls_bench *bench,
                                             const struct inherit_tickets *tickets)
{
    struct errmsg why = {{0}};
    struct tls_server *server = tls_server_new(&bench->pem, 1, tickets, &bench->stats, &why);
    assert_string_equal(why.text, "");
    assert_non_null(server);
    return server;
}

static inline int tls_set_up(void **state)
{
    struct tls_bench *bench = calloc(1, sizeof(*bench));
    struct inherit_tickets tickets = make_tickets(1);
    bench->base.loop = loop_new();
    bench->base.peer = -1;
    bench->base.io.fd = -1;
    bench->pem = make_pem(&(struct cert_opts){.names = "DNS:a.example"});
    bench->server = make_server(bench, &tickets);
    bench->client_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(bench->client_context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(bench->client_context, on_session);
    *state = bench;
    return 0;
}

static inline void tls_hang_up(struct tls_bench *bench)
{
    if (bench->base.io.ops)
        bench->base.io.ops->close(&bench->base.io);
    bench_close_peer(&bench->base);
    SSL_free(bench->client);
    bench->client = NULL;
    bench->is_client_open = false;
    bench->client_error = 0;
    bench_forget(&bench->base);
}

static inline int tls_tear_down(void **state)
{
    struct tls_bench *bench = *state;
    tls_hang_up(bench);
    SSL_SESSION_free(bench->session);
    SSL_CTX_free(bench->client_context);
    tls_server_free(bench->server);
    free_pem(&bench->pem);
    loop_free(bench->base.loop);
    free(bench);
    return 0;
}

/* A connection to `server`; the client has said nothing yet. */
static inline void tls_connect_over(struct tls_bench *bench, struct tls_server *server, int family)
{
    int fds[2];
    bench_pair(family, fds);
    bench->base.peer = fds[1];
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(tls_open(&bench->base.io, bench->base.loop, fds[0], server, bench_on_ready),
                     0);
    bench->client = SSL_new(bench->client_context);
    SSL_set_app_data(bench->client, bench);
    SSL_set_fd(bench->client, fds[1]);
    SSL_set_connect_state(bench->client);
}

static inline void tls_connect(struct tls_bench *bench, struct tls_server *server)
{
    tls_connect_over(bench, server, AF_INET);
}

static inline void step_client(struct tls_bench *bench)
{
    if (bench->is_client_open || bench->client_error)
        return;
    ERR_clear_error();
    int result = SSL_do_handshake(bench->client);
    if (result == 1) {
        bench->is_client_open = true;
        return;
    }
    int error = SSL_get_error(bench->client, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        bench->client_error = ERR_peek_error() ? ERR_GET_REASON(ERR_peek_error()) : -error;
}

/* Both handshakes to their ends, good or bad. */
static inline void tls_shake_hands(struct tls_bench *bench)
{
    BENCH_UNTIL(&bench->base, (step_client(bench), bench->base.what != 0) &&
                                  (bench->is_client_open || bench->client_error));
}

static inline void tls_connect_and_open(struct tls_bench *bench, struct tls_server *server)
{
    tls_connect(bench, server);
    tls_shake_hands(bench);
    assert_true(bench->is_client_open);
    assert_int_equal(bench->base.calls, 1);
    assert_int_equal(bench->base.what, IO_READABLE);
    assert_false(tls_is_handshaking(&bench->base.io));
    bench_forget(&bench->base);
}

/* Read what the client gets now; -1: nothing, 0: the end. */
static inline int client_read(struct tls_bench *bench, void *buf, int len)
{
    ERR_clear_error();
    int got = SSL_read(bench->client, buf, len);
    if (got > 0)
        return got;
    return SSL_get_error(bench->client, got) == SSL_ERROR_WANT_READ ? -1 : 0;
}

#endif
