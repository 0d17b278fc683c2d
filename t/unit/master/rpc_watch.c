/* t/unit/master/rpc_watch.c - the rhythm of notifications, what they wait for, and readers that do not read. */
#include "t/unit/master/world.h"
#include <errno.h>

#include "master/reports.h"
#include "master/rpc_watch.h"

enum { WORKERS = 2, START_MS = 50000 };
static struct buf out;
static int64_t again_ms;

static int set_up(void **state)
{
    (void)state;
    world_set_up(WORKERS, 1000);
    buf_init(&out, RPC_MAX_UNREAD_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_release(&out);
    return 0;
}

static struct rpc_watch begin(uint64_t interval_ms)
{
    struct rpc_watch watch = {0};
    struct rpc_error error;
    struct mp_writer writer;
    mp_writer_init(&writer, &out);
    assert_int_equal(rpc_watch_begin(&master,
                                     &(struct rpc_params){.number = interval_ms, .watch = &watch},
                                     &writer, &error),
                     0);
    buf_clear(&out);
    return watch;
}

static int turn(struct rpc_watch *watch, int64_t now_ms)
{
    again_ms = INT64_MAX;
    return rpc_watch_turn(&master, watch, &out, now_ms, &again_ms);
}

static void report(void)
{
    for (int i = 0; i < WORKERS; i++)
        slots[i].report_id = master.report_id;
}

static void bounds(void **state)
{
    static const struct {
        uint64_t interval_ms;
        int result;
    } rows[] = {{0, -1}, {99, -1}, {100, 0}, {3600000, 0}, {3600001, -1}, {UINT64_MAX, -1}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rpc_watch watch = {.interval_ms = 7};
        struct rpc_params params = {.number = rows[i].interval_ms, .watch = &watch};
        struct rpc_error error = {0};
        struct mp_writer writer;
        mp_writer_init(&writer, &out);
        assert_int_equal(rpc_watch_begin(&master, &params, &writer, &error), rows[i].result);
        assert_int_equal(watch.interval_ms, rows[i].result ? 7 : (int64_t)rows[i].interval_ms);
        assert_int_equal(error.code, rows[i].result ? RPC_BAD_PARAMS : 0);
    }
}

static void rhythm(void **state)
{
    (void)state;
    struct rpc_watch none = {0}, watch = begin(1000);
    assert_int_equal(turn(&none, START_MS), 0);
    assert_true(again_ms == INT64_MAX); /* who does not watch wakes nobody */
    assert_int_equal(turn(&watch, START_MS), 0);
    assert_int_equal(again_ms, START_MS + REPORTS_WAIT_MS); /* the workers are asked */
    assert_true(slots[1].orders & 1u << PROTO_ORDER_REPORT);
    report();
    assert_int_equal(turn(&watch, START_MS + 3), 1);
    assert_int_equal(again_ms, START_MS + 1000);
    assert_in_range(mp_frame(buf_at(&out), buf_len(&out)), 1000, 20000);
    buf_clear(&out);
    assert_int_equal(turn(&watch, START_MS + 999), 0);
    assert_int_equal(buf_len(&out), 0);
    assert_int_equal(again_ms, START_MS + 1000);
    assert_int_equal(turn(&watch, START_MS + 1010), 0); /* late by 10 ms, which do not add up */
    report();
    assert_int_equal(turn(&watch, START_MS + 1010), 1);
    assert_int_equal(again_ms, START_MS + 2000);
    assert_int_equal(turn(&watch, START_MS + 9500), 0); /* a pause: one for all that were missed */
    report();
    assert_int_equal(turn(&watch, START_MS + 9501), 1);
    assert_int_equal(again_ms, START_MS + 10500);
}

static void a_worker_that_does_not_answer(void **state)
{
    (void)state;
    struct rpc_watch watch = begin(100);
    assert_int_equal(turn(&watch, START_MS), 0);
    slots[0].report_id = master.report_id;
    assert_int_equal(turn(&watch, START_MS + REPORTS_WAIT_MS - 1), 0);
    assert_int_equal(turn(&watch, START_MS + REPORTS_WAIT_MS), 1); /* with what is known */
    assert_int_equal(again_ms, START_MS + 100);
}

static void watchers_share_a_question(void **state)
{
    (void)state;
    struct rpc_watch first = begin(1000), second = begin(200), third = begin(100);
    assert_int_equal(turn(&first, START_MS), 0);
    uint32_t asked = master.report_id;
    assert_int_equal(turn(&second, START_MS + 20), 0);
    assert_int_equal(master.report_id, asked);
    report();
    assert_int_equal(turn(&second, START_MS + 21), 1);
    assert_int_equal(turn(&first, START_MS + 21), 1);
    assert_int_equal(turn(&third, START_MS + 60), 0);
    assert_int_equal(master.report_id, asked + 1);
}

static void one_that_does_not_read(void **state)
{
    (void)state;
    struct rpc_watch watch = begin(100);
    int written = 0, result;
    for (int64_t now_ms = START_MS;; now_ms += 10) {
        report();
        result = turn(&watch, now_ms);
        written += result > 0;
        if (result < 0)
            break;
        assert_in_range(written, 0, 1000);
    }
    assert_int_equal(result, -EMSGSIZE);
    assert_in_range(written, 50, 1000);
    assert_in_range(buf_len(&out), 1, RPC_MAX_UNREAD_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rhythm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_that_does_not_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(watchers_share_a_question, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_does_not_read, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
