/* docs_elsewhere.c - for the tests: the documentation at paths of the application's own, and text that HTML must escape. */
#include <galley.h>

static int catch_all(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("the application");
    return 0;
}

GALLEY_APP(.title = "Fish & <Chips> \"Bar\"", .openapi_path = "/api/v1/schema",
           .docs_path = "/api/", .redoc_path = "",
           .routes = GALLEY_ROUTES(GALLEY_GET("/docs", catch_all, galley_none, galley_text),
                                   GALLEY_GET("/redoc", catch_all, galley_none, galley_text),
                                   GALLEY_GET("/api", catch_all, galley_none, galley_text)));
