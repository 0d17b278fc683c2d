/* tls_cert.c - what is said about certificates that cannot be used, and which one a client gets. */
#include "tls_bench.h"

/* ---- sentences ---- */

/* What a start with this pair says; "" when it works. */
static const char *start_says(const struct inherit_pem *pem, size_t count)
{
    static struct errmsg why;
    struct inherit_tickets tickets = make_tickets(1);
    struct stats stats = {0};
    why = (struct errmsg){{0}};
    struct tls_server *server = tls_server_new(pem, count, &tickets, &stats, &why);
    assert_int_equal(server != NULL, why.text[0] == 0);
    assert_int_equal(ERR_peek_error(), 0); /* nothing is left for others to trip over */
    tls_server_free(server);
    return why.text;
}

static void with_text(struct inherit_pem *pem, const char *cert, const char *key)
{
    pem->cert = cert;
    pem->cert_len = strlen(cert);
    pem->key = key;
    pem->key_len = strlen(key);
}

static char *join(const char *first, const char *second)
{
    size_t len = strlen(first) + strlen(second) + 1;
    char *text = malloc(len);
    snprintf(text, len, "%s%s", first, second);
    return text;
}

static void test_sentences(void **state)
{
    (void)state;
    struct cert_opts opts = {.names = "DNS:a.example"};
    struct inherit_pem good = make_pem(&opts), other = make_pem(&opts);
    EVP_PKEY *weak_key = make_key(1024), *secret_key = make_key(0);
    size_t len;
    char *weak_cert = cert_text(weak_key, &opts, &len), *weak = key_text(weak_key, NULL, &len);
    char *secret_cert = cert_text(secret_key, &opts, &len);
    char *secret = key_text(secret_key, "hush", &len);
    char *chain = join(good.cert, other.cert);
    char *bad_chain =
        join(good.cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    char *cut = join(good.cert, "");
    cut[strlen(cut) / 2] = 0;
    static char huge[(1 << 20) + 2];
    memset(huge, '\n', sizeof(huge) - 1);
    const struct {
        const char *name, *cert, *key, *says;
    } rows[] = {
        {"a good pair", good.cert, good.key, ""},
        {"with a chain", chain, good.key, ""},
        {"of two pairs", good.cert, other.key,
         "cannot use certificate etc/cert.pem: it does not match key etc/key.pem"},
        {"empty certificate", "", good.key,
         "cannot use certificate etc/cert.pem: it holds no certificate in PEM form"},
        {"certificate is text", "hello\n", good.key,
         "cannot use certificate etc/cert.pem: it holds no certificate in PEM form"},
        {"files swapped", good.key, good.cert,
         "cannot use certificate etc/cert.pem: it holds no certificate in PEM form"},
        {"certificate cut short", cut, good.key,
         "cannot use certificate etc/cert.pem: it holds no certificate in PEM form"},
        {"chain damaged", bad_chain, good.key,
         "cannot use certificate etc/cert.pem: certificate 2 of its chain is damaged (*"},
        {"empty key", good.cert, "",
         "cannot use key etc/key.pem: it holds no private key in PEM form"},
        {"key is a certificate", good.cert, good.cert,
         "cannot use key etc/key.pem: it holds no private key in PEM form"},
        {"key encrypted", secret_cert, secret,
         "cannot use key etc/key.pem: it is encrypted, and there is nobody to ask for the "
         "password; "
         "decrypt it with: openssl pkey -in etc/key.pem -out FILE"},
        {"key too short", weak_cert, weak, "cannot use certificate etc/cert.pem: ee key too small"},
        {"too large", huge, good.key,
         "cannot use certificate etc/cert.pem and key etc/key.pem: larger than 1 MiB"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct inherit_pem pem = good;
        print_message("# %s\n", rows[i].name);
        with_text(&pem, rows[i].cert, rows[i].key);
        const char *says = start_says(&pem, 1), *star = strchr(rows[i].says, '*');
        if (star)
            assert_memory_equal(says, rows[i].says, (size_t)(star - rows[i].says));
        else
            assert_string_equal(says, rows[i].says);
    }
    free(weak_cert);
    free(weak);
    free(secret_cert);
    free(secret);
    free(chain);
    free(bad_chain);
    free(cut);
    EVP_PKEY_free(weak_key);
    EVP_PKEY_free(secret_key);
    free_pem(&good);
    free_pem(&other);
}

static void test_every_pair_is_checked(void **state)
{
    (void)state;
    struct cert_opts opts = {.names = "DNS:a.example"};
    struct inherit_pem both[2] = {make_pem(&opts), make_pem(&opts)};
    assert_string_equal(start_says(both, 2), "");
    struct inherit_pem second = both[1];
    both[1].cert_path = "etc/second.pem";
    with_text(&both[1], "", second.key);
    assert_string_equal(
        start_says(both, 2),
        "cannot use certificate etc/second.pem: it holds no certificate in PEM form");
    assert_string_equal(start_says(NULL, 0),
                        "cannot serve https: no certificate is given (tls_cert and tls_key)");
    free_pem(&both[0]);
    free_pem(&second);
}

static void test_dates_are_warned_of(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int from_days, to_days;
        const char *says;
    } rows[] = {
        {"expired", -20, -10, " warn certificate_expired path=etc/cert.pem days_ago=10"},
        {"not yet valid", 2, 90, " warn certificate_not_yet_valid path=etc/cert.pem"},
        {"expires soon", -20, 4, " warn certificate_expires_soon path=etc/cert.pem days="},
        {"good for long", -20, 60, NULL},
    };
    int log[2];
    assert_int_equal(pipe2(log, O_NONBLOCK | O_CLOEXEC), 0);
    log_set_fd(log[1]);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[1024] = "";
        struct inherit_pem pem = make_pem(&(struct cert_opts){
            .names = "DNS:a", .from_days = rows[i].from_days, .to_days = rows[i].to_days});
        print_message("# %s\n", rows[i].name);
        assert_string_equal(start_says(&pem, 1), ""); /* it serves all the same */
        ssize_t len = read(log[0], text, sizeof(text) - 1);
        if (rows[i].says)
            assert_non_null(strstr(text, strstr(rows[i].says, "certificate_")));
        else
            assert_int_equal(len, -1);
        free_pem(&pem);
    }
    log_set_fd(2);
    close(log[0]);
    close(log[1]);
}

