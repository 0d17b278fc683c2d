/* h2_mem.c - pieces keep their bytes, are used again, and are bounded.
 * Does:     call the callbacks as nghttp2 does; sizes around each border.
 * See:      worker/http/h2_mem.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/http/h2_mem.h"

static const size_t sizes[] = {0,    1,    31,   32,   33,   64,   1023,
                               1024, 1025, 1055, 1056, 1057, 4096, 100000};
enum { COUNT = sizeof sizes / sizeof sizes[0] };

static void pieces_are_apart_and_aligned(void **state)
{
    (void)state;
    struct h2_mem mem;
    unsigned char *pieces[COUNT];
    h2_mem_init(&mem);
    nghttp2_mem *calls = &mem.callbacks;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            pieces[i] = calls->malloc(sizes[i], calls->mem_user_data);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            memset(pieces[i], (int)i + round, sizes[i]);
        }
        for (size_t i = 0; i < COUNT; i++)
            for (size_t at = 0; at < sizes[i]; at++)
                assert_int_equal(pieces[i][at], (int)i + round);
        for (size_t i = 0; i < COUNT; i++)
            calls->free(pieces[i], calls->mem_user_data);
    }
    calls->free(NULL, calls->mem_user_data);
    h2_mem_release(&mem);
}

static void callocs_are_zero(void **state)
{
    (void)state;
    struct h2_mem mem;
    h2_mem_init(&mem);
    nghttp2_mem *calls = &mem.callbacks;
    for (int round = 0; round < 2; round++) {
        unsigned char *piece = calls->calloc(25, 40, calls->mem_user_data);
        assert_non_null(piece);
        for (size_t at = 0; at < 1000; at++)
            assert_int_equal(piece[at], 0);
        memset(piece, 0xff, 1000);
        calls->free(piece, calls->mem_user_data);
    }
    assert_null(calls->calloc(SIZE_MAX / 2, 3, calls->mem_user_data));
    assert_null(calls->malloc(SIZE_MAX, calls->mem_user_data));
    assert_null(calls->malloc(SIZE_MAX - 8, calls->mem_user_data));
    h2_mem_release(&mem);
}

/* From every size to every other. */
static void reallocs_keep_the_bytes(void **state)
{
    (void)state;
    struct h2_mem mem;
    h2_mem_init(&mem);
    nghttp2_mem *calls = &mem.callbacks;
    for (size_t from = 0; from < COUNT; from++) {
        for (size_t to = 0; to < COUNT; to++) {
            unsigned char *piece = calls->realloc(NULL, sizes[from], calls->mem_user_data);
            assert_non_null(piece);
            for (size_t at = 0; at < sizes[from]; at++)
                piece[at] = (unsigned char)(at * 7);
            piece = calls->realloc(piece, sizes[to], calls->mem_user_data);
            assert_non_null(piece);
            for (size_t at = 0; at < sizes[from] && at < sizes[to]; at++)
                assert_int_equal(piece[at], (unsigned char)(at * 7));
            memset(piece, 1, sizes[to]);
            calls->free(piece, calls->mem_user_data);
        }
    }
    h2_mem_release(&mem);
}

static void what_is_kept_is_bounded(void **state)
{
    (void)state;
    enum { PIECES = 1000 };
    static void *pieces[PIECES];
    struct h2_mem mem;
    h2_mem_init(&mem);
    nghttp2_mem *calls = &mem.callbacks;
    for (size_t i = 0; i < PIECES; i++)
        assert_non_null(pieces[i] = calls->malloc(1024, calls->mem_user_data));
    for (size_t i = 0; i < PIECES; i++)
        calls->free(pieces[i], calls->mem_user_data);
    assert_true(mem.kept_bytes <= H2_MEM_KEPT_BYTES + 1024);
    h2_mem_release(&mem);
    assert_int_equal(mem.kept_bytes, 0);
}

/* What nghttp2 frees twice after a failure is freed once. */
static void after_a_failure_a_second_free_does_nothing(void **state)
{
    (void)state;
    struct h2_mem mem;
    h2_mem_init(&mem);
    nghttp2_mem *calls = &mem.callbacks;
    for (size_t i = 0; i < COUNT; i++) {
        unsigned char *piece = calls->calloc(1, sizes[i], calls->mem_user_data);
        assert_non_null(piece);
        volatile size_t too_much = SIZE_MAX; /* no malloc is asked for it */
        assert_null(calls->malloc(too_much, calls->mem_user_data));
        assert_true(mem.is_starved);
        calls->free(piece, calls->mem_user_data);
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(piece[at], 0);
        calls->free(piece, calls->mem_user_data);
    }
    h2_mem_release(&mem);
    assert_null(mem.parked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_apart_and_aligned),
        cmocka_unit_test(callocs_are_zero),
        cmocka_unit_test(reallocs_keep_the_bytes),
        cmocka_unit_test(what_is_kept_is_bounded),
        cmocka_unit_test(after_a_failure_a_second_free_does_nothing),
    };
    return cmocka_run_group_tests_name("h2_mem", tests, NULL, NULL);
}
