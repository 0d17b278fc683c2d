/* tls.c - TLS connections: handshakes good and bad, edges, big transfers, ends. */
#include "tls_bench.h"

#include <sys/ioctl.h>

#define OPS(bench) (bench)->base.io.ops
#define IO(bench)  (&(bench)->base.io)

static ssize_t send_text(struct tls_bench *bench, const char *text)
{
    return OPS(bench)->send(IO(bench), &(struct iovec){(void *)(uintptr_t)text, strlen(text)}, 1);
}

/* recv until `len` bytes came. */
static void recv_all(struct tls_bench *bench, char *buf, size_t len)
{
    size_t total = 0;
    while (total < len) {
        ssize_t got = OPS(bench)->recv(IO(bench), buf + total, len - total);
        if (got == -EAGAIN) {
            bench_turn(&bench->base);
            continue;
        }
        assert_true(got > 0);
        total += (size_t)got;
    }
}

static void client_read_all(struct tls_bench *bench, char *buf, int len)
{
    for (int total = 0; total < len;) {
        int got = client_read(bench, buf + total, len - total);
        assert_int_not_equal(got, 0);
        if (got > 0)
            total += got;
        else
            bench_turn(&bench->base);
    }
}

static void test_hello(void **state)
{
    struct tls_bench *bench = *state;
    char buf[64];
    tls_connect(bench, bench->server);
    assert_true(tls_is_handshaking(IO(bench)));
    assert_int_equal(OPS(bench)->recv(IO(bench), buf, sizeof(buf)), -EAGAIN);
    assert_int_equal(send_text(bench, "too early"), -EAGAIN);
    tls_shake_hands(bench);
    assert_true(bench->is_client_open);
    assert_int_equal(bench->base.what, IO_READABLE);
    assert_int_equal(SSL_version(bench->client), TLS1_3_VERSION);
    assert_false(IO(bench)->is_h2_chosen);
    assert_int_equal(OPS(bench)->recv(IO(bench), buf, sizeof(buf)), -EAGAIN);
    bench_forget(&bench->base);
    assert_int_equal(SSL_write(bench->client, "GET", 3), 3);
    BENCH_UNTIL(&bench->base, bench->base.what & IO_READABLE);
    assert_int_equal(OPS(bench)->recv(IO(bench), buf, sizeof(buf)), 3);
    assert_memory_equal(buf, "GET", 3);
    assert_false(io_has_more(IO(bench)));
    assert_int_equal(send_text(bench, "answer"), 6);
    client_read_all(bench, buf, 6);
    assert_memory_equal(buf, "answer", 6);
    assert_null(OPS(bench)->send_file);
    assert_int_equal(bench->stats.tls_handshakes_total, 1);
    assert_int_equal(bench->stats.tls_resumed_total, 0);
    assert_int_equal(bench->stats.tls_failed_total, 0);
}

/* Each byte of the client's flights in a packet and an event of its own, for both versions. */
static void shake_hands_byte_by_byte(struct tls_bench *bench, int version)
{
    int fds[2];
    char byte;
    bench_pair(AF_INET, fds);
    bench->base.peer = fds[1];
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(tls_open(IO(bench), bench->base.loop, fds[0], bench->server, bench_on_ready),
                     0);
    bench->client = SSL_new(bench->client_context);
    SSL_set_app_data(bench->client, bench);
    SSL_set_max_proto_version(bench->client, version);
    BIO *to_server = BIO_new(BIO_s_mem()), *from_server = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(from_server, -1);
    SSL_set_bio(bench->client, from_server, to_server);
    SSL_set_connect_state(bench->client);
    int64_t end_ms = clock_now_ms() + patience_ms();
    while (bench->base.what == 0 || !bench->is_client_open) {
        assert_true(clock_now_ms() < end_ms);
        step_client(bench);
        assert_int_equal(bench->client_error, 0);
        while (BIO_read(to_server, &byte, 1) == 1) {
            int waiting = 0;
            assert_int_equal(write(fds[1], &byte, 1), 1);
            do { /* until it was taken, alone */
                bench_turn(&bench->base);
                ioctl(fds[0], FIONREAD, &waiting);
            } while (waiting > 0 && bench->base.what == 0);
        }
        while (read(fds[1], &byte, 1) == 1)
            BIO_write(from_server, &byte, 1);
        bench_turn(&bench->base);
    }
    assert_int_equal(bench->base.what, IO_READABLE);
    assert_int_equal(SSL_version(bench->client), version);
    tls_hang_up(bench);
}

