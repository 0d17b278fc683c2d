/* t/unit/master/coroutines.c - rows of a worker are checked to the byte, and share the room of an answer. */
#include "t/unit/master/world.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "master/coroutines.h"

enum { WORKERS = 4 };

static int set_up(void **state)
{
    (void)state;
    world_set_up(WORKERS, -1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < WORKERS; i++)
        coroutines_clear(&slots[i]);
    return 0;
}

/* A row whose name is `name_len` long; `break_at` changes something (0: nothing). */
static void put_row(struct mp_writer *out, unsigned id, size_t name_len, int break_at)
{
    static const char text[1024] = {[0 ... 1022] = 'n'};
    mp_put_map(out, break_at == 1 ? 9 : 10);
    mp_put_str(out, break_at == 2 ? "idd" : "id");
    if (break_at == 3)
        mp_put_array(out, 0);
    else
        mp_put_uint(out, id);
    mp_put_str(out, "parent");
    mp_put_nil(out);
    mp_put_str(out, "name");
    mp_put_str_len(out, text, break_at == 4 ? 600 : name_len);
    mp_put_str(out, "route");
    mp_put_str(out, "GET /");
    mp_put_str(out, "request_id");
    mp_put_nil(out);
    mp_put_str(out, "age_ms");
    mp_put_uint(out, 5);
    mp_put_str(out, "state");
    mp_put_str(out, "waiting");
    mp_put_str(out, "waiting");
    mp_put_map(out, break_at == 5 ? 3 : 2);
    mp_put_str(out, break_at == 6 ? "kin" : "kind");
    mp_put_str(out, "sleep");
    mp_put_str(out, "what");
    if (break_at == 7)
        mp_put_uint(out, 5);
    else
        mp_put_str(out, "212 ms");
    mp_put_str(out, "file");
    mp_put_str(out, "x.c");
    mp_put_str(out, "line");
    if (break_at == 8)
        mp_put_bool(out, true);
    else
        mp_put_uint(out, 7);
    if (break_at == 9)
        mp_put_nil(out); /* a byte behind the end */
}

enum kind_of_fd { SEALED, UNSEALED, HALF_SEALED, PIPE, NO_FD, TOO_LARGE };

static int fd_with(const struct buf *rows, enum kind_of_fd kind)
{
    int ends[2];
    if (kind == NO_FD)
        return -1;
    if (kind == PIPE) {
        assert_int_equal(pipe(ends), 0);
        close(ends[1]);
        return ends[0];
    }
    int fd = memfd_create("rows", MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, buf_at(rows), buf_len(rows)), (ssize_t)buf_len(rows));
    if (kind == TOO_LARGE)
        assert_int_equal(ftruncate(fd, PROTO_COROUTINES_BYTES + 1), 0);
    int seals = kind == HALF_SEALED ? F_SEAL_SHRINK : F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (kind != UNSEALED)
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

/* Let worker `i` tell `count` rows. Whether it is believed. */
static bool tell(int i, uint32_t id, uint32_t count, uint32_t claimed, size_t name_len,
                 int break_at, enum kind_of_fd kind)
{
    struct buf rows;
    struct mp_writer out;
    struct proto_message message = {.kind = PROTO_COROUTINES,
                                    .report_id = id,
                                    .live_count = claimed + 3,
                                    .shown_count = claimed};
    buf_init(&rows, PROTO_COROUTINES_BYTES);
    mp_writer_init(&out, &rows);
    for (uint32_t k = 0; k < count; k++)
        put_row(&out, k + 1, name_len, k + 1 == count ? break_at : 0);
    assert_int_equal(out.error, 0);
    int fd = fd_with(&rows, kind);
    bool is_taken = coroutines_take(&master, &slots[i], &message, fd);
    if (fd >= 0)
        close(fd);
    buf_release(&rows);
    return is_taken;
}

static const struct {
    const char *name;
    uint32_t id, count, claimed;
    int break_at;
    enum kind_of_fd kind;
    bool is_taken;
} words[] = {
    {"as it should be", 1, 3, 3, 0, SEALED, true},
    {"none", 1, 0, 0, 0, NO_FD, true},
    {"none, with a descriptor", 1, 0, 0, 0, PIPE, true},
    {"never asked for", 2, 1, 1, 0, SEALED, false},
    {"no question at all", 0, 1, 1, 0, SEALED, false},
    {"rows that are not there", 1, 0, 1, 0, NO_FD, false},
    {"an empty memory", 1, 0, 1, 0, SEALED, false},
    {"more rows than it says", 1, 3, 2, 0, SEALED, false},
    {"fewer rows than it says", 1, 3, 4, 0, SEALED, false},
    {"a row of nine pairs", 1, 2, 2, 1, SEALED, false},
    {"another key", 1, 2, 2, 2, SEALED, false},
    {"a list as id", 1, 2, 2, 3, SEALED, false},
    {"a text too long", 1, 2, 2, 4, SEALED, false},
    {"three pairs of waiting", 1, 2, 2, 5, SEALED, false},
    {"another key of waiting", 1, 2, 2, 6, SEALED, false},
    {"a number as what", 1, 2, 2, 7, SEALED, false},
    {"a boolean as line", 1, 2, 2, 8, SEALED, false},
    {"a byte behind the end", 1, 2, 2, 9, SEALED, false},
    {"memory that can still change", 1, 2, 2, 0, UNSEALED, false},
    {"memory that can still be written", 1, 2, 2, 0, HALF_SEALED, false},
    {"a pipe, which would make it wait", 1, 2, 2, 0, PIPE, false},
    {"more memory than is allowed", 1, 2, 2, 0, TOO_LARGE, false},
};

