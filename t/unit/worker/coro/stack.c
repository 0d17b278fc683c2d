/* t/unit/worker/coro/stack.c - slabs, guards, reuse, and how little of a stack is resident. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "t/unit/worker/coro/world.h"

static galley_async *seen[200];
static size_t seen_count;

static void remember(galley_async *co, void *arg)
{
    (void)arg;
    seen[seen_count++] = co;
    if (coro_suspend(co, "test", INT64_MAX) < 0)
        note("cancelled");
}

static void reuse_is_last_first(void **state)
{
    (void)state;
    seen_count = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(world_start("first", remember, NULL), 1);
    coro_wake(seen[2], 0);
    coro_wake(seen[0], 0);
    world_run(); /* they end in this order: 2, 0 */
    for (int i = 0; i < 3; i++)
        assert_int_equal(world_start("second", remember, NULL), 1);
    assert_ptr_equal(seen[3], seen[0]);
    assert_ptr_equal(seen[4], seen[2]);
    assert_ptr_not_equal(seen[5], seen[1]);
    sched_cancel_all(world.sched, GALLEY_BY_SHUTDOWN);
    world_run();
}

static void finds_by_address(void **state)
{
    bool is_in_guard;
    struct stack_pool *pool = &world.sched->stacks;
    (void)state;
    seen_count = 0;
    for (int i = 0; i < 200; i++)
        assert_int_equal(world_start("many", remember, NULL), 1);
    assert_int_equal(stack_count(pool), 200);
    for (size_t i = 0; i < 200; i++) {
        galley_async *co = seen[i];
        assert_ptr_equal(stack_at(pool, i), co);
        assert_ptr_equal(stack_find(pool, co, &is_in_guard), co);
        assert_false(is_in_guard);
        assert_ptr_equal(stack_find(pool, co->stack_low, &is_in_guard), co);
        assert_false(is_in_guard);
        assert_ptr_equal(stack_find(pool, co->stack_low - 1, &is_in_guard), co);
        assert_true(is_in_guard);
        assert_ptr_equal(stack_find(pool, co->stack_low - (64 << 10), &is_in_guard), co);
        assert_true(is_in_guard);
    }
    assert_null(stack_find(pool, state, &is_in_guard));
    assert_false(is_in_guard);
    sched_cancel_all(world.sched, GALLEY_BY_SHUTDOWN);
    world_run();
}

/* Whether the kernel may read a byte there. */
static bool is_readable(const char *address)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    bool is = write(ends[1], address, 1) == 1;
    if (!is)
        assert_int_equal(errno, EFAULT);
    close(ends[0]);
    close(ends[1]);
    return is;
}

static void guards_hold(void **state)
{
    (void)state;
    if (RUNNING_ON_VALGRIND)
        skip();
    for (int use_prot_none = 0; use_prot_none < 2; use_prot_none++) {
        struct sched *sched =
            sched_new(world.loop,
                      &(struct sched_opts){.stats = &world.stats, .use_prot_none = use_prot_none});
        assert_non_null(sched);
        const char *slab = sched->stacks.slabs[0];
        for (int i = 0; i < STACK_SLOTS_PER_SLAB; i++) {
            const char *slot = slab + (size_t)i * sched->stacks.stride_bytes;
            assert_false(is_readable(slot));
            assert_false(is_readable(slot + (64 << 10) - 1));
            assert_true(is_readable(slot + (64 << 10)));
        }
        sched_free(sched);
    }
}

enum { CROWD = 3000 };

/* Hundreds of stacks: whole slabs are guarded and touched together. NULL, or what is wrong. */
static const char *crowd_is_guarded(void)
{
    struct sched *sched = sched_new(
        world.loop, &(struct sched_opts){.stats = &world.stats, .max_coroutines = CROWD + 10});
    const struct coro_opts opts = {.name = "crowd", .entry = remember, .timeout_ms = -1};
    const char *wrong = sched ? NULL : "no scheduler";
    for (int i = 0; i < CROWD && !wrong; i++) {
        seen_count = 0;
        if (coro_start(sched, &opts) != 1)
            wrong = "one does not start";
    }
    if (wrong)
        return wrong;
    const struct stack_pool *pool = &sched->stacks;
    for (size_t i = 0; i < stack_room(pool) && !wrong; i++) {
        const galley_async *co = stack_at(pool, i);
        const char *low = pool->slabs[i / STACK_SLOTS_PER_SLAB] +
                          i % STACK_SLOTS_PER_SLAB * pool->stride_bytes + pool->guard_bytes;
        if (is_readable(low - pool->guard_bytes) || is_readable(low - 1) || !is_readable(low))
            wrong = "a guard does not hold";
        else if (i < CROWD && (co->state != CORO_WAITING || co->stack_low != low))
            wrong = "a control block is lost";
    }
    if (!wrong && stack_room(pool) > CROWD + STACK_SLOTS_PER_SLAB * 2)
        wrong = "there is more than the cap wants";
    sched_cancel_all(sched, GALLEY_BY_SHUTDOWN);
    while (sched_live_count(sched) > 0)
        (void)sched_run(sched);
    sched_free(sched);
    return wrong;
}

