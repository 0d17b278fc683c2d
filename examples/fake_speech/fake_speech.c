/* fake_speech.c - a speech-to-text service to try examples/speech.c with: the REST shape of the real ones, and their moods.
 *
 *     build/bin/galley run build/examples/fake_speech/fake_speech.so --listen 127.0.0.1:8001 --workers 1 --stats fake.sock
 *
 * POST /v1/transcripts?language=en takes audio and answers 202 with an operation; GET /v1/transcripts/{id} tells how far it
 * is. Both want `Authorization: Bearer KEY`; KEY is FAKE_SPEECH_KEY of the environment, or else "secret". It hears nothing:
 * a transcript tells how much audio there was. PUT /mood makes it as bad as real services are:
 *
 *     curl -X PUT 'http://127.0.0.1:8001/mood?busy=2'             the next two uploads get 503
 *     curl -X PUT 'http://127.0.0.1:8001/mood?broken=1'           the next answer to GET breaks off in the middle
 *     curl -X PUT 'http://127.0.0.1:8001/mood?deaf=1'             the next upload is refused: 400
 *     curl -X PUT 'http://127.0.0.1:8001/mood?silent=1'           the next upload is never answered
 *     curl -X PUT 'http://127.0.0.1:8001/mood?work_ms=5000'       transcripts take five seconds (200 ms without it)
 *
 * Operations live in the worker that took them, so one worker it is. */
#include <errno.h>
#include <galley.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPERATIONS = 1024 };

struct operation {
    int64_t id, ready_at_ms, byte_count;
    char language[16];
};
static struct operation
    operations[MAX_OPERATIONS]; /* the last ones; number n is at n % MAX_OPERATIONS */
static int64_t last_id, cancelled_count;

/* ---- PUT /mood: how it fails from now on ---- */

/* clang-format off */
GALLEY_STRUCT(mood,
    (int64_t, busy, QUERY, .default_json = "0", .ge = 0),
    (int64_t, broken, QUERY, .default_json = "0", .ge = 0),
    (int64_t, deaf, QUERY, .default_json = "0", .ge = 0),
    (int64_t, silent, QUERY, .default_json = "0", .ge = 0),
    (int64_t, work_ms, QUERY, .default_json = "200", .ge = 0, .le = 60000));
/* clang-format on */
GALLEY_STRUCT(state, (int64_t, operations), (int64_t, given_up));

static struct mood mood = {.work_ms = 200};

static int set_mood(galley_async *co, const struct mood *in, struct state *out)
{
    (void)co;
    mood = *in;
    *out = (struct state){.operations = last_id, .given_up = cancelled_count};
    return 0;
}

static bool is_due(int64_t *left)
{
    return *left > 0 && (*left)-- > 0;
}

/* ---- the service ---- */

/* clang-format off */
GALLEY_STRUCT(upload_in,
    (galley_str, authorization, HEADER, OPTIONAL),
    (galley_str, language, QUERY, .default_json = "\"en\"", .pattern = "^[A-Za-z-]{2,15}$"));
/* clang-format on */
GALLEY_STRUCT(progress_in, (int64_t, id, PATH), (galley_str, authorization, HEADER, OPTIONAL));
GALLEY_STRUCT(accepted, (int64_t, id), (galley_str, status));

static int check_key(galley_async *co, galley_str authorization)
{
    const char *key = getenv("FAKE_SPEECH_KEY");
    galley_str want = galley_format(co, "Bearer %s", key ? key : "secret");
    if (want.data && authorization.len == want.len &&
        memcmp(authorization.data, want.data, want.len) == 0)
        return 0;
    return galley_fail(co, 401, "this key opens nothing");
}

static int upload(galley_async *co, const struct upload_in *in, struct accepted *out)
{
    int rc = check_key(co, in->authorization);
    if (rc < 0)
        return rc;
    if (is_due(&mood.busy))
        return galley_fail(co, 503, "too many are speaking");

    char piece[2048];
    int64_t byte_count = 0;
    ssize_t n;
    while ((n = galley_body_read(co, piece, sizeof piece)) > 0)
        byte_count += n;
    if (n < 0)
        return (int)n;
    if (is_due(&mood.silent)) {
        rc = galley_sleep_ms(co, 60000);
        cancelled_count += rc == -ECANCELED;
        return rc;
    }
    if (byte_count == 0 || is_due(&mood.deaf))
        return galley_fail(co, 400, "this is no speech");

    struct operation *operation = &operations[++last_id % MAX_OPERATIONS];
    *operation = (struct operation){
        .id = last_id, .ready_at_ms = galley_now_ms(co) + mood.work_ms, .byte_count = byte_count};
    memcpy(operation->language, in->language.data, in->language.len);
    *out = (struct accepted){.id = last_id, .status = GALLEY_STR("running")};
    return 0;
}

/* A stream, so that it can break off. */
static int progress(galley_async *co, const struct progress_in *in, struct galley_stream *out)
{
    int rc = check_key(co, in->authorization);
    if (rc < 0)
        return rc;
    const struct operation *operation = &operations[(uint64_t)in->id % MAX_OPERATIONS];
    if (in->id < 1 || operation->id != in->id)
        return galley_fail(co, 404, "no operation %lld", (long long)in->id);

    galley_str answer;
    if (galley_now_ms(co) < operation->ready_at_ms)
        answer = galley_format(co, "{\"id\":%lld,\"status\":\"running\"}", (long long)in->id);
    else
        answer =
            galley_format(co, "{\"id\":%lld,\"status\":\"done\",\"text\":\"%lld bytes of %s\"}",
                          (long long)in->id, (long long)operation->byte_count, operation->language);
    if (answer.data == NULL || galley_set_header(co, "content-type", "application/json") < 0)
        return galley_fail(co, 503, "no memory");
    if (is_due(&mood.broken)) {
        rc = galley_write(co, out, answer.data, answer.len / 2);
        return rc < 0 ? rc : -EIO;
    }
    return galley_write(co, out, answer.data, answer.len);
}

GALLEY_APP(.title = "Fake speech", .version = "1.0",
           .routes = GALLEY_ROUTES(
               GALLEY_POST("/v1/transcripts", upload, upload_in, accepted, .status = 202,
                           .on_disconnect = GALLEY_CANCEL, .max_body_bytes = 64 << 20),
               GALLEY_GET("/v1/transcripts/{id}", progress, progress_in, galley_stream),
               GALLEY_PUT("/mood", set_mood, mood, state)));
