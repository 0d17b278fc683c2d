/* failing.c - every handler of failures that there is, and failures for them; t/76-failures.t asks. */
#include <errno.h>
#include <unistd.h>

#include <galley.h>

GALLEY_STRUCT(told, (galley_str, by), (int64_t, status), (galley_json, detail));
GALLEY_STRUCT(number_in, (int64_t, n, PATH), (int64_t, q, QUERY, DEFAULT(0), .le = 9));
GALLEY_STRUCT(number, (int64_t, n));

/* ---- what is raised ---- */

GALLEY_STRUCT(busy, (galley_str, who), (int64_t, seconds));
GALLEY_STRUCT(lonely, (int64_t, n));
GALLEY_STRUCT(cursed, (int64_t, n));

static int tell_busy(galley_async *co, const struct busy *busy, struct told *out)
{
    galley_set_header(co, "Retry-After", galley_format(co, "%lld", (long long)busy->seconds).data);
    out->by = busy->who;
    out->status = 409;
    out->detail = (galley_json){"null", 4};
    return galley_sleep_ms(co, 1); /* may wait, as any handler */
}

/* A handler of a failure that fails itself. */
static int tell_cursed(galley_async *co, const struct cursed *cursed, struct told *out)
{
    return galley_fail(co, 400, "again");
}

/* ---- other failures ---- */

static int tell_status(galley_async *co, const struct galley_failure *failure, struct told *out)
{
    *out = (struct told){GALLEY_STR("status"), failure->status, failure->detail};
    return 0;
}

static int tell_teapot(galley_sync *rq, const struct galley_failure *failure,
                       struct galley_text *out)
{
    usleep(1000); /* a thread may block */
    out->text = galley_format(rq, "teapot, %.*s", GALLEY_STR_ARG(failure->detail));
    return 0;
}

GALLEY_STRUCT(refused, (int64_t, count), (galley_json, first_loc), (galley_str, first_type),
              (galley_str, first_msg), (galley_json, first_input), (galley_json, usual));
static int tell_invalid(galley_async *co, const struct galley_invalid *invalid, struct refused *out)
{
    const struct galley_problem *first = invalid->problems;
    *out = (struct refused){.count = (int64_t)invalid->count,
                            .first_loc = first->loc,
                            .first_type = first->type,
                            .first_msg = first->msg,
                            .first_input = first->input,
                            .usual = invalid->body};
    return 0;
}

static int tell_crash(galley_async *co, const struct galley_failure *failure, struct told *out)
{
    *out = (struct told){GALLEY_STR("crash"), failure->status, failure->detail};
    return 0;
}

/* ---- who fails ---- */

static int fail_with(galley_async *co, const struct number_in *in, struct number *out)
{
    galley_set_header(co, "X-Before", "kept");
    switch (in->n) {
    case 1:
        return galley_raise(co, busy, .who = galley_format(co, "ada"), .seconds = 7);
    case 2:
        return galley_raise(co, lonely, .n = 2);
    case 3:
        return galley_raise(co, cursed, .n = 3);
    case 4:
        return -EIO;
    case 5:
        return galley_fail_json(co, 400, GALLEY_STR("{not JSON"));
    case 6:
        return galley_fail_json(co, 400, (galley_str){0});
    case 7:
        return galley_fail_json(co, 409, GALLEY_JSON_TEXT([ 1, {"b" : 1.50}, "\u00e5" ]));
    default:
        return galley_fail(co, (int)in->n, "of %lld: \"\xC3\xA5\"", (long long)in->n);
    }
}

static int fail_on_a_thread(galley_sync *rq, const struct number_in *in, struct number *out)
{
    if (in->n == 1)
        return galley_raise(rq, busy, .who = GALLEY_STR("a thread"), .seconds = 1);
    return galley_fail_json(rq, (int)in->n, GALLEY_JSON_TEXT({"thread" : true}));
}

GALLEY_STRUCT(echo_in, (struct number, body, BODY(number)));
static int echo(galley_async *co, const struct echo_in *in, struct number *out)
{
    *out = in->body;
    return 0;
}

GALLEY_APP(.title = "Failing",
           .handlers = GALLEY_HANDLERS(GALLEY_ON_RAISED(busy, tell_busy, told, .status = 409),
                                       GALLEY_ON_RAISED(cursed, tell_cursed, told),
                                       GALLEY_ON_STATUS(418, tell_teapot, galley_text),
                                       GALLEY_ON_STATUS(0, tell_status, told),
                                       GALLEY_ON_INVALID(tell_invalid, refused, .status = 400),
                                       GALLEY_ON_CRASH(tell_crash, told)),
           .routes = GALLEY_ROUTES(GALLEY_GET("/fail/{n}", fail_with, number_in, number),
                                   GALLEY_GET("/thread/{n}", fail_on_a_thread, number_in, number),
                                   GALLEY_POST("/echo", echo, echo_in, number,
                                               .max_body_bytes = 100)));