static void test_byte_by_byte(void **state)
{
    struct tls_bench *bench = *state;
    shake_hands_byte_by_byte(bench, TLS1_3_VERSION);
    shake_hands_byte_by_byte(bench, TLS1_2_VERSION);
    assert_int_equal(bench->stats.tls_handshakes_total, 2);
}

static void test_alpn(void **state)
{
    static const struct {
        const char *name, *offered;
        unsigned len;
        bool is_h2, fails;
    } rows[] = {
        {"none", "", 0, false, false},
        {"h2", "\x02h2", 3, true, false},
        {"http/1.1", "\x08http/1.1", 9, false, false},
        {"both, ours decides", "\x08http/1.1\x02h2", 12, true, false},
        {"with unknown ones", "\x06spdy/1\x08http/1.1", 16, false, false},
        {"http/1.0 only", "\x08http/1.0", 9, false, true},
        {"h2c only", "\x03h2c", 4, false, true},
    };
    struct tls_bench *bench = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("# %s\n", rows[i].name);
        tls_connect(bench, bench->server);
        if (rows[i].len)
            SSL_set_alpn_protos(bench->client, (const unsigned char *)rows[i].offered, rows[i].len);
        tls_shake_hands(bench);
        if (rows[i].fails) {
            assert_int_equal(bench->client_error, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
            assert_int_equal(bench->base.what, IO_HANGUP);
        } else {
            assert_true(bench->is_client_open);
            assert_int_equal(IO(bench)->is_h2_chosen, rows[i].is_h2);
        }
        tls_hang_up(bench);
    }
    assert_int_equal(bench->stats.tls_failed_total, 2);
}

/* What is not TLS 1.2 or 1.3 with a good cipher is refused. */
static void test_old_crypto(void **state)
{
    static const struct {
        const char *name, *ciphers;
        int group, max_version;
        bool is_good;
    } rows[] = {
        {"TLS 1.1", "ALL:@SECLEVEL=0", 0, TLS1_1_VERSION, false},
        {"TLS 1.0", "ALL:@SECLEVEL=0", 0, TLS1_VERSION, false},
        {"CBC with SHA", "ECDHE-ECDSA-AES128-SHA", 0, TLS1_2_VERSION, false},
        {"CBC with SHA-256", "ECDHE-ECDSA-AES128-SHA256", 0, TLS1_2_VERSION, false},
        {"CCM", "ECDHE-ECDSA-AES128-CCM", 0, TLS1_2_VERSION, false},
        {"P-521", NULL, NID_secp521r1, TLS1_3_VERSION, false},
        {"X448", NULL, NID_X448, TLS1_3_VERSION, false},
        {"AES-128-GCM", "ECDHE-ECDSA-AES128-GCM-SHA256", 0, TLS1_2_VERSION, true},
        {"AES-256-GCM", "ECDHE-ECDSA-AES256-GCM-SHA384", 0, TLS1_2_VERSION, true},
        {"ChaCha20", "ECDHE-ECDSA-CHACHA20-POLY1305", 0, TLS1_2_VERSION, true},
        {"P-256", NULL, NID_X9_62_prime256v1, TLS1_3_VERSION, true},
        {"P-384", NULL, NID_secp384r1, TLS1_3_VERSION, true},
        {"X25519", NULL, NID_X25519, TLS1_3_VERSION, true},
    };
    struct tls_bench *bench = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("# %s\n", rows[i].name);
        tls_connect(bench, bench->server);
        SSL_set_security_level(bench->client, 0);
        SSL_set_min_proto_version(bench->client, TLS1_VERSION);
        SSL_set_max_proto_version(bench->client, rows[i].max_version);
        if (rows[i].ciphers)
            assert_int_equal(SSL_set_cipher_list(bench->client, rows[i].ciphers), 1);
        if (rows[i].group)
            assert_int_equal(SSL_set1_groups(bench->client, &(int){rows[i].group}, 1), 1);
        tls_shake_hands(bench);
        assert_int_equal(bench->is_client_open, rows[i].is_good);
        assert_int_equal(bench->base.what, rows[i].is_good ? IO_READABLE : IO_HANGUP);
        tls_hang_up(bench);
    }
}

