/* form.c - a form's body becomes its fields and files; see form.h.
 * Does:     ask the content type which of the two it is.
 * Does not: parse (form_urlencoded.c, multipart.c).
 * See:      form.h */
#include "worker/app/form.h"

#include <string.h>

#include "worker/app/body.h"

struct form_field *form_add(struct form *form, struct arena *arena, galley_str name)
{
    struct form_field *field = arena_alloc(arena, sizeof *field);
    if (field == NULL)
        return NULL;
    *field = (struct form_field){.name = name, .text = GALLEY_STR("")};
    if (form->last != NULL)
        form->last->next = field;
    else
        form->first = field;
    form->last = field;
    return field;
}

int form_read(struct galley_request *req, struct form *form)
{
    (void)req;
    *form = (struct form){0};
    return 0;
}
