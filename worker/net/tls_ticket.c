/* tls_ticket.c - session tickets that any worker of any generation can open.
 * Does:     seal with the current key, open with the previous and the next one too (workers hear of a rotation one after
 *           the other); AES-256-CBC and HMAC-SHA-256, as RFC 5077 section 4 recommends.
 * Does not: make or rotate keys (the master does).
 * See:      tls_cert.c, t/unit/worker/net/tls_session.c */
#include "worker/net/tls_server.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/mman.h>

enum { TICKET_LIFETIME_S = 24 * 3600 };

/* The layout of inherit_tickets.key[i]. */
struct ticket_key {
    unsigned char name[16], hmac[32], aes[32];
};
_Static_assert(sizeof(struct ticket_key) == INHERIT_TICKET_KEY_BYTES, "inherit.h");

static const struct ticket_key *ticket_key_at(const struct tls_server *server, size_t i)
{
    return (const struct ticket_key *)(const void *)server->tickets->key[i];
}

static int use_hmac(EVP_MAC_CTX *hmac, const struct ticket_key *key)
{
    unsigned char copy[sizeof(key->hmac)];
    char digest[] = "SHA256";
    memcpy(copy, key->hmac, sizeof(copy));
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, copy, sizeof(copy)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    int is_set = EVP_MAC_CTX_set_params(hmac, params);
    OPENSSL_cleanse(copy, sizeof(copy));
    return is_set;
}

static int seal(const struct tls_server *server, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *hmac)
{
    const struct ticket_key *key = ticket_key_at(server, 0);
    memcpy(name, key->name, sizeof(key->name));
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(server->ticket_cipher)) <= 0)
        return -1;
    return EVP_EncryptInit_ex2(cipher, server->ticket_cipher, key->aes, iv, NULL) > 0 &&
                   use_hmac(hmac, key) > 0
               ? 1
               : -1;
}

/* OpenSSL asks: 0 unknown, the handshake is a full one; 1 opened; 2 opened, and a new one is due. */
static int unseal(const struct tls_server *server, SSL *ssl, const unsigned char *name,
                  const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *hmac)
{
    for (size_t i = 0; i < INHERIT_TICKET_KEYS; i++) {
        const struct ticket_key *key = ticket_key_at(server, i);
        if (CRYPTO_memcmp(name, key->name, sizeof(key->name)) != 0)
            continue;
        if (EVP_DecryptInit_ex2(cipher, server->ticket_cipher, key->aes, iv, NULL) <= 0 ||
            use_hmac(hmac, key) <= 0)
            return -1;
        /* a client of TLS 1.3 uses a ticket once */
        return i != 0 || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
    }
    return 0;
}

static int ticket_callback(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                           EVP_MAC_CTX *hmac, int is_sealing)
{
    const struct tls_server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    return is_sealing ? seal(server, name, iv, cipher, hmac)
                      : unseal(server, ssl, name, iv, cipher, hmac);
}

int tls_tickets_init(struct tls_server *server, const struct inherit_tickets *tickets)
{
    void *page =
        mmap(NULL, sizeof(*tickets), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -ENOMEM;
    (void)madvise(page, sizeof(*tickets), MADV_DONTDUMP);
    server->tickets = page;
    server->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (!server->ticket_cipher)
        return -ENOMEM;
    *server->tickets = *tickets;
    return 0;
}

void tls_tickets_release(struct tls_server *server)
{
    EVP_CIPHER_free(server->ticket_cipher);
    if (!server->tickets)
        return;
    OPENSSL_cleanse(server->tickets, sizeof(*server->tickets));
    munmap(server->tickets, sizeof(*server->tickets));
}

void tls_tickets_use(struct tls_server *server, SSL_CTX *context)
{
    static const unsigned char id_context[] = "galley";
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, id_context, sizeof(id_context) - 1);
    SSL_CTX_set_timeout(context, TICKET_LIFETIME_S);
    SSL_CTX_set_num_tickets(context, 0); /* of TLS 1.3: tls.c sends one with the first bytes */
    SSL_CTX_set_app_data(context, server);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_callback);
}

void tls_server_set_tickets(struct tls_server *server, const struct inherit_tickets *tickets)
{
    *server->tickets = *tickets;
}
