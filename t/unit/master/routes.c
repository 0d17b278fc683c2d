/* t/unit/master/routes.c - what workers tell of their routes is checked, added up, kept when they end, and never goes back. */
#include "t/unit/master/world.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "master/routes.h"

enum { WORKERS = 3 };

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
        routes_clear(&slots[i]);
    route_table_release(&master.routes.dead);
    return 0;
}

/* A route that has answered `answered` of `requests`, each in `us`. */
static struct route_row row_of(const char *path, uint64_t requests, uint64_t answered, uint64_t us)
{
    struct route_row row = {.method = GALLEY_STR("GET"), .name = GALLEY_STR("handler")};
    row.path = (galley_str){path, strlen(path)};
    row.requests = requests;
    row.responses[2] = answered;
    row.latency_us.counts[histogram_bucket(us)] = answered;
    row.latency_us.max = answered ? us : 0;
    return row;
}

static int seal(const struct buf *rows, int seals)
{
    int fd = memfd_create("unit", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, buf_at(rows), buf_len(rows)), buf_len(rows));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

enum { SEALED = F_SEAL_SHRINK | F_SEAL_WRITE };

/* Let a worker tell these; `seals` of the memory they are in. */
static bool tell_sealed(int number, uint32_t id, const struct route_row *rows, size_t count,
                        int seals)
{
    struct proto_message message = {.kind = PROTO_ROUTES, .report_id = id};
    struct buf buf;
    struct mp_writer out;
    buf_init(&buf, PROTO_ROUTES_BYTES + 4096);
    mp_writer_init(&out, &buf);
    for (size_t i = 0; i < count; i++)
        route_row_put(&out, &rows[i]);
    assert_int_equal(out.error, 0);
    message.shown_count = (uint32_t)count;
    int fd = seal(&buf, seals);
    bool is_taken = routes_take(&master, &slots[number], &message, fd);
    close(fd);
    buf_release(&buf);
    return is_taken;
}

static bool tell(int number, uint32_t id, const struct route_row *rows, size_t count)
{
    return tell_sealed(number, id, rows, count, SEALED);
}

/* ---- the answer, read back ---- */

static struct buf answer;

static bool find(struct mp_reader map, const char *key, struct mp_reader *value)
{
    struct mp_value head, name;
    assert_int_equal(mp_get_type(&map, MP_MAP, &head), 0);
    for (size_t i = 0; i < head.len; i++) {
        assert_int_equal(mp_get_type(&map, MP_STR, &name), 0);
        *value = map;
        if (mp_str_is(&name, key))
            return true;
        assert_int_equal(mp_skip(&map), 0);
    }
    return false;
}

/* Ask for the sums. How many rows. */
static size_t ask(void)
{
    struct rpc_error error;
    struct mp_writer out;
    struct mp_reader reader;
    struct mp_value list;
    buf_release(&answer);
    buf_init(&answer, RPC_MAX_UNREAD_BYTES);
    mp_writer_init(&out, &answer);
    assert_int_equal(routes_answer(&master, &(struct rpc_params){0}, &out, &error), 0);
    assert_int_equal(out.error, 0);
    assert_int_equal(mp_frame(buf_at(&answer), buf_len(&answer)), buf_len(&answer));
    mp_reader_init(&reader, buf_at(&answer), buf_len(&answer));
    assert_int_equal(mp_get_type(&reader, MP_ARRAY, &list), 0);
    return list.len;
}

/* A number of row `index`: "requests", or "latency_us.p50". */
static uint64_t number(size_t index, const char *key, const char *inner)
{
    struct mp_reader reader, at, part;
    struct mp_value value;
    mp_reader_init(&reader, buf_at(&answer), buf_len(&answer));
    assert_int_equal(mp_get_type(&reader, MP_ARRAY, &value), 0);
    for (size_t i = 0; i < index; i++)
        assert_int_equal(mp_skip(&reader), 0);
    assert_true(find(reader, key, &at));
    if (inner) {
        part = at;
        assert_true(find(part, inner, &at));
    }
    assert_int_equal(mp_get_type(&at, MP_UINT, &value), 0);
    return value.uint;
}

/* ---- the tests ---- */

static void adds_up(void **state)
{
    (void)state;
    master.routes.asked_id = 1;
    struct route_row first[] = {row_of("/a", 10, 8, 100), row_of("/b", 5, 5, 20)};
    struct route_row second[] = {row_of("/a", 90, 90, 5000), row_of("/b", 0, 0, 0)};
    assert_false(routes_all_told(&master, 1));
    assert_true(tell(0, 1, first, 2));
    assert_true(tell(1, 1, second, 2));
    assert_false(routes_all_told(&master, 1));
    slots[2].late = true; /* not waited for */
    assert_true(routes_all_told(&master, 1));
    assert_int_equal(ask(), 2);
    assert_int_equal(number(0, "requests", NULL), 100);
    assert_int_equal(number(0, "responses", "2xx"), 98);
    assert_int_equal(number(0, "in_flight", NULL), 2);
    assert_int_equal(number(0, "latency_us", "p50"), 5000); /* its bucket ends behind the longest */
    assert_int_equal(number(0, "latency_us", "max"), 5000);
    assert_int_equal(number(1, "requests", NULL), 5);
    assert_int_equal(number(1, "latency_us", "p99"), 20);
}