static void test_the_client_chooses(void **state)
{
    static const char *const orders[] = {"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
                                         "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"};
    struct tls_bench *bench = *state;
    for (size_t i = 0; i < 2; i++) {
        tls_connect(bench, bench->server);
        SSL_set_ciphersuites(bench->client, orders[i]);
        tls_shake_hands(bench);
        const char *chosen = SSL_get_cipher_name(bench->client);
        assert_memory_equal(orders[i], chosen, strlen(chosen));
        tls_hang_up(bench);
    }
}

static void test_garbage(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t len;
    } rows[] = {
        {"an HTTP request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27},
        {"zeroes", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16},
        {"a record too long", "\x16\x03\x01\xff\xff\x01\x02\x03\x04", 9},
        {"an alert first", "\x15\x03\x01\x00\x02\x02\x28", 7},
        {"data first", "\x17\x03\x03\x00\x05hello", 10},
        {"close_notify first", "\x15\x03\x01\x00\x02\x01\x00", 7},
    };
    struct tls_bench *bench = *state;
    char buf[4];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("# %s\n", rows[i].name);
        tls_connect(bench, bench->server);
        assert_int_equal(write(bench->base.peer, rows[i].bytes, rows[i].len), rows[i].len);
        BENCH_UNTIL(&bench->base, bench->base.what != 0);
        assert_int_equal(bench->base.what, IO_HANGUP);
        assert_int_equal(OPS(bench)->recv(IO(bench), buf, sizeof(buf)), -EPROTO);
        assert_int_equal(send_text(bench, "x"), -EPROTO);
        assert_false(tls_is_handshaking(IO(bench)));
        OPS(bench)->shut_write(IO(bench)); /* harmless */
        bench_forget(&bench->base);
        assert_true(write(bench->base.peer, "more", 4) != 0);
        bench_turn(&bench->base);
        assert_int_equal(bench->base.calls, 0); /* said once */
        assert_int_equal(bench->stats.tls_failed_total, i + 1);
        tls_hang_up(bench);
    }
    assert_int_equal(bench->stats.tls_failed_total, sizeof(rows) / sizeof(rows[0]));
}

static void test_client_leaves_before_the_end(void **state)
{
    struct tls_bench *bench = *state;
    tls_connect(bench, bench->server); /* after nothing */
    bench_close_peer(&bench->base);
    BENCH_UNTIL(&bench->base, bench->base.what != 0);
    assert_int_equal(bench->base.what, IO_HANGUP);
    tls_hang_up(bench);
    tls_connect(bench, bench->server); /* after its first flight */
    step_client(bench);
    bench_reset_by_peer(&bench->base);
    BENCH_UNTIL(&bench->base, bench->base.what != 0);
    assert_int_equal(bench->base.what, IO_HANGUP);
    tls_hang_up(bench);
    assert_int_equal(bench->stats.tls_failed_total, 2);
    tls_connect(bench, bench->server); /* or stays and is thrown out */
    step_client(bench);
    bench_turn(&bench->base);
    tls_hang_up(bench);
    assert_int_equal(bench->stats.tls_failed_total, 3);
}

/* More than the caller's buffer holds: has_more says so, since no event will. */
static void test_has_more(void **state)
{
    struct tls_bench *bench = *state;
    char buf[10];
    tls_connect_and_open(bench, bench->server);
    (void)!OPS(bench)->recv(IO(bench), buf, sizeof(buf));
    bench_forget(&bench->base);
    assert_int_equal(SSL_write(bench->client, "0123456789ab", 12), 12);
    assert_int_equal(SSL_write(bench->client, "cdefghijkl", 10), 10);
    BENCH_UNTIL(&bench->base, bench->base.what & IO_READABLE);
    size_t total = 0;
    do {
        ssize_t got = OPS(bench)->recv(IO(bench), buf, sizeof(buf));
        if (got == -EAGAIN) { /* the second record came later */
            assert_false(io_has_more(IO(bench)));
            bench_turn(&bench->base);
            continue;
        }
        assert_true(got > 0);
        total += (size_t)got;
        if (total == 10)
            assert_true(io_has_more(IO(bench)));
    } while (total < 22);
    assert_false(io_has_more(IO(bench)));
}

