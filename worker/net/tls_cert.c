/* tls_cert.c - certificates and keys: from PEM bytes to OpenSSL contexts, and which one a client gets.
 * Does:     check each pair and say in a sentence what is wrong; protocol versions, ciphers, groups, ALPN; SNI by exact
 *           name, then by wildcard, else the first.
 * Does not: read files or move bytes (tls.c).
 * See:      tls.h, t/unit/worker/net/tls_cert.c */
#include "worker/net/tls_server.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

enum { PEM_MAX_BYTES = 1 << 20, NAME_MAX_BYTES = 255, EXPIRES_SOON_DAYS = 14, SECURITY_LEVEL = 2 };

/* What Mozilla calls intermediate: forward secrecy and AEAD only; the client chooses among them. */
static const char CIPHERS_TLS12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char CIPHERS_TLS13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
#define GROUPS "X25519:P-256:P-384"

static const char *last_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason ? reason : "OpenSSL gives no reason";
}

static int refuse_password(char *buf, int size, int is_writing, void *was_asked)
{
    (void)buf;
    (void)size;
    (void)is_writing;
    *(bool *)was_asked = true;
    return -1;
}

/* ---- names ---- */

static int add_name(struct tls_server *server, const char *text, size_t len, size_t context)
{
    if (len > 1 && text[0] == '*' && text[1] == '.') {
        text++;
        len--;
    }
    if (len == 0 || len > NAME_MAX_BYTES || memchr(text, 0, len))
        return 0; /* nobody can ask for it */
    struct tls_name *names =
        realloc(server->names, (server->name_count + 1) * sizeof(server->names[0]));
    if (!names)
        return -ENOMEM;
    server->names = names;
    char *copy = malloc(len + 1);
    if (!copy)
        return -ENOMEM;
    for (size_t i = 0; i < len; i++)
        copy[i] = (char)tolower((unsigned char)text[i]);
    copy[len] = 0;
    server->names[server->name_count++] =
        (struct tls_name){.text = copy, .len = len, .context = context};
    return 0;
}

static int add_names(struct tls_server *server, X509 *leaf, size_t context)
{
    GENERAL_NAMES *alternatives = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int error = 0;
    for (int i = 0; error == 0 && i < sk_GENERAL_NAME_num(alternatives); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(alternatives, i);
        if (name->type == GEN_DNS)
            error = add_name(server, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                             (size_t)ASN1_STRING_length(name->d.dNSName), context);
    }
    GENERAL_NAMES_free(alternatives);
    return error;
}

static const struct tls_name *find_name(const struct tls_server *server, const char *text,
                                        size_t len)
{
    for (size_t i = 0; i < server->name_count; i++) {
        const struct tls_name *name = &server->names[i];
        if (name->len == len && memcmp(name->text, text, len) == 0)
            return name;
    }
    return NULL;
}

static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
    const struct tls_server *server = arg;
    const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    size_t len = asked ? strlen(asked) : 0;
    if (len > 0 && asked[len - 1] == '.')
        len--;
    if (len == 0 || len > NAME_MAX_BYTES)
        return SSL_TLSEXT_ERR_NOACK;
    char name[NAME_MAX_BYTES];
    for (size_t i = 0; i < len; i++)
        name[i] = (char)tolower((unsigned char)asked[i]);
    const struct tls_name *found = name[0] == '.' ? NULL : find_name(server, name, len);
    const char *dot = memchr(name, '.', len);
    if (!found && dot && dot != name)
        found = find_name(server, dot, len - (size_t)(dot - name));
    if (!found)
        return SSL_TLSEXT_ERR_NOACK;
    if (found->context != 0)
        SSL_set_SSL_CTX(ssl, server->contexts[found->context]);
    return SSL_TLSEXT_ERR_OK;
}

static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                           const unsigned char *offered, unsigned offered_len, void *arg)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *found;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&found, chosen_len, ours, sizeof(ours) - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol */
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- one certificate ---- */

static void warn_of_expiry(const X509 *leaf, const char *path)
{
    int days = 0, seconds = 0;
    if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0)
        log_line(LOG_LEVEL_WARN, "certificate_not_yet_valid", "path=%s", path);
    if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)))
        return;
    if (days < 0 || seconds < 0)
        log_line(LOG_LEVEL_WARN, "certificate_expired", "path=%s days_ago=%d", path, -days);
    else if (days < EXPIRES_SOON_DAYS)
        log_line(LOG_LEVEL_WARN, "certificate_expires_soon", "path=%s days=%d", path, days);
}

/* Read the certificates that follow the leaf; they are the chain. */
static int add_chain(SSL_CTX *context, BIO *bio, const char *path, struct errmsg *why)
{
    for (int number = 2;; number++) {
        X509 *issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!issuer) {
            if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
                return 0;
            errmsg_set(why,
                       "cannot use certificate %s: certificate %d of its chain is damaged (%s)",
                       path, number, last_reason());
            return -EINVAL;
        }
        if (!SSL_CTX_add0_chain_cert(context, issuer)) {
            X509_free(issuer);
            errmsg_set(why, "cannot use certificate %s: %s in its chain", path, last_reason());
            return -EINVAL;
        }
    }
}

