/* t/unit/worker/coro/fault.c - the last words of crashing processes, read by their parent. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "t/unit/worker/coro/world.h"
#include "worker/coro/fault.h"

static __attribute__((noinline)) int recurse(int depth)
{
    volatile char locals[512];
    locals[0] = (char)depth;
    int below = depth < 1 << 30 ? recurse(depth + 1) : 0;
    return below + locals[0];
}

static void overflow(galley_async *co, void *arg)
{
    (void)arg;
    note("%d", recurse((int)co->id));
}

/* One frame that is larger than a stack: its pages are probed in order, so that the guard is met first. */
static __attribute__((noinline)) void use_much(size_t size)
{
    char locals[400 << 10];
    locals[size] = (char)size;
    __asm__ volatile("" : : "r"(locals) : "memory");
}

static void overflow_at_once(galley_async *co, void *arg)
{
    (void)arg;
    use_much((size_t)co->id);
}

static int overflow_task(galley_async *co, int *depth)
{
    int rc = galley_sleep_ms(co, 1);
    return rc < 0 ? rc : recurse(*depth);
}

static void overflow_in_a_task(galley_async *co, void *arg)
{
    int depth = 1;
    (void)arg;
    galley_task *task = galley_spawn(co, overflow_task, &depth);
    note("%d", galley_await(co, task));
}

static void read_nowhere(galley_async *co, void *arg)
{
    volatile int *nowhere = (int *)(co->id + 0x10 - 1);
    (void)arg;
    note("%d", *nowhere);
}

static void abort_here(galley_async *co, void *arg)
{
    (void)co;
    (void)arg;
    abort();
}

static void be_killed(galley_async *co, void *arg)
{
    (void)co;
    (void)arg;
    raise(SIGBUS);
}

static int wait_in_other_name(galley_async *co, galley_async **other)
{
    (void)co;
    return galley_sleep_ms(*other, 1);
}

static void wait_as_another(galley_async *co, void *arg)
{
    (void)arg;
    galley_task *task = galley_spawn(co, wait_in_other_name, &co);
    note("%d", galley_await(co, task));
}

static void do_nothing(galley_async *co, void *arg)
{
    (void)co;
    (void)arg;
}

static void start_within(galley_async *co, void *arg)
{
    (void)arg;
    note("%d", coro_start(co->sched, &(struct coro_opts){.name = "inner", .entry = do_nothing}));
}

static void schedule_twice(galley_async *co, void *arg)
{
    (void)arg;
    coro_enqueue(co);
    coro_enqueue(co);
}

#if CORO_IS_STRICT && defined(__x86_64__)
static void change_rounding(galley_async *co, void *arg)
{
    uint32_t upwards = 0x1f80 | 2u << 13;
    (void)arg;
    __asm__ volatile("ldmxcsr %0" : : "m"(upwards));
    if (galley_sleep_ms(co, 1) < 0)
        note("cancelled");
}
#endif

static bool label(const galley_async *co, char *text, size_t size)
{
    (void)co;
    snprintf(text, size, "GET /deep");
    return true;
}

struct crash {
    const char *name;
    void (*entry)(galley_async *, void *);
    bool use_prot_none, has_label;
    int signal;
    const char *first, *second; /* what it must have said */
};

static const struct crash crashes[] = {
    {"overflow, guard pages", overflow, false, true, SIGSEGV,
     "coroutine stack overflow: GET /deep, 256 KiB, in crasher, ", " frames more"},
    {"overflow, mprotect", overflow, true, true, SIGSEGV,
     "coroutine stack overflow: GET /deep, 256 KiB, in crasher, ", " frames more"},
    {"overflow by one large frame", overflow_at_once, false, false, SIGSEGV,
     "coroutine stack overflow: crasher, 256 KiB, ", ""},
    {"overflow in a task", overflow_in_a_task, false, false, SIGSEGV,
     "coroutine stack overflow: overflow_task (t/unit/worker/coro/fault.c:", " 256 KiB, "},
    {"null pointer", read_nowhere, false, false, SIGSEGV,
     "worker crashed: SIGSEGV at address 0x10 in crasher", ""},
    {"abort", abort_here, false, false, SIGABRT, "worker crashed: SIGABRT in crasher", ""},
    {"a signal from outside", be_killed, false, true, SIGBUS,
     "worker crashed: SIGBUS in GET /deep, crasher", ""},
    {"waiting in another coroutine's name", wait_as_another, false, false, SIGABRT,
     "waits in another coroutine's name", "worker crashed: SIGABRT in "},
    {"a start within a coroutine", start_within, false, false, SIGABRT,
     "coro_start(inner) from within coroutine crasher", "worker crashed: SIGABRT in crasher"},
    {"scheduled twice", schedule_twice, false, false, SIGABRT,
     "coroutine crasher is scheduled twice", "worker crashed: SIGABRT in crasher"},
#if CORO_IS_STRICT && defined(__x86_64__)
    {"rounding changed across a wait", change_rounding, false, false, SIGABRT,
     "crasher changed the floating-point control word and waited", "worker crashed: SIGABRT"},
#endif
};

static _Noreturn void crash_here(const struct crash *crash, int fd)
{
    struct stats stats = {0};
    log_open(fd, LOG_LEVEL_DEBUG, "child");
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    struct loop *loop = loop_new();
    world.sched = sched_new(
        loop, &(struct sched_opts){.stats = &stats, .use_prot_none = crash->use_prot_none});
    if (!world.sched || fault_install(world.sched) < 0)
        _exit(90);
    fault_set_label(crash->has_label ? label : NULL);
    world.loop = loop;
    (void)world_start("crasher", crash->entry, NULL);
    world_loop();
    _exit(91);
}

static void check_crash(void **state)
{
    const struct crash *crash = *state;
    int ends[2], status;
    char said[16384];
    size_t len = 0;
    if (RUNNING_ON_VALGRIND)
        skip();
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        crash_here(crash, ends[1]);
    }
    close(ends[1]);
    for (ssize_t got; (got = read(ends[0], said + len, sizeof said - 1 - len)) > 0;)
        len += (size_t)got;
    said[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!strstr(said, crash->first) || !strstr(said, crash->second))
        fail_msg("it said: %s", said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), crash->signal);
}

static void removed_again(void **state)
{
    struct sigaction action;
    (void)state;
    world_set_up(state);
    assert_int_equal(fault_install(world.sched), 0);
    sigaction(SIGSEGV, NULL, &action);
    assert_true(action.sa_flags & SA_ONSTACK);
    fault_remove();
    sigaction(SIGSEGV, NULL, &action);
    assert_true(action.sa_handler == SIG_DFL);
    world_tear_down(state);
}

int main(void)
{
    enum { COUNT = sizeof crashes / sizeof crashes[0] };
    struct CMUnitTest tests[COUNT + 1];
    for (size_t i = 0; i < COUNT; i++)
        tests[i] = (struct CMUnitTest){crashes[i].name, check_crash, NULL, NULL,
                                       (void *)(uintptr_t)&crashes[i]};
    tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(removed_again);
    return _cmocka_run_group_tests("crashes", tests, COUNT + 1, NULL, NULL);
}