static void words_of_a_worker(void **state)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        tear_down(state);
        set_up(state);
        uint32_t id = coroutines_ask(&master);
        assert_int_equal(id, 1);
        bool is_taken = tell(0, words[i].id, words[i].count, words[i].claimed, 5, words[i].break_at,
                             words[i].kind);
        if (is_taken != words[i].is_taken)
            fail_msg("%s: %s", words[i].name, is_taken ? "taken" : "not taken");
        assert_int_equal(slots[0].told.id, is_taken ? 1 : 0);
        if (is_taken && tell(0, 1, 1, 1, 5, 0, SEALED))
            fail_msg("%s: taken twice", words[i].name);
    }
}

static void a_question_is_over_when_all_have_told(void **state)
{
    (void)state;
    uint32_t id = coroutines_ask(&master);
    for (int i = 0; i < WORKERS; i++) {
        assert_false(coroutines_all_told(&master, id));
        if (i == 1)
            slots[i].late = true; /* is not waited for */
        else if (i == 2)
            slots[i].state = SLOT_HUNG; /* nor is this one */
        else
            assert_true(tell(i, id, 1, 1, 5, 0, SEALED));
        if (i == 2)
            assert_false(coroutines_all_told(&master, id));
    }
    assert_true(coroutines_all_told(&master, id));
    assert_false(coroutines_all_told(&master, coroutines_ask(&master)));
}

static void late_rows_are_not_kept(void **state)
{
    (void)state;
    uint32_t id = coroutines_ask(&master);
    coroutines_forget(&master);
    assert_true(tell(0, id, 100, 100, 5, 0, SEALED));
    assert_int_equal(buf_len(&slots[0].told.rows), 0);
    id = coroutines_ask(&master);
    assert_true(tell(0, id, 100, 100, 5, 0, SEALED));
    assert_true(buf_len(&slots[0].told.rows) > 0);
    coroutines_forget(&master);
    assert_int_equal(buf_len(&slots[0].told.rows), 0);
}

/* The answer's rows and, of each worker, how many are left out (-1: it has not answered). */
static size_t answer(uint32_t id, size_t already, int64_t left_out[WORKERS])
{
    struct buf out;
    struct mp_writer writer;
    struct mp_reader reader;
    struct mp_value value;
    struct rpc_error error = {0};
    const struct rpc_params params = {.wait_id = id};
    buf_init(&out, RPC_MAX_UNREAD_BYTES);
    mp_writer_init(&writer, &out);
    for (size_t i = 0; i < already; i++)
        mp_put_nil(&writer);
    assert_int_equal(coroutines_answer(&master, &params, &writer, &error), 0);
    assert_int_equal(writer.error, 0); /* it fits */
    assert_int_equal(mp_frame(buf_at(&out) + already, buf_len(&out) - already),
                     buf_len(&out) - already);
    mp_reader_init(&reader, buf_at(&out) + already, buf_len(&out) - already);
    assert_int_equal(mp_get_type(&reader, MP_MAP, &value), 0);
    assert_int_equal(mp_get_type(&reader, MP_STR, &value), 0);
    assert_int_equal(mp_get_type(&reader, MP_ARRAY, &value), 0);
    size_t count = value.len;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(mp_skip(&reader), 0);
    assert_int_equal(mp_get_type(&reader, MP_STR, &value), 0);
    assert_int_equal(mp_get_type(&reader, MP_ARRAY, &value), 0);
    assert_int_equal(value.len, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        bool is_told = false;
        assert_int_equal(mp_get_type(&reader, MP_MAP, &value), 0);
        for (size_t pairs = value.len; pairs > 0; pairs--) {
            struct mp_value key;
            assert_int_equal(mp_get_type(&reader, MP_STR, &key), 0);
            assert_int_equal(mp_get(&reader, &value), 0);
            if (mp_str_is(&key, "answered"))
                is_told = value.boolean;
            if (mp_str_is(&key, "left_out"))
                left_out[i] = is_told ? (int64_t)value.uint : -1;
        }
    }
    assert_ptr_equal(reader.at, reader.end);
    buf_release(&out);
    return count;
}

static void rooms_are_shared(void **state)
{
    (void)state;
    int64_t left_out[WORKERS];
    uint32_t id = coroutines_ask(&master);
    assert_true(tell(0, id, 10, 10, 5, 0, SEALED));
    assert_true(tell(1, id, 5000, 5000, 50, 0, SEALED));
    assert_true(tell(2, id, 3000, 3000, 150, 0, SEALED));
    size_t count = answer(id, 0, left_out);
    assert_int_equal(left_out[0], 3); /* what it left out itself */
    assert_int_equal(left_out[3], -1);
    assert_true(left_out[1] > 3 && left_out[2] > 3);
    assert_int_equal(count, 10 + 5003 - left_out[1] + 3003 - left_out[2]);
    assert_in_range(count, 3000,
                    8000); /* the room is used: what one does not need goes to others */

    /* Half of the room is taken by answers that were not read yet; then nearly all of it, then all. */
    size_t half = answer(id, RPC_MAX_UNREAD_BYTES / 2, left_out);
    assert_in_range(half, 1000, count - 1000);
    assert_int_equal(left_out[0], 3);
    assert_in_range(answer(id, RPC_MAX_UNREAD_BYTES - 20000, left_out), 1, 12);
    assert_int_equal(answer(id, RPC_MAX_UNREAD_BYTES - 4000, left_out), 0);
    assert_int_equal(left_out[0], 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(words_of_a_worker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_question_is_over_when_all_have_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(late_rows_are_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rooms_are_shared, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
