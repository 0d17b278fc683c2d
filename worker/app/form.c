/* form.c - a form's body becomes its fields and files; see form.h.
 * Does:     ask the content type which of the two it is.
 * Does not: parse (form_urlencoded.c, multipart.c).
 * See:      form.h */
#include "worker/app/form.h"

#include "worker/app/body.h"
#include "worker/app/form_parts.h"
#include "worker/app/form_urlencoded.h"
#include "worker/http/text.h"

enum { MAX_MEDIA_TYPE = 64 };

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

static GALLEY_YIELDS int read_urlencoded(struct galley_request *req, struct form *form)
{
    galley_str body;
    int rc = body_receive(req, &body);
    if (rc < 0)
        return rc;
    const char *why;
    rc = form_urlencoded_parse(body, form, &req->arena, &why);
    return rc == -EINVAL ? galley__fail(req, 400, "%s", why) : rc;
}

int form_read(struct galley_request *req, struct form *form)
{
    char room[MAX_MEDIA_TYPE];
    galley_str type = body_media_type(req, room, sizeof room);
    *form = (struct form){0};
    if (text_is_same(type, GALLEY_STR("application/x-www-form-urlencoded")))
        return read_urlencoded(req, form);
    if (text_is_same(type, GALLEY_STR("multipart/form-data")))
        return form_parts_read(req, form);
    return 0;
}
