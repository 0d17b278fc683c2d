/* t/unit/common/mp.c - what is written is read again; everything else is refused, at its end and
 * never behind it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "common/mp.h"

/* A copy of the input that ends where memory ends. */
static char *guard_page;
static const char *at_guard(const void *data, size_t len)
{
    if (!guard_page) {
        guard_page = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(guard_page != MAP_FAILED);
        assert_int_equal(mprotect(guard_page + 12288, 4096, PROT_NONE), 0);
    }
    char *start = guard_page + 12288 - len;
    memcpy(start, data, len);
    return start;
}

static void numbers_come_back(void **state)
{
    (void)state;
    static const int64_t numbers[] = {
        0,         1,  127, 128, 255,  256,  65535,  65536,  INT32_MAX, UINT32_MAX,
        INT64_MAX, -1, -32, -33, -128, -129, -32768, -32769, INT32_MIN, INT64_MIN};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct buf buf;
        struct mp_writer writer;
        struct mp_reader reader;
        struct mp_value value;
        buf_init(&buf, 100);
        mp_writer_init(&writer, &buf);
        mp_put_int(&writer, numbers[i]);
        if (numbers[i] >= 0)
            mp_put_uint(&writer, (uint64_t)numbers[i]);
        assert_int_equal(writer.error, 0);
        mp_reader_init(&reader, at_guard(buf_at(&buf), buf_len(&buf)), buf_len(&buf));
        assert_int_equal(mp_get_type(&reader, MP_INT, &value), 0);
        assert_true(value.integer == numbers[i]);
        if (numbers[i] >= 0) {
            assert_int_equal(mp_get_type(&reader, MP_UINT, &value), 0);
            assert_true(value.uint == (uint64_t)numbers[i]);
        }
        assert_int_equal(mp_get(&reader, &value), -EBADMSG);
        buf_release(&buf);
    }
}

static void put_all(struct mp_writer *writer)
{
    mp_put_map(writer, 3);
    mp_put_str(writer, "list");
    mp_put_array(writer, 6);
    mp_put_nil(writer);
    mp_put_bool(writer, true);
    mp_put_bool(writer, false);
    if (writer->error == 0) /* -2.5: nothing of ours sends such, others may */
        writer->error = buf_append(writer->out, "\xcb\xc0\x04\0\0\0\0\0\0", 9);
    mp_put_uint(writer, UINT64_MAX);
    mp_put_str(writer, NULL);
    mp_put_str_len(writer, "bytes\0and more", 14);
    mp_put_bin(writer, "\0\1\2", 3);
    mp_put_str(writer, "long");
    char text[300];
    memset(text, 'x', sizeof(text));
    mp_put_str_len(writer, text, sizeof(text));
}

static void everything_comes_back(void **state)
{
    (void)state;
    struct buf buf;
    struct mp_writer writer;
    struct mp_reader reader;
    struct mp_value value;
    buf_init(&buf, 1000);
    mp_writer_init(&writer, &buf);
    put_all(&writer);
    assert_int_equal(writer.error, 0);
    mp_reader_init(&reader, at_guard(buf_at(&buf), buf_len(&buf)), buf_len(&buf));
    assert_int_equal(mp_get_type(&reader, MP_MAP, &value), 0);
    assert_int_equal(value.len, 3);
    assert_int_equal(mp_get_type(&reader, MP_STR, &value), 0);
    assert_true(mp_str_is(&value, "list"));
    assert_false(mp_str_is(&value, "lis") || mp_str_is(&value, "lists"));
    assert_int_equal(mp_get_type(&reader, MP_ARRAY, &value), 0);
    assert_int_equal(value.len, 6);
    assert_int_equal(mp_get_type(&reader, MP_NIL, &value), 0);
    assert_int_equal(mp_get_type(&reader, MP_BOOL, &value), 0);
    assert_true(value.boolean);
    assert_int_equal(mp_get_type(&reader, MP_BOOL, &value), 0);
    assert_false(value.boolean);
    assert_int_equal(mp_get_type(&reader, MP_FLOAT, &value), 0);
    assert_true(value.number == -2.5);
    assert_int_equal(mp_get_type(&reader, MP_UINT, &value), 0);
    assert_true(value.uint == UINT64_MAX);
    assert_int_equal(mp_get_type(&reader, MP_INT, &value),
                     -EBADMSG); /* passed over nil: wrong type */
    assert_int_equal(mp_skip(&reader), 0);
    assert_int_equal(mp_get_type(&reader, MP_BIN, &value), 0);
    assert_int_equal(value.len, 3);
    assert_memory_equal(value.data, "\0\1\2", 3);
    assert_int_equal(mp_skip(&reader), 0);
    assert_int_equal(mp_get_type(&reader, MP_STR, &value), 0);
    assert_int_equal(value.len, 300);
    assert_ptr_equal(reader.at, reader.end);
    assert_int_equal(mp_skip(&reader), -EBADMSG);
    buf_release(&buf);
}

