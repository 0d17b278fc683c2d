/* bad_undefined.c - for the tests: an application that needs a function nobody has. */
#include <galley.h>

int is_nowhere(void);
static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in, (void)out;
    return is_nowhere();
}

GALLEY_APP(.title = "Shop",
           .routes = GALLEY_ROUTES(GALLEY_GET("/", hello, galley_none, galley_text)));
