/* echo.c - the protocol's workbench: small endpoints by which a client sees what a server makes of it.
 *
 *     curl http://127.0.0.1:8000/                              a text
 *     curl -d 'as it comes' http://127.0.0.1:8000/             the body, sent back piece by piece
 *     curl -H 'X-Color: red' http://127.0.0.1:8000/echo        the request's fields, one a line
 *     curl -b 'a=1; b=2' http://127.0.0.1:8000/cookie          the cookies, one a line
 *     curl 'http://127.0.0.1:8000/sleep?ms=10'                 an answer after a while
 *     curl 'http://127.0.0.1:8000/bytes?n=100000'              so many bytes, in pieces
 *     curl http://127.0.0.1:8000/plaintext
 *     curl 'http://127.0.0.1:8000/items/1?q=x'
 *     curl -d '{"id":1,"name":"bolt","price":2.5,"in_stock":true}' -H content-type:application/json http://127.0.0.1:8000/items */
#include <galley.h>
#include <string.h>
#include <strings.h>

enum { PIECE_BYTES = 16 * 1024 };

static int greet(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text =
        GALLEY_STR("Echo: see the first lines of examples/echo.c for what there is to ask.\n");
    return 0;
}

/* Nothing is held but one piece: a body of any size passes through, at the pace of the slower side. */
static int echo_body(galley_async *co, const struct galley_none *in, struct galley_stream *out)
{
    (void)in;
    char *piece = galley_alloc(co, PIECE_BYTES);
    if (piece == NULL)
        return galley_fail(co, 503, "no memory");
    galley_str type = galley_header(co, "content-type");
    int rc =
        galley_set_header(co, "content-type",
                          type.data != NULL ? galley_format(co, "%.*s", GALLEY_STR_ARG(type)).data
                                            : "application/octet-stream");
    if (rc < 0)
        return galley_fail(co, 400, "a content-type that cannot be sent back");
    ssize_t n;
    while ((n = galley_body_read(co, piece, PIECE_BYTES)) > 0)
        if ((rc = galley_write(co, out, piece, (size_t)n)) < 0)
            return rc;
    return (int)n;
}

/* ---- what came ---- */

static void append(galley_str *text, galley_str more)
{
    if (more.len > 0)
        memcpy((char *)(uintptr_t)text->data + text->len, more.data, more.len);
    text->len += more.len;
}

static int echo_fields(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in;
    galley_str name, value, text = {NULL, 0};
    size_t room = 1;
    for (size_t i = 0; galley_header_at(co, i, &name, &value); i++)
        room += name.len + value.len + 3;
    text.data = galley_alloc(co, room);
    if (text.data == NULL)
        return galley_fail(co, 503, "no memory");
    for (size_t i = 0; galley_header_at(co, i, &name, &value); i++) {
        append(&text, name);
        append(&text, GALLEY_STR(": "));
        append(&text, value);
        append(&text, GALLEY_STR("\n"));
    }
    out->text = text;
    return 0;
}

/* A Cookie field is "a=1; b=2"; there may be several. */
static int echo_cookies(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in;
    galley_str name, value, text = {NULL, 0};
    size_t room = 1;
    for (size_t i = 0; galley_header_at(co, i, &name, &value); i++)
        room += value.len + 1;
    text.data = galley_alloc(co, room);
    if (text.data == NULL)
        return galley_fail(co, 503, "no memory");
    for (size_t i = 0; galley_header_at(co, i, &name, &value); i++) {
        if (name.len != 6 || strncasecmp(name.data, "cookie", 6) != 0)
            continue;
        while (value.len > 0) {
            const char *end = memchr(value.data, ';', value.len);
            size_t len = end != NULL ? (size_t)(end - value.data) : value.len;
            galley_str cookie = {value.data, len};
            for (; cookie.len > 0 && *cookie.data == ' '; cookie.len--)
                cookie.data++;
            append(&text, cookie);
            append(&text, cookie.len > 0 ? GALLEY_STR("\n") : GALLEY_STR(""));
            len += end != NULL;
            value = (galley_str){value.data + len, value.len - len};
        }
    }
    out->text = text;
    return 0;
}

/* ---- time and size ---- */

GALLEY_STRUCT(sleep_in, (int64_t, ms, QUERY, .default_json = "10", .ge = 0, .le = 600000));
static int sleep_a_while(galley_async *co, const struct sleep_in *in, struct galley_text *out)
{
    int rc = galley_sleep_ms(co, in->ms);
    out->text = GALLEY_STR("awake\n");
    return rc;
}

GALLEY_STRUCT(bytes_in, (int64_t, n, QUERY, .ge = 0, .le = 1 << 30));
static int send_bytes(galley_async *co, const struct bytes_in *in, struct galley_stream *out)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789-\n";
    char *piece = galley_alloc(co, PIECE_BYTES);
    if (piece == NULL)
        return galley_fail(co, 503, "no memory");
    for (size_t i = 0; i < PIECE_BYTES; i++)
        piece[i] = alphabet[i % (sizeof alphabet - 1)];
    int rc = galley_set_header(co, "content-type", "application/octet-stream");
    for (int64_t left = in->n; left > 0 && rc == 0; left -= PIECE_BYTES)
        rc = galley_write(co, out, piece, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES);
    return rc;
}

/* ---- what the bench asks ---- */

static int plaintext(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("Hello, World!");
    return 0;
}

GALLEY_STRUCT(item_in, (int64_t, item_id, PATH), (galley_str, q, QUERY, OPTIONAL));
GALLEY_STRUCT(item, (int64_t, item_id), (galley_str, q, OPTIONAL));
static int read_item(galley_async *co, const struct item_in *in, struct item *out)
{
    (void)co;
    *out = (struct item){.item_id = in->item_id, .q = in->q};
    return 0;
}

GALLEY_STRUCT(stock, (int64_t, id, .ge = 1), (galley_str, name, .min_length = 1, .max_length = 80),
              (double, price, .gt = 0), (bool, in_stock),
              (galley_str_list, tags, DEFAULT([]), .max_length = 8));
GALLEY_STRUCT(stock_in, (struct stock, stock, BODY(stock)));
static int create_stock(galley_async *co, const struct stock_in *in, struct stock *out)
{
    (void)co;
    *out = in->stock;
    return 0;
}

GALLEY_APP(.title = "Echo", .version = "1.0",
           .routes = GALLEY_ROUTES(GALLEY_GET("/", greet, galley_none, galley_text),
                                   GALLEY_POST("/", echo_body, galley_none, galley_stream),
                                   GALLEY_GET("/echo", echo_fields, galley_none, galley_text),
                                   GALLEY_GET("/cookie", echo_cookies, galley_none, galley_text),
                                   GALLEY_GET("/sleep", sleep_a_while, sleep_in, galley_text),
                                   GALLEY_GET("/bytes", send_bytes, bytes_in, galley_stream),
                                   GALLEY_GET("/plaintext", plaintext, galley_none, galley_text),
                                   GALLEY_GET("/items/{item_id}", read_item, item_in, item),
                                   GALLEY_POST("/items", create_stock, stock_in, stock,
                                               .status = 201)));