static void test_many_small_pieces_are_one_record(void **state)
{
    struct tls_bench *bench = *state;
    enum { PIECES = 200 };
    static char text[] = "abcdefghij";
    struct iovec pieces[PIECES];
    char buf[4096];
    tls_connect_and_open(bench, bench->server);
    assert_int_equal(send_text(bench, "x"), 1); /* the ticket comes with it */
    client_read_all(bench, buf, 1);
    for (int i = 0; i < PIECES; i++)
        pieces[i] = (struct iovec){text, i % 3 ? 10 : 0};
    ssize_t sent = OPS(bench)->send(IO(bench), pieces, PIECES);
    assert_int_equal(sent, 133 * 10);
    int waiting = 0;
    ioctl(bench->base.peer, FIONREAD, &waiting);
    assert_int_equal(waiting, 133 * 10 + 5 + 1 + 16); /* header, content type, tag: once */
    assert_int_equal(client_read(bench, buf, sizeof(buf)), 133 * 10);
    for (int i = 0; i < 133; i++)
        assert_memory_equal(buf + i * 10, text, 10);
}

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

/* 8 MiB in pieces of all sizes to a reader that takes 3,000 bytes a turn at first. */
static void test_big_answer_to_a_slow_reader(void **state)
{
    struct tls_bench *bench = *state;
    enum { TOTAL = 8 << 20 };
    static const size_t sizes[] = {1, 100, 16384, 70000, 16385, 300000, 5000};
    char *block = malloc(TOTAL);
    static char buf[65536];
    for (size_t i = 0; i < TOTAL; i++)
        block[i] = (char)pattern(i);
    tls_connect_and_open(bench, bench->server);
    size_t sent = 0, received = 0;
    int refused = 0, turns = 0;
    while (received < TOTAL) {
        struct iovec pieces[7];
        size_t offset = sent;
        for (int i = 0; i < 7; i++) {
            size_t left = TOTAL - offset, len = left < sizes[i] ? left : sizes[i];
            pieces[i] = (struct iovec){block + offset, len};
            offset += len;
        }
        if (sent < TOTAL) {
            ssize_t n = OPS(bench)->send(IO(bench), pieces, 7);
            assert_true(n > 0 || n == -EAGAIN);
            if (n > 0)
                sent += (size_t)n;
            else
                refused++;
        }
        int got = client_read(bench, buf, ++turns < 50 ? 3000 : sizeof(buf));
        assert_int_not_equal(got, 0);
        for (int i = 0; i < got; i++)
            if ((unsigned char)buf[i] != pattern(received + (size_t)i))
                fail_msg("byte %zu is wrong", received + (size_t)i);
        if (got > 0)
            received += (size_t)got;
        else
            bench_turn(&bench->base);
    }
    assert_int_equal(sent, TOTAL);
    assert_true(refused > 0); /* it was slow */
    free(block);
}

static void test_writable_comes_when_all_has_left(void **state)
{
    struct tls_bench *bench = *state;
    static char block[1 << 20], buf[65536];
    tls_connect_and_open(bench, bench->server);
    size_t sent = 0, received = 0;
    ssize_t n;
    while ((n = OPS(bench)->send(IO(bench), &(struct iovec){block, sizeof(block)}, 1)) > 0)
        sent += (size_t)n;
    assert_int_equal(n, -EAGAIN);
    bench_turn(&bench->base);
    bench_forget(&bench->base);
    int64_t end_ms = clock_now_ms() + patience_ms();
    while (!(bench->base.what & IO_WRITABLE)) {
        assert_true(clock_now_ms() < end_ms);
        int got = client_read(bench, buf, sizeof(buf));
        received += got > 0 ? (size_t)got : 0;
        if (got < 0)
            bench_turn(&bench->base);
    }
    assert_true(received < sent);
    assert_int_equal(send_text(bench, "other bytes"), 11);
    while (received < sent + 11) {
        int got = client_read(bench, buf, sizeof(buf));
        received += got > 0 ? (size_t)got : 0;
        if (got < 0)
            bench_turn(&bench->base);
    }
    assert_memory_equal(strstr(buf, "other"), "other bytes", 11);
}

