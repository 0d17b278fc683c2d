/* 18-form-models.c - a struct for a whole form. */
#include <galley.h>

GALLEY_STRUCT(credentials,
    (MODEL, .extra = GALLEY_FORBID),
    (galley_str, username),
    (galley_str, password, .min_length = 4));

GALLEY_STRUCT(login_in, (struct credentials, data, FORM, OBJECT(credentials)));
GALLEY_STRUCT(login, (galley_str, username));

static int log_in(galley_async *co, const struct login_in *in, struct login *out)
{
    out->username = in->data.username;
    return 0;
}

GALLEY_APP(.title = "Form models",
           .routes = GALLEY_ROUTES(GALLEY_POST("/login", log_in, login_in, login)));
