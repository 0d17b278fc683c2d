/* blocking.c - for the tests: handlers that hold the loop, each in another way. */
#include <errno.h>
#include <fcntl.h>
#include <galley.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

GALLEY_STRUCT(block_in, (int64_t, ms, QUERY, .ge = 0));

/* In a blocking call of libc. */
static int slow_report(galley_async *co, const struct block_in *in, struct galley_text *out)
{
    int rc = usleep((useconds_t)in->ms * 1000);
    out->text = galley_format(co, "%d", rc);
    return 0;
}

/* In a computation of its own. */
static __attribute__((noinline)) unsigned count_for(int64_t ms)
{
    unsigned count = 0;
    for (int64_t end = now_ms() + ms; now_ms() < end;)
        for (volatile int i = 0; i < 10000; i++)
            count++;
    return count;
}

static int compute(galley_async *co, const struct block_in *in, struct galley_text *out)
{
    out->text = galley_format(co, "%u", count_for(in->ms) > 0);
    return 0;
}

/* In libc's memset over much memory, two functions down. */
static __attribute__((noinline)) int fill(char *memory, size_t size, int64_t ms)
{
    int rounds = 0;
    for (int64_t end = now_ms() + ms; now_ms() < end; rounds++)
        memset(memory, rounds, size);
    return rounds;
}

static __attribute__((noinline)) int prepare(int64_t ms)
{
    size_t size = 64 << 20;
    char *memory = malloc(size);
    int rounds = memory == NULL ? 0 : fill(memory, size, ms);
    free(memory);
    return rounds + 1;
}

static int wipe(galley_async *co, const struct block_in *in, struct galley_text *out)
{
    out->text = galley_format(co, "%u", prepare(in->ms) > 0);
    return 0;
}

/* In a function that libc calls back. */
static int64_t compare_ms;
static int compare(const void *a, const void *b)
{
    struct timespec nap = {.tv_nsec = compare_ms * 1000000};
    nanosleep(&nap, NULL);
    return *(const char *)a - *(const char *)b;
}

static int sort(galley_async *co, const struct block_in *in, struct galley_text *out)
{
    char letters[] = "ba";
    compare_ms = in->ms;
    qsort(letters, 2, 1, compare);
    out->text = galley_format(co, "%s", letters);
    return 0;
}

/* In a task of a handler that waits for it, and in one step of many. */
static int doze(galley_async *co, int64_t *ms)
{
    int rc = galley_sleep_ms(co, 1);
    usleep((useconds_t)*ms * 1000);
    return rc;
}

static int hand_over(galley_async *co, const struct block_in *in, struct galley_text *out)
{
    int64_t ms = in->ms;
    out->text = GALLEY_STR("done");
    return galley_await(co, galley_spawn(co, doze, &ms));
}

/* Twice, with a turn of the loop in between. */
static int twice(galley_async *co, const struct block_in *in, struct galley_text *out)
{
    usleep((useconds_t)in->ms * 1000);
    int rc = galley_sleep_ms(co, 1);
    usleep((useconds_t)in->ms * 1000);
    out->text = GALLEY_STR("done");
    return rc;
}

/* Until the other end of a pipe is opened, whose path is in the environment. */
static __attribute__((noinline)) int wait_for_pipe(void)
{
    const char *path = getenv("BLOCKING_PIPE");
    int fd = path == NULL ? -1 : open(path, O_RDONLY);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int stuck(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in;
    out->text = galley_format(co, "%d", wait_for_pipe());
    return 0;
}

/* A handler that may block. */
static int patient(galley_sync *rq, const struct block_in *in, struct galley_text *out)
{
    (void)rq;
    usleep((useconds_t)in->ms * 1000);
    out->text = GALLEY_STR("done");
    return 0;
}

GALLEY_APP(.title = "Blocking", .version = "1.0",
           .routes = GALLEY_ROUTES(GALLEY_GET("/slow", slow_report, block_in, galley_text),
                                   GALLEY_GET("/compute", compute, block_in, galley_text),
                                   GALLEY_GET("/wipe", wipe, block_in, galley_text),
                                   GALLEY_GET("/sort", sort, block_in, galley_text),
                                   GALLEY_GET("/task", hand_over, block_in, galley_text),
                                   GALLEY_GET("/twice", twice, block_in, galley_text),
                                   GALLEY_GET("/stuck", stuck, galley_none, galley_text),
                                   GALLEY_GET("/patient", patient, block_in, galley_text)));
