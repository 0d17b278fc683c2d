/* t/unit/worker/io/redis.c - calls and messages under galley/test.h: its clock, which jumps over sleeps, does not jump over them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <galley.h>
#include <galley/test.h>

static galley_redis *redis;
static char url[128];

static int start(galley_async *co)
{
    return galley_redis_open(co, &redis, .url = url);
}

/* The server's answer takes 50 real ms; the command may take 5 s of the test's clock, which jumps. */
static int ask(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    struct galley_redis_reply *reply;
    (void)in;
    int rc = galley_redis_call(co, redis, &reply, "GET", "late");
    if (rc == 0)
        out->text = reply->text;
    return rc;
}

static int nap(galley_async *co, void *unused)
{
    (void)unused;
    return galley_sleep_ms(co, 60);
}

static int ask_in_task(galley_async *co, struct galley_text *out)
{
    return ask(co, NULL, out);
}

/* Beside a sleep that is longer than the answer takes, but shorter than the limit. */
static int ask_and_sleep(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in;
    return galley_gather(co, (nap, (void *)NULL), (ask_in_task, out));
}

static int hear(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    struct galley_redis_sub *sub;
    struct galley_redis_message message;
    (void)in;
    int rc = galley_redis_subscribe(co, redis, &sub, "news");
    if (rc == 0)
        rc = galley_redis_receive(co, sub, &message, 5000);
    if (rc > 0)
        out->text = galley_format(co, "%.*s", GALLEY_STR_ARG(message.data));
    galley_redis_unsubscribe(co, sub);
    int again = galley_redis_receive(co, sub, &message, -1);
    galley_redis_unsubscribe(co, sub); /* twice is once */
    return rc < 0 ? rc : again == -EINVAL ? 0 : -EIO;
}

static int refuse(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    galley_redis *none;
    struct galley_redis_sub *sub;
    (void)in;
    int bad_url = galley_redis_open(co, &none, .url = "redis://:secret@");
    int bad_count = galley_redis_open(co, &none, .connections = 65);
    bool is_quiet = strstr(galley_why(co), "secret") == NULL;
    int no_channel = galley__redis_subscribe(co, redis, &sub, (const char *const[]){NULL}, "x:1");
    out->text =
        bad_url == -EINVAL && bad_count == -EINVAL && no_channel == -EINVAL && !none && is_quiet
            ? GALLEY_STR("refused")
            : GALLEY_STR("taken");
    return 0;
}

GALLEY_APP(.title = "Late", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/ask", ask, galley_none, galley_text),
                                   GALLEY_GET("/both", ask_and_sleep, galley_none, galley_text),
                                   GALLEY_GET("/hear", hear, galley_none, galley_text),
                                   GALLEY_GET("/refuse", refuse, galley_none, galley_text)));

/* ---- a server that takes its time, in a process of its own ---- */

static void answer(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        _exit(1);
}

static void serve(int fd)
{
    char in[512];
    ssize_t n;
    while ((n = read(fd, in, sizeof in - 1)) > 0) {
        in[n] = '\0';
        if (strstr(in, "SELECT")) {
            answer(fd, "+OK\r\n");
            continue;
        }
        usleep(50000);
        if (strstr(in, "UNSUBSCRIBE"))
            answer(fd, "*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n");
        else if (strstr(in, "SUBSCRIBE")) {
            answer(fd, "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
            usleep(50000);
            answer(fd, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nextra\r\n");
        } else
            answer(fd, "$7\r\nat last\r\n");
    }
}

static pid_t start_server(int listener)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            _exit(0);
        if (fork() == 0) {
            serve(fd);
            _exit(0);
        }
        close(fd);
    }
}

int main(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/galley-unit-XXXXXX";
    if (!mkdtemp(folder))
        return 1;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/redis", folder);
    snprintf(url, sizeof url, "unix:%s", address.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 8) < 0)
        return 1;
    pid_t server = start_server(listener);
    close(listener);

    struct galley_test *t = galley_test_start(&galley_app);
    struct galley_reply r = galley_test_get(t, "/ask");
    galley_test_answers(t, r, 200, "at last", "an answer that takes real time");
    r = galley_test_get(t, "/both");
    galley_test_answers(t, r, 200, "at last", "beside a sleep");
    r = galley_test_get(t, "/hear");
    galley_test_answers(t, r, 200, "extra", "a message that takes real time");
    r = galley_test_get(t, "/refuse");
    galley_test_answers(t, r, 200, "refused", "wrong URLs and options");
    int status = galley_test_end(t);

    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    unlink(address.sun_path);
    rmdir(folder);
    return status;
}
