/* tls_session.c - resumption: across servers with the same ticket keys, and through their rotation. */
#include "tls_bench.h"

/* A connection to `server` that offers `session` (may be NULL) and takes the tickets. Whether it was resumed. */
static bool visit(struct tls_bench *bench, struct tls_server *server, int version,
                  SSL_SESSION *session)
{
    char buf[16] = "x";
    tls_connect(bench, server);
    SSL_set_max_proto_version(bench->client, version);
    if (session) { /* a copy: OpenSSL bars one that was renewed from being used again */
        SSL_SESSION *copy = SSL_SESSION_dup(session);
        assert_int_equal(SSL_set_session(bench->client, copy), 1);
        SSL_SESSION_free(copy);
    }
    tls_shake_hands(bench);
    assert_true(bench->is_client_open);
    assert_int_equal(bench->base.io.ops->send(&bench->base.io, &(struct iovec){buf, 1}, 1), 1);
    BENCH_UNTIL(&bench->base, client_read(bench, buf, sizeof(buf)) == 1);
    bool is_resumed = SSL_session_reused(bench->client);
    if (version == TLS1_2_VERSION) { /* OpenSSL says nothing of a renewed one */
        SSL_SESSION_free(bench->session);
        bench->session = SSL_get1_session(bench->client);
    }
    SSL_shutdown(bench->client);
    tls_hang_up(bench);
    return is_resumed;
}

static SSL_SESSION *take_session(struct tls_bench *bench)
{
    SSL_SESSION *session = bench->session;
    assert_non_null(session);
    bench->session = NULL;
    return session;
}

/* Keys as the master rotates them: previous <- current <- next <- new. */
static struct inherit_tickets rotate(const struct inherit_tickets *old, int fresh)
{
    struct inherit_tickets tickets = *old;
    memcpy(tickets.key[1], old->key[0], INHERIT_TICKET_KEY_BYTES);
    memcpy(tickets.key[0], old->key[2], INHERIT_TICKET_KEY_BYTES);
    memset(tickets.key[2], fresh, INHERIT_TICKET_KEY_BYTES);
    return tickets;
}

static void across_servers(struct tls_bench *bench, int version)
{
    struct inherit_tickets same = make_tickets(1), foreign = make_tickets(100);
    struct tls_server *second = make_server(bench, &same), *third = make_server(bench, &foreign);
    assert_false(visit(bench, bench->server, version, NULL));
    SSL_SESSION *session = take_session(bench);
    uint64_t resumed = bench->stats.tls_resumed_total;
    assert_true(visit(bench, second, version, session));
    assert_int_equal(bench->stats.tls_resumed_total, resumed + 1);
    assert_false(visit(bench, third, version, session)); /* keys it does not know */
    assert_int_equal(bench->stats.tls_resumed_total, resumed + 1);
    SSL_SESSION_free(session);
    tls_server_free(second);
    tls_server_free(third);
}

static void test_across_servers(void **state)
{
    across_servers(*state, TLS1_2_VERSION);
    across_servers(*state, TLS1_3_VERSION);
}

/* A chain of visits, each with the ticket of the one before, as a browser does. */
static void test_again_and_again(void **state)
{
    struct tls_bench *bench = *state;
    assert_false(visit(bench, bench->server, TLS1_3_VERSION, NULL));
    for (int i = 0; i < 5; i++) {
        SSL_SESSION *session = take_session(bench);
        assert_true(visit(bench, bench->server, TLS1_3_VERSION, session));
        SSL_SESSION_free(session);
    }
}

