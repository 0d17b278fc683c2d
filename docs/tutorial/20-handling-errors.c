/* 20-handling-errors.c - saying no: statuses, details, header fields, errors of one's own. */
#include <galley.h>

GALLEY_STRUCT(item_id, (galley_str, id, PATH));
GALLEY_STRUCT(item, (galley_str, id));

static int read_item(galley_async *co, const struct item_id *in, struct item *out)
{
    if (in->id.len != 3) {
        galley_set_header(co, "X-Error", "There goes my error");
        return galley_fail(co, 404, "Item %.*s not found", GALLEY_STR_ARG(in->id));
    }
    out->id = in->id;
    return 0;
}

/* The detail may be any JSON. */
static int read_teapot(galley_async *co, const struct galley_none *in, struct item *out)
{
    return galley_fail_json(co, 418, GALLEY_JSON_TEXT({"short": true, "stout": true}));
}

/* An error of the application's own, and who answers it, for all routes. */
GALLEY_STRUCT(unicorn_error, (galley_str, name));
GALLEY_STRUCT(apology, (galley_str, message));

static int apologize(galley_async *co, const struct unicorn_error *error, struct apology *out)
{
    out->message = galley_format(co, "Oops! %.*s did something. There goes a rainbow...",
                                 GALLEY_STR_ARG(error->name));
    return 0;
}

static int read_unicorn(galley_async *co, const struct item_id *in, struct item *out)
{
    if (in->id.len > 4)
        return galley_raise(co, unicorn_error, .name = in->id);
    out->id = in->id;
    return 0;
}

GALLEY_APP(.title = "Handling errors",
           .handlers = GALLEY_HANDLERS(
               GALLEY_ON_RAISED(unicorn_error, apologize, apology, .status = 418)),
           .routes = GALLEY_ROUTES(
               GALLEY_GET("/items/{id}", read_item, item_id, item),
               GALLEY_GET("/teapot", read_teapot, galley_none, item),
               GALLEY_GET("/unicorns/{id}", read_unicorn, item_id, item)));