/* ---- which one ---- */

enum { CERTS = 4 };

static void test_names(void **state)
{
    static const struct cert_opts certs[CERTS] = {
        {.names = "DNS:first.example"},
        {.names = "DNS:*.b.example,DNS:B.example,IP:127.0.0.1"},
        {.names = "DNS:exact.b.example,DNS:xn--mnchen-3ya.example"},
        {.names = "DNS:*.b.example,DNS:late.example"},
    };
    static const struct {
        const char *asked;
        int expected;
    } rows[] = {
        {NULL, 0},
        {"first.example", 0},
        {"nobody.example", 0},
        {"b.example", 1},
        {"B.EXAMPLE", 1},
        {"x.b.example", 1},
        {"X.b.Example", 1},
        {"exact.b.example", 2}, /* exact before wildcard */
        {"x.y.b.example", 0},   /* a wildcard is for one label */
        {"xn--mnchen-3ya.example", 2},
        {"late.example", 3},
        {"late.example.", 3},
        {"example", 0},
        {"*.b.example", 1}, /* as a label like any other */
        {".b.example", 0},
        {"127.0.0.1", 0},
        {"a.very.long.name.that.nobody.has.a.very.long.name.that.nobody.has.a.very.long.name.that."
         "nobody.has.a.very.long.name.that.nobody.has.a.very.long.name.that.nobody.has.example",
         0},
    };
    struct tls_bench *bench = *state;
    struct inherit_pem pems[CERTS];
    for (int i = 0; i < CERTS; i++)
        pems[i] = make_pem(&certs[i]);
    struct inherit_tickets tickets = make_tickets(1);
    struct errmsg why = {{0}};
    struct tls_server *server = tls_server_new(pems, CERTS, &tickets, &bench->stats, &why);
    assert_non_null(server);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("# %s\n", rows[i].asked ? rows[i].asked : "no name");
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            tls_connect(bench, server);
            if (rows[i].asked)
                SSL_ctrl(bench->client, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                         (void *)(uintptr_t)rows[i].asked);
            SSL_set_max_proto_version(bench->client, version);
            SSL_set_alpn_protos(bench->client, (const unsigned char *)"\x02h2", 3);
            tls_shake_hands(bench);
            assert_true(bench->is_client_open);
            assert_true(bench->base.io.is_h2_chosen); /* with every certificate */
            BIO *bio = BIO_new(BIO_s_mem());
            size_t len;
            PEM_write_bio_X509(bio, SSL_get0_peer_certificate(bench->client));
            char *text = take_text(bio, &len);
            assert_string_equal(text, pems[rows[i].expected].cert);
            free(text);
            tls_hang_up(bench);
        }
    }
    tls_server_free(server);
    for (int i = 0; i < CERTS; i++)
        free_pem(&pems[i]);
}

static void test_chain_and_rsa(void **state)
{
    struct tls_bench *bench = *state;
    struct inherit_pem pem = make_pem(&(struct cert_opts){.names = "DNS:a", .rsa_bits = 2048});
    struct inherit_pem issuer = make_pem(&(struct cert_opts){.names = "DNS:issuer"});
    char *chain = join(pem.cert, issuer.cert);
    struct inherit_pem served = pem;
    with_text(&served, chain, pem.key);
    struct inherit_tickets tickets = make_tickets(1);
    struct errmsg why = {{0}};
    struct tls_server *server = tls_server_new(&served, 1, &tickets, &bench->stats, &why);
    assert_string_equal(why.text, "");
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        tls_connect(bench, server);
        SSL_set_max_proto_version(bench->client, version);
        tls_shake_hands(bench);
        assert_true(bench->is_client_open);
        assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(bench->client)), 2);
        tls_hang_up(bench);
    }
    tls_server_free(server);
    free(chain);
    free_pem(&pem);
    free_pem(&issuer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_every_pair_is_checked),
        cmocka_unit_test(test_dates_are_warned_of),
        cmocka_unit_test_setup_teardown(test_names, tls_set_up, tls_tear_down),
        cmocka_unit_test_setup_teardown(test_chain_and_rsa, tls_set_up, tls_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