static void test_big_upload(void **state)
{
    struct tls_bench *bench = *state;
    enum { TOTAL = 4 << 20 };
    static char block[100000], buf[10000];
    tls_connect_and_open(bench, bench->server);
    SSL_set_mode(bench->client,
                 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    size_t sent = 0, received = 0;
    while (received < TOTAL) {
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = (char)pattern(sent + i);
        size_t left = TOTAL - sent;
        int n = left == 0 ? 0
                          : SSL_write(bench->client, block,
                                      (int)(left < sizeof(block) ? left : sizeof(block)));
        if (n > 0)
            sent += (size_t)n;
        ssize_t got = OPS(bench)->recv(IO(bench), buf, sizeof(buf));
        for (ssize_t i = 0; i < got; i++)
            if ((unsigned char)buf[i] != pattern(received + (size_t)i))
                fail_msg("byte %zu is wrong", received + (size_t)i);
        if (got > 0)
            received += (size_t)got;
        else
            assert_int_equal(got, -EAGAIN);
        if (got < 0)
            bench_turn(&bench->base);
    }
}

static void test_end_with_close_notify(void **state)
{
    struct tls_bench *bench = *state;
    char buf[16];
    tls_connect_and_open(bench, bench->server);
    assert_int_equal(SSL_write(bench->client, "last", 4), 4);
    assert_int_equal(SSL_shutdown(bench->client), 0);
    recv_all(bench, buf, 4);
    ssize_t got;
    while ((got = OPS(bench)->recv(IO(bench), buf, sizeof(buf))) == -EAGAIN)
        bench_turn(&bench->base);
    assert_int_equal(got, 0);
    assert_false(tls_is_truncated(IO(bench)));
    assert_int_equal(OPS(bench)->recv(IO(bench), buf, sizeof(buf)), 0); /* and again */
    assert_int_equal(send_text(bench, "answer"), 6);                    /* our side is open */
    client_read_all(bench, buf, 6);
    OPS(bench)->shut_write(IO(bench));
    OPS(bench)->shut_write(IO(bench)); /* harmless */
    assert_int_equal(send_text(bench, "more"), -EPIPE);
    bench_turn(&bench->base);
    assert_int_equal(SSL_read(bench->client, buf, 1), 0);
    assert_int_equal(SSL_get_shutdown(bench->client), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(read(bench->base.peer, buf, 1), 0); /* FIN follows */
}

static void test_end_without_close_notify(void **state)
{
    struct tls_bench *bench = *state;
    char buf[16];
    tls_connect_and_open(bench, bench->server);
    assert_int_equal(SSL_write(bench->client, "last", 4), 4);
    shutdown(bench->base.peer, SHUT_WR);
    BENCH_UNTIL(&bench->base, bench->base.what & IO_HANGUP);
    assert_int_equal(OPS(bench)->recv(IO(bench), buf, sizeof(buf)), 4);
    assert_int_equal(OPS(bench)->recv(IO(bench), buf, sizeof(buf)), 0);
    assert_true(tls_is_truncated(IO(bench)));
    assert_int_equal(send_text(bench, "answer"), 6);
    client_read_all(bench, buf, 6);
}

static void test_reset(void **state)
{
    struct tls_bench *bench = *state;
    char buf[16];
    tls_connect_and_open(bench, bench->server);
    bench_reset_by_peer(&bench->base);
    BENCH_UNTIL(&bench->base, bench->base.what != 0);
    assert_true(io_is_dead(IO(bench)));
    assert_int_equal(OPS(bench)->recv(IO(bench), buf, sizeof(buf)), -ECONNRESET);
    assert_int_equal(send_text(bench, "x"), -ECONNRESET);
}

static void test_damaged_record(void **state)
{
    struct tls_bench *bench = *state;
    char buf[16];
    tls_connect_and_open(bench, bench->server);
    assert_int_equal(write(bench->base.peer, "\x17\x03\x03\x00\x14 not what you expect", 25), 25);
    BENCH_UNTIL(&bench->base, bench->base.what & IO_READABLE);
    assert_int_equal(OPS(bench)->recv(IO(bench), buf, sizeof(buf)), -EPROTO);
    assert_int_equal(OPS(bench)->recv(IO(bench), buf, sizeof(buf)), -EPROTO);
    assert_int_equal(client_read(bench, buf, sizeof(buf)), 0); /* an alert */
}

static void test_renegotiation_is_refused(void **state)
{
    struct tls_bench *bench = *state;
    char buf[16];
    tls_connect(bench, bench->server);
    SSL_set_max_proto_version(bench->client, TLS1_2_VERSION);
    tls_shake_hands(bench);
    bench_forget(&bench->base);
    assert_int_equal(SSL_renegotiate(bench->client), 1);
    int result = 1;
    BENCH_UNTIL(&bench->base,
                ((void)!OPS(bench)->recv(IO(bench), buf, sizeof(buf)), ERR_clear_error(),
                 (result = SSL_do_handshake(bench->client)) < 0 &&
                     SSL_get_error(bench->client, result) != SSL_ERROR_WANT_READ));
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
}

/* A peer that asks for new keys again and again and does not read our answers ends, and takes no memory meanwhile. */
static void test_key_update_flood(void **state)
{
    struct tls_bench *bench = *state;
    static char buf[65536];
    tls_connect_over(bench, bench->server,
                     AF_UNIX); /* room is counted exactly, and for each side */
    tls_shake_hands(bench);
    assert_true(bench->is_client_open);
    ssize_t got = 0;
    int64_t end_ms = clock_now_ms() + patience_ms();
    for (int i = 0; got >= 0 || got == -EAGAIN; i++) {
        if (i == 300 && patience_ms() > PATIENCE_MS)
            return; /* the 7,000 rounds to its end take valgrind minutes */
        assert_true(clock_now_ms() < end_ms);
        ERR_clear_error();
        if (SSL_key_update(bench->client, SSL_KEY_UPDATE_REQUESTED) == 1)
            SSL_do_handshake(bench->client);
        SSL_write(bench->client, "x", 1); /* else OpenSSL stops it after 32 */
        got = OPS(bench)->recv(IO(bench), buf, sizeof(buf));
        if (got == -EAGAIN)
            bench_turn(&bench->base);
    }
}

/* The owner closes at once, as after a plain send: the peer still gets every byte. */
static void test_close_delivers(void **state)
{
    struct tls_bench *bench = *state;
    static char block[1 << 16], buf[65536];
    tls_connect_and_open(bench, bench->server);
    size_t sent = 0, received = 0;
    ssize_t n;
    while ((n = OPS(bench)->send(IO(bench), &(struct iovec){block, sizeof(block)}, 1)) > 0)
        sent += (size_t)n;
    OPS(bench)->shut_write(IO(bench));
    OPS(bench)->close(IO(bench));
    assert_int_equal(tls_server_unsent_count(bench->server), 1);
    int got;
    int64_t end_ms = clock_now_ms() + patience_ms();
    while ((got = client_read(bench, buf, sizeof(buf))) != 0) {
        assert_true(clock_now_ms() < end_ms);
        received += got > 0 ? (size_t)got : 0;
        if (got < 0)
            bench_turn(&bench->base);
    }
    assert_int_equal(received, sent);
    assert_true(SSL_get_shutdown(bench->client) & SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(tls_server_unsent_count(bench->server), 0);
}

static void test_close_with_a_peer_that_is_gone(void **state)
{
    struct tls_bench *bench = *state;
    static char block[1 << 16];
    for (int round = 0; round < 2; round++) {
        tls_connect_and_open(bench, bench->server);
        while (OPS(bench)->send(IO(bench), &(struct iovec){block, sizeof(block)}, 1) > 0)
            ;
        OPS(bench)->close(IO(bench));
        assert_int_equal(tls_server_unsent_count(bench->server), 1);
        if (round == 1)
            break; /* left for tls_server_free */
        bench_reset_by_peer(&bench->base);
        BENCH_UNTIL(&bench->base, tls_server_unsent_count(bench->server) == 0);
        tls_hang_up(bench);
    }
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, tls_set_up, tls_tear_down)
    const struct CMUnitTest tests[] = {
        ROW(test_hello),
        ROW(test_byte_by_byte),
        ROW(test_alpn),
        ROW(test_old_crypto),
        ROW(test_the_client_chooses),
        ROW(test_garbage),
        ROW(test_client_leaves_before_the_end),
        ROW(test_has_more),
        ROW(test_many_small_pieces_are_one_record),
        ROW(test_big_answer_to_a_slow_reader),
        ROW(test_writable_comes_when_all_has_left),
        ROW(test_big_upload),
        ROW(test_end_with_close_notify),
        ROW(test_end_without_close_notify),
        ROW(test_reset),
        ROW(test_damaged_record),
        ROW(test_renegotiation_is_refused),
        ROW(test_key_update_flood),
        ROW(test_close_delivers),
        ROW(test_close_with_a_peer_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