static void the_dead_stay(void **state)
{
    (void)state;
    struct route_row rows[] = {row_of("/a", 10, 8, 100), row_of("/b", 5, 5, 20)};
    struct route_row news[] = {row_of("/new", 1, 1, 7), row_of("/b", 2, 1, 20)};
    master.routes.asked_id = 1;
    assert_true(tell(0, 1, rows, 2));
    routes_bury(&master, &slots[0]);
    assert_int_equal(slots[0].routes.count, 0);
    assert_int_equal(ask(), 2);
    assert_int_equal(number(0, "requests", NULL), 10);
    assert_int_equal(number(0, "in_flight", NULL), 0); /* they will not end any more */
    assert_true(tell(0, 1, news, 2));                  /* another release in its place */
    assert_int_equal(ask(), 3);
    assert_int_equal(number(0, "requests", NULL), 1); /* what serves now comes first */
    assert_int_equal(number(1, "requests", NULL), 7);
    assert_int_equal(number(1, "in_flight", NULL), 1);
    assert_int_equal(number(2, "requests", NULL), 10);
    routes_bury(&master, &slots[0]);
    routes_bury(&master, &slots[0]); /* nothing is buried twice */
    assert_int_equal(ask(), 3);
    assert_int_equal(number(0, "requests", NULL), 10); /* in the order in which they were told */
    assert_int_equal(number(1, "requests", NULL), 7);
    assert_int_equal(number(2, "requests", NULL), 1);
}

static void gossip(void **state)
{
    (void)state;
    struct route_row rows[] = {row_of("/a", 10, 8, 100), row_of("/b", 5, 5, 20)};
    struct route_row less[] = {row_of("/a", 9, 8, 100), row_of("/b", 5, 5, 20)};
    struct route_row other[] = {row_of("/a", 10, 8, 100), row_of("/c", 5, 5, 20)};
    struct route_row more[] = {row_of("/a", 12, 9, 100), row_of("/b", 5, 5, 20)};
    master.routes.asked_id = 3;
    assert_true(tell(0, 2, rows, 2));
    assert_false(tell(0, 2, more, 2)); /* answered already */
    assert_false(tell(0, 4, more, 2)); /* never asked */
    assert_false(tell(0, 3, less, 2)); /* goes back */
    assert_false(tell(0, 3, other, 2));
    assert_false(tell(0, 3, rows, 1));
    assert_false(tell_sealed(0, 3, more, 2, F_SEAL_SHRINK)); /* it may change yet */
    struct proto_message none = {.kind = PROTO_ROUTES, .report_id = 3, .shown_count = 2};
    assert_false(routes_take(&master, &slots[0], &none, -1));
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_false(routes_take(&master, &slots[0], &none, ends[0])); /* nobody writes into it */
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(ask(), 2);
    assert_int_equal(number(0, "requests", NULL), 10); /* nothing has changed */
    none.shown_count = 0;                              /* it had no memory */
    assert_true(routes_take(&master, &slots[0], &none, -1));
    assert_int_equal(ask(), 2);
    assert_int_equal(number(0, "requests", NULL), 10);
    assert_true(tell(0, 0, more, 2)); /* its last word */
    assert_false(tell(0, 0, more, 2));
    assert_int_equal(ask(), 2);
    assert_int_equal(number(0, "requests", NULL), 12);
}

static void too_many(void **state)
{
    static char paths[ROUTE_ROWS_MAX + 1][200];
    static struct route_row rows[ROUTE_ROWS_MAX + 1];
    (void)state;
    master.routes.asked_id = 1;
    uint64_t sum = 0;
    for (uint32_t round = 0; round < 5; round++) {
        for (size_t i = 0; i <= ROUTE_ROWS_MAX; i++) {
            snprintf(paths[i], sizeof(paths[i]), "/%u/%0180zu", round, i);
            rows[i] = row_of(paths[i], i, i, 50);
            sum += i < ROUTE_ROWS_MAX ? i : 0;
        }
        assert_false(tell(0, 1, rows, ROUTE_ROWS_MAX + 1));
        assert_true(tell(0, 1, rows, ROUTE_ROWS_MAX));
        routes_bury(&master, &slots[0]);
    }
    assert_int_equal(master.routes.dead.count, ROUTE_TABLE_MAX);
    size_t count = ask();
    assert_in_range(count, 1000, ROUTE_TABLE_MAX - 1);
    assert_in_range(buf_len(&answer), RPC_MAX_UNREAD_BYTES / 2, RPC_MAX_UNREAD_BYTES);
    uint64_t shown = 0;
    for (size_t i = 0; i < count; i++)
        shown += number(i, "requests", NULL);
    assert_int_equal(shown, sum); /* what is not shown by itself is among the others */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(adds_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_dead_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gossip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many, set_up, tear_down),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&answer);
    return failed;
}