static void rotation(struct tls_bench *bench, int version)
{
    struct inherit_tickets keys[4] = {make_tickets(10)};
    for (int i = 1; i < 4; i++)
        keys[i] = rotate(&keys[i - 1], 50 + i);
    struct tls_server *ahead = make_server(bench, &keys[1]);
    tls_server_set_tickets(bench->server, &keys[0]);
    assert_false(visit(bench, bench->server, version, NULL));
    SSL_SESSION *session = take_session(bench);
    assert_true(
        visit(bench, ahead, version, session)); /* its previous key; it gives a new ticket */
    SSL_SESSION *newer = take_session(bench);
    assert_true(visit(bench, bench->server, version, newer)); /* the next key of the one behind */
    tls_server_set_tickets(bench->server, &keys[1]);
    assert_true(visit(bench, bench->server, version, session));
    assert_true(visit(bench, bench->server, version, newer));
    tls_server_set_tickets(bench->server, &keys[2]);
    assert_false(visit(bench, bench->server, version, session)); /* two rotations old */
    assert_true(visit(bench, bench->server, version, newer));
    tls_server_set_tickets(bench->server, &keys[3]);
    assert_false(visit(bench, bench->server, version, newer));
    SSL_SESSION_free(session);
    SSL_SESSION_free(newer);
    tls_server_free(ahead);
}

static void test_rotation(void **state)
{
    rotation(*state, TLS1_2_VERSION);
    rotation(*state, TLS1_3_VERSION);
}

/* A ticket that somebody changed is no ticket. */
static void test_forged(void **state)
{
    struct tls_bench *bench = *state;
    assert_false(visit(bench, bench->server, TLS1_2_VERSION, NULL));
    SSL_SESSION *session = take_session(bench);
    int der_len = i2d_SSL_SESSION(session, NULL);
    unsigned char *der = malloc((size_t)der_len), *end = der;
    i2d_SSL_SESSION(session, &end);
    const unsigned char *ticket;
    size_t ticket_len;
    SSL_SESSION_get0_ticket(session, &ticket, &ticket_len);
    unsigned char *there = memmem(der, (size_t)der_len, ticket, ticket_len);
    assert_non_null(there);
    there[ticket_len / 2] ^= 1;
    const unsigned char *start = der;
    SSL_SESSION *forged = d2i_SSL_SESSION(NULL, &start, der_len);
    assert_non_null(forged);
    assert_true(visit(bench, bench->server, TLS1_2_VERSION, session));
    assert_false(visit(bench, bench->server, TLS1_2_VERSION, forged));
    SSL_SESSION_free(forged);
    SSL_SESSION_free(session);
    free(der);
}

static void test_lifetime(void **state)
{
    struct tls_bench *bench = *state;
    assert_false(visit(bench, bench->server, TLS1_3_VERSION, NULL));
    assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(bench->session), 24 * 3600);
    assert_int_equal(SSL_SESSION_get_max_early_data(bench->session), 0);
}

/* The ticket comes with the first bytes that are sent, in the same packet. */
static void test_ticket_with_the_first_bytes(void **state)
{
    struct tls_bench *bench = *state;
    char buf[4] = "x";
    tls_connect_and_open(bench, bench->server);
    assert_int_equal(client_read(bench, buf, sizeof(buf)), -1);
    assert_null(bench->session);
    assert_int_equal(bench->base.io.ops->send(&bench->base.io, &(struct iovec){buf, 1}, 1), 1);
    BENCH_UNTIL(&bench->base, client_read(bench, buf, sizeof(buf)) == 1);
    assert_non_null(bench->session);
    SSL_SESSION *first = take_session(bench);
    assert_int_equal(bench->base.io.ops->send(&bench->base.io, &(struct iovec){buf, 1}, 1), 1);
    BENCH_UNTIL(&bench->base, client_read(bench, buf, sizeof(buf)) == 1);
    assert_null(bench->session); /* one */
    SSL_SESSION_free(first);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, tls_set_up, tls_tear_down)
    const struct CMUnitTest tests[] = {
        ROW(test_across_servers), ROW(test_again_and_again), ROW(test_rotation),
        ROW(test_forged),         ROW(test_lifetime),        ROW(test_ticket_with_the_first_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
