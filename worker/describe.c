/* describe.c - what an application declares, without serving it.
 * Does:     load and check it; write its OpenAPI document or the list of its routes.
 * Does not: print, or run anything of it.
 * See:      worker.h, cli/cmd_run.c */
#include <errno.h>

#include "common/mp.h"
#include "worker/app/app.h"
#include "worker/app/app_load.h"
#include "worker/worker.h"

enum { DOCUMENT_MAX_BYTES = 32 << 20 };

int worker_check_app(const char *path, struct errmsg *why)
{
    const struct galley_app *declared = app_load(path, why);
    struct app *app = declared == NULL ? NULL : app_new(declared, why);
    if (app == NULL)
        return -EINVAL;
    app_free(app);
    return 0;
}

int worker_write_openapi(const char *path, struct buf *out, struct errmsg *why)
{
    const struct galley_app *declared = app_load(path, why);
    struct app *app = declared == NULL ? NULL : app_new(declared, why);
    if (app == NULL)
        return -EINVAL;
    struct json_out document;
    json_out_init(&document, NULL, 0, DOCUMENT_MAX_BYTES);
    int rc = app_write_openapi(app, &document, why);
    if (rc == 0 && buf_append(out, document.data, document.len) < 0) {
        errmsg_set(why, "the OpenAPI document of %s is too large to print", path);
        rc = -EINVAL;
    }
    json_out_release(&document);
    app_free(app);
    return rc < 0 ? -EINVAL : 0;
}

static void put_route(struct mp_writer *writer, const struct galley_route *route)
{
    mp_put_map(writer, 7);
    mp_put_str(writer, "method");
    mp_put_str(writer, route->method);
    mp_put_str(writer, "path");
    mp_put_str(writer, route->path);
    mp_put_str(writer, "name");
    mp_put_str(writer, route->name);
    mp_put_str(writer, "async");
    mp_put_bool(writer, route->async);
    mp_put_str(writer, "hidden");
    mp_put_bool(writer, route->hidden);
    mp_put_str(writer, "file");
    mp_put_str(writer, route->file);
    mp_put_str(writer, "line");
    mp_put_int(writer, route->line);
}

int worker_list_routes(const char *path, struct buf *out, struct errmsg *why)
{
    struct mp_writer writer;
    const struct galley_app *declared = app_load(path, why);
    struct app *app = declared == NULL ? NULL : app_new(declared, why);
    if (app == NULL)
        return -EINVAL;
    mp_writer_init(&writer, out);
    mp_put_array(&writer, declared->route_count);
    for (size_t i = 0; i < declared->route_count; i++)
        put_route(&writer, &declared->routes[i]);
    app_free(app);
    if (writer.error < 0)
        errmsg_set(why, "the routes of %s are too many to print", path);
    return writer.error < 0 ? -EINVAL : 0;
}
