/* remote.c - a remote side that behaves, in Galley: for calls over TLS and HTTP/2, many at once, and streams. */
#include <galley.h>
#include <string.h>

GALLEY_STRUCT(amount_in, (int64_t, bytes, QUERY, OPTIONAL));
GALLEY_STRUCT(counted, (int64_t, bytes));

static int answer(galley_async *co, const struct galley_none *in, struct counted *out)
{
    (void)in;
    out->bytes = 7;
    return galley_sleep_ms(co, 5);
}

static int count(galley_async *co, const struct galley_none *in, struct counted *out)
{
    char buf[16384];
    ssize_t got;
    (void)in;
    out->bytes = 0;
    while ((got = galley_body_read(co, buf, sizeof buf)) > 0)
        out->bytes += got;
    return (int)got;
}

static int send(galley_async *co, const struct amount_in *in, struct galley_stream *out)
{
    char buf[16384];
    memset(buf, 'y', sizeof buf);
    int rc = 0;
    for (int64_t left = in->bytes; left > 0 && rc >= 0; left -= (int64_t)sizeof buf)
        rc =
            (int)galley_write(co, out, buf, left < (int64_t)sizeof buf ? (size_t)left : sizeof buf);
    return rc;
}

GALLEY_APP(.title = "Remote",
           .routes = GALLEY_ROUTES(GALLEY_GET("/answer", answer, galley_none, counted),
                                   GALLEY_POST("/count", count, galley_none, counted,
                                               .max_body_bytes = INT64_C(1) << 40),
                                   GALLEY_GET("/send", send, amount_in, galley_stream)));
