/* t/unit/common/buf.c - content keeps its order while it grows and is consumed; the ceiling holds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/buf.h"

static void a_queue_keeps_its_order(void **state)
{
    (void)state;
    struct buf buf;
    unsigned char in = 0, out = 0;
    buf_init(&buf, 1000);
    for (unsigned turn = 0; turn < 2000; turn++) {
        unsigned char piece[97];
        size_t len = turn * 31 % sizeof(piece);
        for (size_t i = 0; i < len; i++)
            piece[i] = (unsigned char)(in + i);
        size_t before = buf_len(&buf);
        int error = buf_append(&buf, piece, len);
        assert_int_equal(error, before + len > 1000 ? -EMSGSIZE : 0);
        in = (unsigned char)(in + (error ? 0 : len));
        size_t take = turn * 17 % 90;
        if (take > buf_len(&buf))
            take = buf_len(&buf);
        for (size_t i = 0; i < take; i++)
            assert_int_equal((unsigned char)buf_at(&buf)[i], out++);
        buf_consume(&buf, take);
        assert_true(buf.capacity <= 1000);
    }
    buf_release(&buf);
    buf_release(&buf);
}

static void ceilings_hold(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t max_bytes, have, more;
        int result;
    } rows[] = {{"nothing into nothing", 0, 0, 0, 0},
                {"one into nothing", 0, 0, 1, -EMSGSIZE},
                {"to the brim", 300, 299, 1, 0},
                {"over it", 300, 299, 2, -EMSGSIZE},
                {"a ceiling under the first growth", 7, 6, 2, -EMSGSIZE},
                {"a length that wraps", 300, 200, SIZE_MAX - 100, -EMSGSIZE}};
    static char zeros[300];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf buf;
        buf_init(&buf, rows[i].max_bytes);
        assert_int_equal(buf_append(&buf, zeros, rows[i].have), 0);
        if (buf_reserve(&buf, rows[i].more) != rows[i].result)
            fail_msg("%s", rows[i].name);
        assert_int_equal(buf_len(&buf), rows[i].have);
        buf_release(&buf);
    }
}

static void printf_appends(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 600);
    for (int i = 0; i < 100; i++)
        assert_int_equal(buf_printf(&buf, "%05d", i), 0);
    assert_int_equal(buf_len(&buf), 500);
    assert_memory_equal(buf_at(&buf) + 495, "00099", 5);
    assert_int_equal(buf_printf(&buf, "%0200d", 1), -EMSGSIZE);
    assert_int_equal(buf_len(&buf), 500);
    buf_clear(&buf);
    assert_int_equal(buf_len(&buf), 0);
    assert_int_equal(buf_printf(&buf, "again"), 0);
    buf_consume(&buf, 1000);
    assert_int_equal(buf_len(&buf), 0);
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_keeps_its_order),
        cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(printf_appends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
