/* 17-form-data.c - fields of an HTML form. */
#include <galley.h>

GALLEY_STRUCT(login_in,
    (galley_str, username, FORM),
    (galley_str, password, FORM, .min_length = 4),
    (bool,       remember, FORM, DEFAULT(false)));
GALLEY_STRUCT(login, (galley_str, username), (bool, remember));

static int log_in(galley_async *co, const struct login_in *in, struct login *out)
{
    *out = (struct login){.username = in->username, .remember = in->remember};
    return 0;
}

GALLEY_APP(.title = "Form data",
           .routes = GALLEY_ROUTES(GALLEY_POST("/login", log_in, login_in, login)));
