/* 20-own-answers.c - other answers than the usual ones, for all that goes wrong. */
#include <galley.h>

GALLEY_STRUCT(item_id, (int64_t, id, PATH));
GALLEY_STRUCT(item, (int64_t, id));

static int read_item(galley_async *co, const struct item_id *in, struct item *out)
{
    out->id = in->id;
    return 0;
}

/* Inputs that do not hold: as text, a line each, with 400. */
static int answer_invalid(galley_async *co, const struct galley_invalid *in, struct galley_text *out)
{
    out->text = GALLEY_STR("These do not hold:");
    for (size_t i = 0; i < in->count; i++)
        out->text = galley_format(co, "%.*s\n%.*s %.*s", GALLEY_STR_ARG(out->text),
                                  GALLEY_STR_ARG(in->problems[i].loc),
                                  GALLEY_STR_ARG(in->problems[i].msg));
    return 0;
}

/* Every 404: what galley_fail says, and paths that no route has. */
static int answer_not_found(galley_async *co, const struct galley_failure *in, struct galley_html *out)
{
    out->html = GALLEY_STR("<h1>There is no such page</h1>\n");
    return 0;
}

GALLEY_APP(.title = "Own answers",
           .handlers = GALLEY_HANDLERS(
               GALLEY_ON_INVALID(answer_invalid, galley_text, .status = 400),
               GALLEY_ON_STATUS(404, answer_not_found, galley_html)),
           .routes = GALLEY_ROUTES(GALLEY_GET("/items/{id}", read_item, item_id, item)));