static void a_crowd_is_guarded(void **state)
{
    (void)state;
    if (RUNNING_ON_VALGRIND)
        skip();
    const char *wrong = crowd_is_guarded();
    if (wrong)
        fail_msg("%s", wrong);
    world.trace[0] = '\0';
}

/* What older kernels and containers do: the calls for a whole slab are refused. */
static int refuse_whole_slabs(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_madvise, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
               ? -1
               : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void a_crowd_is_guarded_one_by_one(void **state)
{
    int status = -1;
    (void)state;
    if (RUNNING_ON_VALGRIND)
        skip();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (refuse_whole_slabs() < 0)
            _exit(77);
        const char *wrong = crowd_is_guarded();
        if (wrong)
            fprintf(stderr, "# %s\n", wrong);
        _exit(wrong ? 1 : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A worker with few coroutines pays for no page that it does not use; one with many for those of one slab. */
static void few_are_touched_early(void **state)
{
    (void)state;
    if (CORO_ASAN || RUNNING_ON_VALGRIND || CTX_IS_UCONTEXT)
        skip();
    const struct stack_pool *pool = &world.sched->stacks;
    seen_count = 0;
    for (size_t i = 1; i <= 1000; i++) {
        assert_int_equal(world_start("crowd", remember, NULL), 1);
        seen_count = 0;
        size_t early = 0;
        if (i != 1 && i != 500 && i != 1000)
            continue;
        for (size_t at = i; at < stack_room(pool); at++) {
            galley_async *co = stack_at(pool, at);
            unsigned char page;
            char *of_page = (char *)((uintptr_t)co & ~(uintptr_t)4095);
            assert_int_equal(mincore(of_page, 4096, &page), 0);
            early += page & 1;
        }
        if (early > (i < 512 ? 0 : STACK_SLOTS_PER_SLAB))
            fail_msg("with %zu stacks %zu more are touched", i, early);
    }
    sched_cancel_all(world.sched, GALLEY_BY_SHUTDOWN);
    world_run();
    world.trace[0] = '\0';
}

static void prot_none_has_a_cap(void **state)
{
    long limit = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    (void)state;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &limit), 1);
    fclose(file);
    struct sched *sched = sched_new(world.loop, &(struct sched_opts){.stats = &world.stats,
                                                                     .use_prot_none = true,
                                                                     .max_coroutines = 1u << 30});
    assert_non_null(sched);
    assert_int_equal(sched->stacks.max_count, (limit - 5000) / 2);
    assert_true(world_logged("stack_guards"));
    sched_free(sched);
}

static void sizes(void **state)
{
    static const struct {
        size_t bytes, gets;
    } rows[] = {{0, 256 << 10},     {64 << 10, 64 << 10}, {(64 << 10) + 1, 128 << 10},
                {8 << 20, 8 << 20}, {(64 << 10) - 1, 0},  {(8 << 20) + 1, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sched *sched = sched_new(
            world.loop, &(struct sched_opts){.stats = &world.stats, .stack_bytes = rows[i].bytes});
        if (rows[i].gets == 0) {
            assert_null(sched);
            assert_int_equal(errno, EINVAL);
        } else {
            assert_non_null(sched);
            assert_int_equal(sched->stacks.stack_bytes, rows[i].gets);
            sched_free(sched);
        }
    }
}

static size_t resident_pages(const galley_async *co)
{
    unsigned char pages[64] = {0}; /* 256 KiB of 4 KiB each */
    size_t count = 0, page = (size_t)sysconf(_SC_PAGESIZE);
    assert_int_equal(page, 4096);
    assert_int_equal(mincore(co->stack_low, sizeof pages * page, pages), 0);
    for (size_t i = 0; i < sizeof pages; i++)
        count += pages[i] & 1;
    return count;
}

/* A handler with 1.5 KiB of locals that sleeps. */
static void roomy(galley_async *co, void *arg)
{
    char locals[1536];
    memset(locals, *(const char *)arg, sizeof locals);
    __asm__ volatile("" : : "r"(locals) : "memory");
    seen[seen_count++] = co;
    int rc = galley_sleep_ms(co, 10);
    note("%d%c", rc, locals[sizeof locals / 2]);
}

static void one_page_is_resident(void **state)
{
    char letter = 'x';
    (void)state;
    if (CORO_ASAN || RUNNING_ON_VALGRIND || CTX_IS_UCONTEXT)
        skip();
    seen_count = 0;
    for (int i = 0; i < 64; i++)
        assert_int_equal(world_start("roomy", roomy, &letter), 1);
    for (size_t i = 0; i < seen_count; i++) {
        size_t pages = resident_pages(seen[i]);
        if (pages != 1)
            fail_msg("stack %zu has %zu pages", i, pages);
    }
    world_run();
    world.trace[0] = '\0';
}

static __attribute__((noinline)) void dig(int depth)
{
    char locals[4096];
    memset(locals, depth, sizeof locals);
    __asm__ volatile("" : : "r"(locals) : "memory");
    if (depth > 0)
        dig(depth - 1);
    __asm__ volatile("" : : "r"(locals) : "memory");
}

static void dig_and_wait(galley_async *co, void *arg)
{
    (void)arg;
    dig(20);
    remember(co, NULL);
}

static void trim_gives_back(void **state)
{
    (void)state;
    if (CORO_ASAN || RUNNING_ON_VALGRIND || CTX_IS_UCONTEXT)
        skip();
    seen_count = 0;
    assert_int_equal(world_start("digger", dig_and_wait, NULL), 1);
    galley_async *co = seen[0];
    assert_true(resident_pages(co) > 20);
    assert_int_equal(stack_trim(&world.sched->stacks), 0); /* it is in use */
    coro_wake(co, 0);
    world_run();
    assert_true(resident_pages(co) > 20);
    assert_int_equal(stack_trim(&world.sched->stacks), 0); /* it was in use since the last time */
    assert_true(resident_pages(co) > 20);
    assert_int_equal(stack_trim(&world.sched->stacks), 1);
    assert_int_equal(resident_pages(co), 1);
    assert_int_equal(stack_trim(&world.sched->stacks), 0); /* done already */
    seen_count = 0;
    assert_int_equal(world_start("digger", dig_and_wait, NULL), 1);
    assert_ptr_equal(seen[0], co);
    coro_wake(co, 0);
    world_run();
}

/* Of three, one is used on: the two that are not give their pages back, once. */
static void trim_spares_what_is_used(void **state)
{
    (void)state;
    if (CORO_ASAN || RUNNING_ON_VALGRIND || CTX_IS_UCONTEXT)
        skip();
    struct stack_pool *pool = &world.sched->stacks;
    seen_count = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(world_start("digger", dig_and_wait, NULL), 1);
    galley_async *co[] = {seen[0], seen[1], seen[2]};
    for (int i = 0; i < 3; i++)
        coro_wake(co[i], 0);
    world_run();
    assert_int_equal(stack_trim(pool), 0);
    for (int round = 0; round < 3; round++) {
        seen_count = 0;
        assert_int_equal(world_start("digger", dig_and_wait, NULL), 1);
        assert_ptr_equal(seen[0], co[2]);
        coro_wake(co[2], 0);
        world_run();
        assert_int_equal(stack_trim(pool), round == 0 ? 2 : 0);
    }
    assert_int_equal(resident_pages(co[0]), 1);
    assert_int_equal(resident_pages(co[1]), 1);
    assert_true(resident_pages(co[2]) > 20);
    /* Taken, and used again: it is looked at anew. */
    seen_count = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(world_start("digger", dig_and_wait, NULL), 1);
    for (int i = 0; i < 3; i++)
        coro_wake(co[i], 0);
    world_run();
    assert_true(resident_pages(co[0]) > 20);
    assert_int_equal(stack_trim(pool), 0);
    assert_int_equal(stack_trim(pool), 3);
    assert_int_equal(resident_pages(co[0]), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reuse_is_last_first, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(finds_by_address, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(guards_hold, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(a_crowd_is_guarded, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(a_crowd_is_guarded_one_by_one, world_set_up,
                                        world_tear_down),
        cmocka_unit_test_setup_teardown(few_are_touched_early, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(prot_none_has_a_cap, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(sizes, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(one_page_is_resident, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(trim_gives_back, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(trim_spares_what_is_used, world_set_up, world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
