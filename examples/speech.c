/* speech.c - speech to text: takes audio, has a remote service transcribe it, answers the text.
 *
 *     build/bin/galley run build/examples/fake_speech/fake_speech.so --listen 127.0.0.1:8001 --workers 1 --stats fake.sock
 *     SPEECH_URL=http://127.0.0.1:8001 SPEECH_KEY=secret build/bin/galley run build/examples/speech.so
 *
 *     printf 'hello hello hello' >audio.wav
 *     curl -F audio=@audio.wav 'http://127.0.0.1:8000/transcripts?language=en'     {"text":"17 bytes of en","uploads":1,"polls":2}
 *     curl -T audio.wav -X POST 'http://127.0.0.1:8000/dictations?language=de'     {"text":"17 bytes of de","uploads":1,"polls":2}
 *     curl -F audio=@audio.wav 'http://127.0.0.1:8000/transcripts?within_ms=150'   {"detail":"no transcript within 150 ms"}
 *
 * A real service takes seconds, has bad moments, and wants a key: SPEECH_URL and SPEECH_KEY are settings. The fake one has them
 * on demand (see the head of its file):
 *
 *     curl -X PUT 'http://127.0.0.1:8001/mood?busy=2'                              {"operations":3,"given_up":0}
 *     curl -F audio=@audio.wav 'http://127.0.0.1:8000/transcripts'                 {"text":"17 bytes of en","uploads":3,"polls":2}
 *     curl -X PUT 'http://127.0.0.1:8001/mood?broken=2'                            {"operations":4,"given_up":0}
 *     curl -F audio=@audio.wav 'http://127.0.0.1:8000/transcripts'                 {"text":"17 bytes of en","uploads":1,"polls":2}
 *     curl -X PUT 'http://127.0.0.1:8001/mood?deaf=1'                              {"operations":5,"given_up":0}
 *     curl -F audio=@audio.wav 'http://127.0.0.1:8000/transcripts'                 {"detail":"the speech service: this is no speech"}
 *     curl -X PUT 'http://127.0.0.1:8001/mood?silent=1'                            {"operations":5,"given_up":0}
 *     curl -F audio=@audio.wav 'http://127.0.0.1:8000/transcripts?within_ms=300'   {"detail":"no transcript within 300 ms"}
 *
 * The whole is one function that waits again and again, below one deadline. Nothing of it blocks the worker, and when the
 * client leaves, whatever it waits for is given up, as far as the remote side. */
#include <errno.h>
#include <galley.h>
#include <galley/http.h>
#include <galley/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_UPLOADS = 4, FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 2000 };

/* ---- settings ---- */

static const char *service; /* SPEECH_URL */
static char authorization[512];

static int start(galley_async *co)
{
    (void)co;
    const char *url = getenv("SPEECH_URL"), *key = getenv("SPEECH_KEY");
    service = url ? url : "http://127.0.0.1:8001";
    int len = snprintf(authorization, sizeof authorization, "Bearer %s", key ? key : "secret");
    if (len < (int)sizeof authorization)
        return 0;
    fprintf(stderr, "speech: SPEECH_KEY has more than %zu characters\n", sizeof authorization - 8);
    return -EINVAL;
}

/* ---- inputs and outputs ---- */

/* clang-format off */
GALLEY_STRUCT(transcript_in,
    (galley_upload, audio, FORM),
    (galley_str,    language,  QUERY, .default_json = "\"en\"", .pattern = "^[A-Za-z-]{2,15}$"),
    (int64_t,       within_ms, QUERY, .default_json = "30000", .ge = 1, .le = 120000));
GALLEY_STRUCT(dictation_in,
    (galley_str,    language,  QUERY, .default_json = "\"en\"", .pattern = "^[A-Za-z-]{2,15}$"),
    (int64_t,       within_ms, QUERY, .default_json = "30000", .ge = 1, .le = 120000));
GALLEY_STRUCT(transcript, (galley_str, text), (int64_t, uploads), (int64_t, polls));

/* What the service says of an operation. */
GALLEY_STRUCT(operation, (int64_t, id), (galley_str, status), (galley_str, text, OPTIONAL));
/* clang-format on */

/* One transcription on its way. */
struct job {
    const galley_upload *audio; /* NULL: the body of the request, as it comes */
    uint64_t sent_bytes;
    galley_str language;
    int64_t within_ms, id;
    struct transcript *out;
};

/* ---- sending the audio ---- */

/* The next bytes for the service: from the file that was uploaded, or straight from the client, who is waited for. */
static ssize_t read_audio(galley_async *co, void *arg, void *buf, size_t len)
{
    struct job *job = arg;
    ssize_t n = job->audio ? galley_upload_read(job->audio, job->sent_bytes, buf, len)
                           : galley_body_read(co, buf, len);
    if (n > 0)
        job->sent_bytes += (uint64_t)n;
    return n;
}