static int use_key(SSL_CTX *context, X509 *leaf, const struct inherit_pem *pem, struct errmsg *why)
{
    bool was_asked = false;
    EVP_PKEY *key = NULL;
    BIO *bio = BIO_new_mem_buf(pem->key, (int)pem->key_len);
    if (bio)
        key = PEM_read_bio_PrivateKey(bio, NULL, refuse_password, &was_asked);
    BIO_free(bio);
    if (!key) {
        if (was_asked)
            errmsg_set(why,
                       "cannot use key %s: it is encrypted, and there is nobody to ask for the "
                       "password; decrypt it with: openssl pkey -in %s -out FILE",
                       pem->key_path, pem->key_path);
        else
            errmsg_set(why, "cannot use key %s: it holds no private key in PEM form",
                       pem->key_path);
        return -EINVAL;
    }
    int error = 0;
    if (!X509_check_private_key(leaf, key)) {
        errmsg_set(why, "cannot use certificate %s: it does not match key %s", pem->cert_path,
                   pem->key_path);
        error = -EINVAL;
    } else if (!SSL_CTX_use_PrivateKey(context, key)) {
        errmsg_set(why, "cannot use key %s: %s", pem->key_path, last_reason());
        error = -EINVAL;
    }
    EVP_PKEY_free(key);
    return error;
}

static int use_pem(struct tls_server *server, size_t index, const struct inherit_pem *pem,
                   struct errmsg *why)
{
    if (pem->cert_len > PEM_MAX_BYTES || pem->key_len > PEM_MAX_BYTES) {
        errmsg_set(why, "cannot use certificate %s and key %s: larger than 1 MiB", pem->cert_path,
                   pem->key_path);
        return -EINVAL;
    }
    SSL_CTX *context = server->contexts[index];
    int error = -EINVAL;
    X509 *leaf = NULL;
    BIO *bio = BIO_new_mem_buf(pem->cert, (int)pem->cert_len);
    if (bio)
        leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    if (!leaf) {
        errmsg_set(why, "cannot use certificate %s: it holds no certificate in PEM form",
                   pem->cert_path);
        goto free_bio;
    }
    if (!SSL_CTX_use_certificate(context, leaf)) {
        errmsg_set(why, "cannot use certificate %s: %s", pem->cert_path, last_reason());
        goto free_leaf;
    }
    error = add_chain(context, bio, pem->cert_path, why);
    if (error == 0)
        error = use_key(context, leaf, pem, why);
    if (error == 0)
        error = add_names(server, leaf, index);
    if (error == 0)
        warn_of_expiry(leaf, pem->cert_path);

free_leaf:
    X509_free(leaf);
free_bio:
    BIO_free(bio);
    ERR_clear_error();
    return error;
}

/* ---- contexts ---- */

/* Everything but the certificate; what the system's openssl.cnf says is overridden. */
static SSL_CTX *context_new(struct tls_server *server)
{
    char groups[] = GROUPS; /* OpenSSL's macro wants it writable */
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context)
        return NULL;
    SSL_CTX_set_security_level(context, SECURITY_LEVEL);
    SSL_CTX_clear_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET |
                                       SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                       SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_max_early_data(context, 0);
    if (!SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) ||
        !SSL_CTX_set_max_proto_version(context, 0) ||
        !SSL_CTX_set_cipher_list(context, CIPHERS_TLS12) ||
        !SSL_CTX_set_ciphersuites(context, CIPHERS_TLS13) ||
        !SSL_CTX_set1_groups_list(context, groups)) {
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(context, server);
    tls_tickets_use(server, context);
    return context;
}

static int add_contexts(struct tls_server *server, const struct inherit_pem *pems, size_t count,
                        struct errmsg *why)
{
    server->contexts = calloc(count, sizeof(server->contexts[0]));
    if (!server->contexts)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        server->contexts[i] = context_new(server);
        if (!server->contexts[i])
            return -ENOMEM;
        server->context_count = i + 1;
        int error = use_pem(server, i, &pems[i], why);
        if (error < 0)
            return error;
    }
    return 0;
}

struct tls_server *tls_server_new(const struct inherit_pem *pems, size_t count,
                                  const struct inherit_tickets *tickets, struct stats *stats,
                                  struct errmsg *why)
{
    if (count == 0) {
        errmsg_set(why, "cannot serve https: no certificate is given (tls_cert and tls_key)");
        return NULL;
    }
    struct tls_server *server = calloc(1, sizeof(*server));
    if (!server)
        goto out_of_memory;
    server->stats = stats;
    list_init(&server->unsent);
    server->socket_method = tls_socket_method_new();
    if (!server->socket_method || tls_tickets_init(server, tickets) < 0)
        goto out_of_memory;
    int error = add_contexts(server, pems, count, why);
    if (error == 0)
        return server;
    if (error == -ENOMEM)
        goto out_of_memory;
    tls_server_free(server);
    return NULL;

out_of_memory:
    errmsg_set(why, "cannot set up TLS: %s", ERR_peek_error() ? last_reason() : "out of memory");
    ERR_clear_error();
    tls_server_free(server);
    return NULL;
}

void tls_server_free(struct tls_server *server)
{
    if (!server)
        return;
    tls_unsent_stop_all(server);
    for (size_t i = 0; i < server->context_count; i++)
        SSL_CTX_free(server->contexts[i]);
    free(server->contexts);
    for (size_t i = 0; i < server->name_count; i++)
        free(server->names[i].text);
    free(server->names);
    tls_tickets_release(server);
    BIO_meth_free(server->socket_method);
    free(server);
}
