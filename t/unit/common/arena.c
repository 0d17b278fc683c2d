/* t/unit/common/arena.c - pieces are aligned and apart, ceilings hold, everything is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/arena.h"

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    _Alignas(16) char first[512];
    for (size_t shift = 0; shift < 16; shift++) {
        struct arena arena;
        unsigned char *pieces[300];
        arena_init(&arena, first + shift, sizeof(first) - shift, 1 << 20);
        for (size_t i = 0; i < 300; i++) {
            pieces[i] = arena_alloc(&arena, i + 1);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            memset(pieces[i], (int)(i & 255), i + 1);
        }
        for (size_t i = 0; i < 300; i++)
            for (size_t j = 0; j <= i; j++)
                assert_int_equal(pieces[i][j], i & 255);
        arena_release(&arena);
    }
}

static void the_first_piece_is_used_first(void **state)
{
    (void)state;
    _Alignas(16) char first[64];
    struct arena arena;
    arena_init(&arena, first, sizeof(first), 0);
    assert_ptr_equal(arena_alloc(&arena, 1), first);
    assert_ptr_equal(arena_alloc(&arena, 48), first + 16);
    assert_null(arena_alloc(&arena, 1));
    assert_int_equal(arena.total_bytes, 0);
    arena_release(&arena);
}

static void ceilings_hold(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t max_bytes, size;
        bool fits;
    } rows[] = {{"nothing from nothing", 0, 1, false},
                {"a zero piece always", 0, 0, true},
                {"small ceiling", 32, 16, true},
                {"small ceiling, one too many", 32, 17, false},
                {"large piece", 1 << 20, 1000000, true},
                {"over it", 1 << 20, 1 << 20, false},
                {"a size that wraps", 1 << 20, SIZE_MAX, false},
                {"a size that wraps with its head", 1 << 20, SIZE_MAX - 16, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena;
        arena_init(&arena, NULL, 0, rows[i].max_bytes);
        char *piece = arena_alloc(&arena, rows[i].size);
        if ((piece != NULL) != rows[i].fits)
            fail_msg("%s", rows[i].name);
        if (piece)
            memset(piece, 1, rows[i].size);
        assert_true(arena.total_bytes <= rows[i].max_bytes);
        arena_release(&arena);
    }
    struct arena arena;
    size_t count = 0;
    arena_init(&arena, NULL, 0, 100000);
    for (char *piece; (piece = arena_alloc(&arena, 100)); count++)
        memset(piece, 1, 100);
    assert_in_range(count, 800, 100000 / 112);
    arena_release(&arena);
}

static void copies_end_in_nul(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 0, 1 << 16);
    assert_string_equal(arena_dup(&arena, "grill", 5), "grill");
    assert_string_equal(arena_dup(&arena, NULL, 0), "");
    assert_null(arena_dup(&arena, "x", SIZE_MAX));
    arena_release(&arena);
}

/* Several pieces grow in turn, from small to large, while others are taken: each keeps its content. */
static void pieces_grow(void **state)
{
    (void)state;
    enum { PIECES = 3, ROUNDS = 60, STEP = 2000 };
    struct arena arena;
    unsigned char *pieces[PIECES] = {NULL};
    size_t sizes[PIECES] = {0};
    arena_init(&arena, NULL, 0, 4 << 20);
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < PIECES; i++) {
            size_t size = sizes[i] + STEP * (i + 1);
            pieces[i] = arena_grow(&arena, pieces[i], sizes[i], size);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            memset(pieces[i] + sizes[i], (int)(round + i), size - sizes[i]);
            sizes[i] = size;
            assert_non_null(arena_alloc(&arena, 24));
        }
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = arena_trim(&arena, pieces[i], sizes[i], sizes[i] / 2);
        for (size_t k = 0; k < sizes[i] / 2; k++)
            assert_int_equal(pieces[i][k], k / (STEP * (i + 1)) + i);
    }
    arena_release(&arena);
}

static void the_last_piece_grows_in_place(void **state)
{
    (void)state;
    _Alignas(16) char first[256];
    struct arena arena;
    arena_init(&arena, first, sizeof first, 0);
    char *piece = arena_grow(&arena, NULL, 0, 10);
    assert_ptr_equal(piece, first);
    assert_ptr_equal(arena_grow(&arena, piece, 10, 200), first);
    assert_ptr_equal(arena_trim(&arena, piece, 200, 33), first);
    assert_ptr_equal(arena_alloc(&arena, 16), first + 48);
    assert_null(arena_grow(&arena, piece, 33, 300));
    arena_release(&arena);
}

/* A large piece is counted at its size, wherever it stands among the chunks, and stays when it may not grow. */
static void large_pieces_are_counted(void **state)
{
    (void)state;
    struct arena arena;
    enum { MOST = 1 << 20 };
    arena_init(&arena, NULL, 0, MOST);
    char *a = arena_grow(&arena, NULL, 0, ARENA_LARGE_BYTES);
    char *b = arena_grow(&arena, NULL, 0, ARENA_LARGE_BYTES);
    assert_non_null(arena_alloc(&arena, 1000));
    size_t before = arena.total_bytes;
    a = arena_grow(&arena, a, ARENA_LARGE_BYTES, 10 * ARENA_LARGE_BYTES);
    assert_non_null(a);
    assert_int_equal(arena.total_bytes - before, 9 * ARENA_LARGE_BYTES);
    a[10 * ARENA_LARGE_BYTES - 1] = 'a';
    assert_null(arena_grow(&arena, b, ARENA_LARGE_BYTES, MOST - 9 * ARENA_LARGE_BYTES));
    assert_null(arena_grow(&arena, b, ARENA_LARGE_BYTES, SIZE_MAX));
    b[ARENA_LARGE_BYTES - 1] = 'b';
    assert_non_null(arena_trim(&arena, a, 10 * ARENA_LARGE_BYTES, 1));
    assert_true(arena.total_bytes <= before);
    assert_non_null(arena_grow(&arena, b, ARENA_LARGE_BYTES, 20 * ARENA_LARGE_BYTES));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(the_first_piece_is_used_first),
        cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(copies_end_in_nul),
        cmocka_unit_test(pieces_grow),
        cmocka_unit_test(the_last_piece_grows_in_place),
        cmocka_unit_test(large_pieces_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