/* What the service has against us, or against the audio. */
static int refused(galley_async *co, const struct galley_http *got)
{
    char room[256];
    galley_str why = GALLEY_STR("no reason");
    galley_json detail =
        galley_json_get((galley_json){got->body.data, got->body.len}, GALLEY_STR("detail"));
    if (galley_json_to_string(detail, room, sizeof room, &why) < 0)
        why = GALLEY_STR("it does not say why");
    /* Our key and our address are our own affair; what is wrong with the audio is the client's. */
    bool is_of_the_client = got->status == 400 || got->status == 413 || got->status == 415;
    return galley_fail(co, is_of_the_client ? got->status : 502, "the speech service: %.*s",
                       GALLEY_STR_ARG(why));
}

static int note_id(galley_async *co, const struct galley_http *got, struct job *job)
{
    galley_json id =
        galley_json_get((galley_json){got->body.data, got->body.len}, GALLEY_STR("id"));
    if (galley_json_to_int(id, &job->id) < 0)
        return galley_fail(co, 502, "the speech service: an operation without a number");
    return 0;
}

/* Whether another attempt may go better: the service was busy, or was not reached or lost. */
static bool is_passing(int rc, int status)
{
    if (rc == 0)
        return status == 429 || status == 502 || status == 503;
    return rc == -ECONNREFUSED || rc == -ECONNRESET || rc == -GALLEY_ELOST ||
           rc == -GALLEY_ENOT_READY;
}

/* Send the audio until the service has it. Sending twice does no harm; but what came straight from the client is gone. */
static int send_audio(galley_async *co, struct job *job)
{
    galley_str url = galley_format(co, "%s/v1/transcripts?language=%.*s", service,
                                   GALLEY_STR_ARG(job->language));
    for (int64_t pause_ms = FIRST_PAUSE_MS;; pause_ms *= 2) {
        struct galley_http got = {0};
        job->sent_bytes = 0;
        int rc = galley_http_post(co, &got, url.data, .type = "audio/wav", .read = read_audio,
                                  .read_arg = job,
                                  .read_bytes = job->audio ? (int64_t)job->audio->size : 0,
                                  .fields = GALLEY_FIELDS({"authorization", authorization}));
        job->out->uploads++;
        if (rc == 0 && got.status == 202)
            return note_id(co, &got, job);
        bool may_try_again = is_passing(rc, got.status) && job->out->uploads < MAX_UPLOADS &&
                             (job->audio || job->sent_bytes == 0);
        if (!may_try_again)
            return rc < 0 ? rc : refused(co, &got);
        rc = galley_sleep_ms(co, pause_ms);
        if (rc < 0)
            return rc;
    }
}

/* ---- waiting for the text ---- */

static bool is_status(const struct operation *operation, const char *status)
{
    return operation->status.len == strlen(status) &&
           memcmp(operation->status.data, status, operation->status.len) == 0;
}

/* Ask again and again, less and less often. An answer that breaks off is asked for anew by the call itself. */
static int await_text(galley_async *co, struct job *job)
{
    galley_str url = galley_format(co, "%s/v1/transcripts/%lld", service, (long long)job->id);
    struct operation operation = {0};
    for (int64_t pause_ms = FIRST_PAUSE_MS;; pause_ms *= 2) {
        int rc = galley_sleep_ms(co, pause_ms < LONGEST_PAUSE_MS ? pause_ms : LONGEST_PAUSE_MS);
        if (rc == 0)
            rc = galley_http_get_json(co, &operation, operation, url.data, .retries = 3,
                                      .fields = GALLEY_FIELDS({"authorization", authorization}));
        if (rc < 0)
            return rc; /* answered with 502, 503 or 504, and the log has the reason */
        job->out->polls++;
        if (!is_status(&operation, "running"))
            break;
    }
    if (!is_status(&operation, "done"))
        return galley_fail(co, 502, "the speech service: %.*s", GALLEY_STR_ARG(operation.status));
    job->out->text = operation.text;
    return 0;
}

/* ---- the whole, below one deadline ---- */

static int transcribe(galley_async *co, struct job *job)
{
    struct galley_scope deadline;
    galley_scope_open(co, &deadline, job->within_ms);
    int rc = send_audio(co, job);
    if (rc == 0)
        rc = await_text(co, job);
    int closed = galley_scope_close(co, &deadline);
    if (closed == -ETIMEDOUT)
        return galley_fail(co, 504, "no transcript within %lld ms", (long long)job->within_ms);
    return rc < 0 ? rc : closed;
}

static int create_transcript(galley_async *co, const struct transcript_in *in,
                             struct transcript *out)
{
    return transcribe(co, &(struct job){.audio = &in->audio,
                                        .language = in->language,
                                        .within_ms = in->within_ms,
                                        .out = out});
}

/* The same without the file between: every piece goes on to the service while the client still speaks. */
static int create_dictation(galley_async *co, const struct dictation_in *in, struct transcript *out)
{
    return transcribe(
        co, &(struct job){.language = in->language, .within_ms = in->within_ms, .out = out});
}

GALLEY_APP(.title = "Speech", .version = "1.0", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_POST("/transcripts", create_transcript, transcript_in,
                                               transcript, .timeout_ms = 150000,
                                               .max_body_bytes = 64 << 20,
                                               .on_disconnect = GALLEY_CANCEL),
                                   GALLEY_POST("/dictations", create_dictation, dictation_in,
                                               transcript, .timeout_ms = 150000,
                                               .max_body_bytes = 64 << 20,
                                               .on_disconnect = GALLEY_CANCEL)));
