/* 25-metadata-and-docs.c - what an application says of itself, and where its documentation is. */
#include <galley.h>

GALLEY_STRUCT(hero, (galley_str, name));

static int read_hero(galley_async *co, const struct galley_none *in, struct hero *out)
{
    out->name = GALLEY_STR("Deadpond");
    return 0;
}

GALLEY_APP(.title = "ChimichangApp", .version = "0.0.1",
           .description = "ChimichangApp helps you do awesome stuff.",
           .openapi_path = "/api/v1/openapi.json", .docs_path = "/documentation", .redoc_path = "",
           .routes = GALLEY_ROUTES(GALLEY_GET("/heroes", read_hero, galley_none, hero)));
