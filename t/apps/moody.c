/* moody.c - an application that starts as the file $MOODY_FILE says (ok, fail, crash, exit, hang; wait: until
 * it says something else), and whose handlers can block or crash their worker: what the master has to cope with. */
#include <errno.h>
#include <galley.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_mood(char mood[16])
{
    const char *path = getenv("MOODY_FILE");
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    snprintf(mood, 16, "ok");
    if (file == NULL)
        return;
    if (fgets(mood, 16, file) == NULL)
        snprintf(mood, 16, "wait"); /* it is being written */
    fclose(file);
    mood[strcspn(mood, "\n")] = '\0';
}

static int start(galley_async *co)
{
    char mood[16];
    (void)co;
    for (read_mood(mood); strcmp(mood, "wait") == 0; read_mood(mood))
        usleep(2000);
    if (strcmp(mood, "crash") == 0)
        raise(SIGSEGV);
    if (strcmp(mood, "exit") == 0)
        _exit(7);
    if (strcmp(mood, "hang") == 0)
        for (;;)
            pause();
    return strcmp(mood, "fail") == 0 ? -EINVAL : 0;
}

static int plaintext(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("Hello, World!");
    return 0;
}

static int tell_pid(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in;
    out->text = galley_format(co, "%d", (int)getpid());
    return 0;
}

GALLEY_STRUCT(nap_in, (int64_t, ms, QUERY, .ge = 0));
/* Waits as it should. */
static int nap(galley_async *co, const struct nap_in *in, struct galley_text *out)
{
    out->text = GALLEY_STR("slept");
    return galley_sleep_ms(co, in->ms);
}

/* Blocks the whole loop, as no handler should. */
static int block(galley_async *co, const struct nap_in *in, struct galley_text *out)
{
    (void)co;
    usleep((useconds_t)in->ms * 1000);
    out->text = GALLEY_STR("blocked");
    return 0;
}

static int spin(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("never");
    for (volatile int on = 1; on;)
        continue;
    return 0;
}

static int crash(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("never");
    raise(SIGSEGV);
    return 0;
}

GALLEY_APP(.title = "Moody", .version = "1.0", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/plaintext", plaintext, galley_none, galley_text),
                                   GALLEY_POST("/plaintext", plaintext, galley_none, galley_text),
                                   GALLEY_GET("/pid", tell_pid, galley_none, galley_text),
                                   GALLEY_GET("/nap", nap, nap_in, galley_text),
                                   GALLEY_GET("/block", block, nap_in, galley_text),
                                   GALLEY_GET("/spin", spin, galley_none, galley_text),
                                   GALLEY_GET("/crash", crash, galley_none, galley_text)));