static void frames_end_where_they_end(void **state)
{
    (void)state;
    struct buf buf;
    struct mp_writer writer;
    struct mp_scan scan = {0};
    buf_init(&buf, 1000);
    mp_writer_init(&writer, &buf);
    put_all(&writer);
    size_t whole = buf_len(&buf);
    mp_put_uint(&writer, 7); /* the next one */
    for (size_t len = 0; len <= buf_len(&buf); len++) {
        const char *data = at_guard(buf_at(&buf), len);
        ssize_t expected = len < whole ? 0 : (ssize_t)whole;
        assert_int_equal(mp_frame(data, len), expected);
        assert_int_equal(mp_scan(&scan, data, len), expected);
        struct mp_reader reader;
        mp_reader_init(&reader, data, len);
        assert_int_equal(mp_skip(&reader), len < whole ? -EBADMSG : 0);
    }
    buf_release(&buf);
}

static void a_full_buffer_sticks(void **state)
{
    (void)state;
    for (size_t room = 0; room < 300; room += 7) {
        struct buf buf;
        struct mp_writer writer;
        buf_init(&buf, room);
        mp_writer_init(&writer, &buf);
        put_all(&writer);
        mp_put_nil(&writer);
        assert_int_equal(writer.error, -EMSGSIZE);
        assert_true(buf_len(&buf) <= room);
        buf_release(&buf);
    }
}

static void broken_input_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *data;
        size_t len;
        ssize_t frame;
    } rows[] = {
        {"nothing", "", 0, 0},
        {"never used byte", "\xC1", 1, -EBADMSG},
        {"fixext", "\xD4\x00\x00", 3, -EBADMSG},
        {"ext 32", "\xC9\xFF\xFF\xFF\xFF\x00", 6, -EBADMSG},
        {"4 GiB of text claimed", "\xDB\xFF\xFF\xFF\xFFx", 6, 0},
        {"4 GiB of bytes claimed", "\xC6\xFF\xFF\xFF\xFFx", 6, 0},
        {"2^32 elements claimed", "\xDD\xFF\xFF\xFF\xFF\x01\x02", 7, 0},
        {"2^32 pairs claimed", "\xDF\xFF\xFF\xFF\xFF\x01\x02", 7, 0},
        {"half a head", "\xCD\x01", 2, 0},
        {"16 deep", "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01", 17, 17},
        {"17 deep", "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01", 18,
         -EBADMSG},
        {"16 deep and empty", "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x90",
         16, 16},
        {"float 32", "\xCA\x3F\x80\x00\x00", 5, 5},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ssize_t frame = mp_frame(at_guard(rows[i].data, rows[i].len), rows[i].len);
        if (frame != rows[i].frame)
            fail_msg("%s: %zd", rows[i].name, frame);
        struct mp_reader reader;
        mp_reader_init(&reader, at_guard(rows[i].data, rows[i].len), rows[i].len);
        if (mp_skip(&reader) != (frame > 0 ? 0 : -EBADMSG))
            fail_msg("%s: skip", rows[i].name);
    }
}

static void garbage_is_harmless(void **state)
{
    (void)state;
    srandom(1);
    for (int turn = 0; turn < 200000; turn++) {
        unsigned char data[40];
        size_t len = (size_t)random() % sizeof(data);
        for (size_t i = 0; i < len; i++)
            data[i] = (unsigned char)random();
        const char *input = at_guard(data, len);
        ssize_t frame = mp_frame(input, len);
        assert_true(frame == -EBADMSG || (frame >= 0 && (size_t)frame <= len));
        struct mp_reader reader;
        struct mp_value value;
        mp_reader_init(&reader, input, len);
        while (!mp_get(&reader, &value))
            if (value.data)
                assert_true(value.data + value.len <= input + len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_back),         cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(frames_end_where_they_end), cmocka_unit_test(a_full_buffer_sticks),
        cmocka_unit_test(broken_input_is_refused),   cmocka_unit_test(garbage_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
