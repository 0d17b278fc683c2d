/* t/unit/worker/coro/backtrace.c - the way back through code with frame pointers and without. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/symbols.h"
#include "worker/coro/backtrace.h"

/* What a test changes of the registers before the walk. */
static enum change { KEEP_ALL, NO_FRAME, WRONG_FRAME, SP_BELOW, NOTHING_TO_READ } change;
static char names[1024];

static void bounds(struct backtrace_from *from)
{
    pthread_attr_t attr;
    void *low;
    size_t bytes;
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstack(&attr, &low, &bytes);
    pthread_attr_destroy(&attr);
    from->low = (uintptr_t)low;
    from->high = from->low + bytes;
}

static __attribute__((noinline)) int look_around(void)
{
    ucontext_t uc;
    struct backtrace_from from;
    struct backtrace trace;
    getcontext(&uc);
    backtrace_registers(&from, &uc);
    bounds(&from);
    if (change == NO_FRAME)
        from.fp = 0;
    else if (change == WRONG_FRAME)
        from.fp = (uintptr_t)names;
    else if (change == SP_BELOW) { /* in a guard below the stack */
        from.low = from.sp;
        from.sp -= 4096;
    } else if (change == NOTHING_TO_READ)
        from.high = from.low;
    backtrace_take(&trace, &from);
    assert_true(trace.count > 0);
    assert_true(trace.depth >= trace.count);
    assert_ptr_equal(trace.at[0], (void *)from.ip);
    names[0] = '\0';
    for (size_t i = 0; i < trace.count; i++) {
        struct symbol symbol = {.name = ""};
        size_t len = strlen(names);
        symbol_find((uintptr_t)trace.at[i] - (i > 0), &symbol);
        snprintf(names + len, sizeof names - len, "%s ", symbol.name);
    }
    return (int)trace.depth;
}

static __attribute__((noinline)) int direct(int x)
{
    return look_around() + x;
}

static int look_once;
static int compare(const void *a, const void *b)
{
    if (look_once++ == 0)
        look_around();
    return *(const char *)a - *(const char *)b;
}

static __attribute__((noinline)) int by_qsort(int x)
{
    char letters[] = "bca";
    look_once = 0;
    qsort(letters, 3, 1, compare);
    return letters[0] + x;
}

static __attribute__((noinline)) int deep(int depth)
{
    volatile int below = depth == 0 ? look_around() : deep(depth - 1);
    return below + 1;
}

#if defined(__SANITIZE_ADDRESS__)
#define BY_QSORT "look_around compare " /* its own qsort is in between */
#else
#define BY_QSORT "look_around compare %qsort_r by_qsort "
#endif

/* Whether `names` begins with the words of `expected`; one with % in front may come after others. */
static bool begins_with(const char *expected)
{
    const char *at = names;
    char words[256], *rest = words, *word;
    snprintf(words, sizeof words, "%s", expected);
    while ((word = strsep(&rest, " ")) != NULL && word[0] != '\0') {
        const char *found = word[0] == '%' ? strstr(at, word + 1) : at;
        size_t len = strlen(word) - (word[0] == '%');
        if (found == NULL || strncmp(found, word[0] == '%' ? word + 1 : word, len) != 0)
            return false;
        at = found + len;
        at += strcspn(at, " ") + 1; /* a compiler's suffix */
    }
    return true;
}

static const struct row {
    const char *name;
    int (*run)(int);
    enum change change;
    const char *expected;
} rows[] = {
    {"frame pointers", direct, KEEP_ALL, "look_around direct walk_back"},
    {"the register is not known", direct, NO_FRAME, "look_around direct walk_back"},
    {"the register has another use", direct, WRONG_FRAME, "look_around direct walk_back"},
    {"the stack pointer is in a guard", direct, SP_BELOW, "look_around direct walk_back"},
    {"nothing can be read", direct, NOTHING_TO_READ, "look_around"},
    {"a function that libc calls back", by_qsort, KEEP_ALL, BY_QSORT},
    {"the same, without the register", by_qsort, NO_FRAME, BY_QSORT},
};

static void walk_back(void **state)
{
    const struct row *row = *state;
    change = row->change;
    row->run(1);
    if (!begins_with(row->expected))
        fail_msg("%s, not %s", names, row->expected);
}

static void more_than_are_shown(void **state)
{
    (void)state;
    change = KEEP_ALL;
    assert_true(deep(300) > 300 + 300); /* what was found, and what each level adds */
}

static void whose_code(void **state)
{
    (void)state;
    assert_true(backtrace_is_ours((const void *)direct));
    assert_false(backtrace_is_ours((const void *)(uintptr_t)qsort));
    assert_false(backtrace_is_ours(NULL));
    backtrace_know((const void *)(uintptr_t)qsort);
    assert_true(backtrace_is_ours((const void *)(uintptr_t)qsort));
}

int main(void)
{
    enum { COUNT = sizeof rows / sizeof rows[0] };
    struct CMUnitTest tests[COUNT + 2];
    backtrace_know(NULL);
    for (size_t i = 0; i < COUNT; i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, walk_back, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(more_than_are_shown);
    tests[COUNT + 1] = (struct CMUnitTest)cmocka_unit_test(whose_code);
    return _cmocka_run_group_tests("backtrace", tests, COUNT + 2, NULL, NULL);
}
