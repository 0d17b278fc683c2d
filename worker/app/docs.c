/* docs.c - the pages of the documentation; see docs.h.
 * Does:     choose what is served where, make the HTML of the pages, answer with headers that let nothing else in.
 * Does not: run per request more than a look-up in a table of nine.
 * See:      t/76-openapi.t, t/77-docs.t (a browser) */
#include "worker/app/docs.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/app/app.h"
#include "worker/app/docs_assets.h"
#include "worker/app/openapi.h"
#include "worker/http/response.h"
#include "worker/http/server.h"

enum { DOCS_MAX_PAGES = 9, DOCS_MAX_BYTES = 64 << 20, DOCUMENT_MAX_BYTES = 32 << 20 };

struct page {
    struct galley_route route;
    const char *type;
    galley_str body;
    bool is_packed; /* with gzip */
    bool is_asset;  /* its address names its version */
};

struct docs {
    struct arena memory;
    struct json_out document;
    const char *shown; /* docs_page */
    size_t count;
    struct page pages[DOCS_MAX_PAGES];
};

/* ---- answering ---- */

/* Whether one entry of Accept-Encoding, "gzip;q=0.5", allows gzip (RFC 9110, 12.5.3). */
static bool allows_gzip(galley_str entry)
{
    const char *at = entry.data, *end = at + entry.len;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    size_t len = (size_t)(end - at);
    if (!(len >= 4 && strncasecmp(at, "gzip", 4) == 0) && !(len >= 1 && *at == '*'))
        return false;
    const char *weight = memmem(at, len, "q=0", 3);
    for (at = weight != NULL ? weight + 3 : end; at < end; at++)
        if (*at >= '1' && *at <= '9')
            return true;
    return weight == NULL;
}

/* A client that does not say what it takes takes everything. */
static bool takes_gzip(const galley_request *req)
{
    galley_str rest = galley__header(req, "accept-encoding");
    if (rest.data == NULL)
        return true;
    while (rest.len > 0) {
        const char *comma = memchr(rest.data, ',', rest.len);
        size_t len = comma != NULL ? (size_t)(comma - rest.data) : rest.len;
        if (allows_gzip((galley_str){rest.data, len}))
            return true;
        len += comma != NULL;
        rest = (galley_str){rest.data + len, rest.len - len};
    }
    return false;
}

static int set_fields(galley_request *req, const struct page *page)
{
    static const struct {
        galley_str name, value;
    } fields[] = {
        {GALLEY_STR("content-security-policy"),
         GALLEY_STR(
             "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
             "connect-src 'self'; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'none'")},
        {GALLEY_STR("x-content-type-options"), GALLEY_STR("nosniff")},
        {GALLEY_STR("referrer-policy"), GALLEY_STR("no-referrer")},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof fields / sizeof fields[0]; i++)
        rc = response_set_field(req, fields[i].name, fields[i].value);
    if (rc == 0 && page->is_asset)
        rc = response_set_field(req, GALLEY_STR("cache-control"),
                                GALLEY_STR("public, max-age=604800"));
    if (rc == 0 && page->is_packed)
        rc = response_set_field(req, GALLEY_STR("content-encoding"), GALLEY_STR("gzip"));
    return rc;
}

static int serve(galley_async *co, const struct galley_none *in, struct galley_octets *out)
{
    galley_request *req = galley__request_of_async(co);
    const struct docs *docs = app_docs(req->server->app);
    (void)in;
    for (size_t i = 0; i < docs->count; i++) {
        const struct page *page = &docs->pages[i];
        if (page->route.name != req->route->name)
            continue;
        *out =
            (struct galley_octets){{(const uint8_t *)page->body.data, page->body.len}, page->type};
        if (page->is_packed && !takes_gzip(req))
            return galley__fail(req, 406, "this file is sent with gzip alone");
        return i == 0 ? 0 : set_fields(req, page); /* the document is as FastAPI sends it */
    }
    return galley__fail_status(req, 404);
}

/* ---- what is served where ---- */

static char *join(struct docs *docs, const char *left, size_t left_len, const char *right,
                  struct errmsg *why)
{
    size_t right_len = strlen(right);
    char *text = arena_alloc(&docs->memory, left_len + right_len + 1);
    if (text == NULL) {
        errmsg_set(why, "there is no memory for the documentation");
        return NULL;
    }
    memcpy(text, left, left_len);
    memcpy(text + left_len, right, right_len + 1);
    return text;
}

/* A page below `prefix`, a path that may end in a slash. */
static int add(struct docs *docs, const struct page *page, const char *prefix, const char *rest,
               struct errmsg *why)
{
    size_t len = strlen(prefix);
    if (*rest != '\0' && len > 0 && prefix[len - 1] == '/')
        len--;
    char *path = join(docs, prefix, len, rest, why);
    if (path == NULL)
        return -1;
    for (size_t i = 0; i < docs->count; i++) {
        if (strcmp(docs->pages[i].route.path, path) == 0) {
            errmsg_set(why, "GALLEY_APP wants two pages of the documentation at \"%s\"", path);
            return -1;
        }
    }
    struct page *added = &docs->pages[docs->count++];
    *added = *page;
    added->route.method = "GET";
    added->route.path = path;
    added->route.async = true;
    added->route.run = (int (*)(void *, const void *, void *))(void (*)(void))serve;
    added->route.in = &galley_none_model;
    added->route.out = &galley_octets_model;
    added->route.hidden = true;
    added->route.file = "galley";
    return 0;
}

static void escape(struct json_out *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            json_literal(out, "&amp;");
            break;
        case '<':
            json_literal(out, "&lt;");
            break;
        case '"':
            json_literal(out, "&quot;");
            break;
        default:
            json_raw(out, text, 1);
        }
    }
}

/* HTML in which {} stand for texts that are escaped. */
static int make_html(struct docs *docs, const char *form, const char *const *texts,
                     galley_str *html, struct errmsg *why)
{
    struct json_out out;
    json_out_init(&out, NULL, 0, DOCS_MAX_BYTES);
    for (; *form != '\0'; form++) {
        if (form[0] == '{' && form[1] == '}') {
            escape(&out, *texts++);
            form++;
        } else {
            json_raw(&out, form, 1);
        }
    }
    char *copy = out.error == 0 ? arena_dup(&docs->memory, out.data, out.len) : NULL;
    if (copy == NULL)
        errmsg_set(why, "there is no memory for the documentation");
    *html = (galley_str){copy, out.len};
    json_out_release(&out);
    return copy != NULL ? 0 : -1;
}

#define HEAD                                                                                       \
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"                      \
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"                   \
    "<title>{}</title>\n<link rel=\"icon\" href=\"data:,\">\n"                                     \
    "<link rel=\"stylesheet\" href=\"{}?{}\">\n<script src=\"{}?{}\" defer></script>\n"
#define BODY_OF(id)                                                                                \
    "</head>\n<body>\n<div id=\"" id "\" data-openapi=\"{}\">"                                     \
    "<noscript>This page needs JavaScript; the document itself is {}.</noscript></div>\n"          \
    "</body>\n</html>\n"

/* What a page is made of. */
struct kind {
    const char *name, *form, *what;
    struct {
        const char *name, *path, *type;
        enum docs_asset asset;
        bool is_packed;
    } parts[3]; /* the style, then scripts */
};

static const char style_type[] = "text/css; charset=utf-8";
static const char script_type[] = "text/javascript; charset=utf-8";

static const struct kind swagger = {
    "docs",
    HEAD "<script src=\"{}?{}\" defer></script>\n" BODY_OF("swagger-ui"),
    "Swagger UI",
    {{"docs style", "/swagger-ui.css", style_type, DOCS_SWAGGER_STYLE, true},
     {"docs script", "/swagger-ui-bundle.js", script_type, DOCS_SWAGGER_SCRIPT, true},
     {"docs start", "/start.js", script_type, DOCS_START_SCRIPT, false}}};
/* Without Swagger UI, and beside it. */
static const struct kind reference[2] = {
    {"docs",
     HEAD BODY_OF("reference"),
     "Reference",
     {{"docs style", "/reference.css", style_type, DOCS_REFERENCE_STYLE, false},
      {"docs script", "/reference.js", script_type, DOCS_REFERENCE_SCRIPT, false}}},
    {"redoc",
     HEAD BODY_OF("reference"),
     "Reference",
     {{"redoc style", "/reference.css", style_type, DOCS_REFERENCE_STYLE, false},
      {"redoc script", "/reference.js", script_type, DOCS_REFERENCE_SCRIPT, false}}}};

static int add_page(struct docs *docs, const struct kind *kind, const char *path,
                    const struct galley_app *declared, const char *openapi_path, struct errmsg *why)
{
    const char *release = docs_swagger_version(), *texts[12], *title;
    size_t at = docs->count, count = 0;
    struct page page = {.route.name = kind->name, .type = "text/html; charset=utf-8"};
    if (add(docs, &page, path, "", why) < 0)
        return -1;
    title = declared->title != NULL ? declared->title : "Galley";
    title = join(docs, title, strlen(title), " - ", why);
    texts[count++] = title != NULL ? join(docs, title, strlen(title), kind->what, why) : NULL;
    const char *version = join(docs, GALLEY_VERSION "-", sizeof GALLEY_VERSION, release, why);
    for (size_t i = 0; i < 3 && kind->parts[i].name != NULL; i++) {
        page = (struct page){.route.name = kind->parts[i].name,
                             .type = kind->parts[i].type,
                             .body = docs_asset(kind->parts[i].asset),
                             .is_packed = kind->parts[i].is_packed,
                             .is_asset = true};
        if (add(docs, &page, path, kind->parts[i].path, why) < 0)
            return -1;
        texts[count++] = docs->pages[docs->count - 1].route.path;
        texts[count++] = version;
    }
    texts[count++] = openapi_path;
    texts[count++] = openapi_path;
    for (size_t i = 0; i < count; i++)
        if (texts[i] == NULL)
            return -1;
    return make_html(docs, kind->form, texts, &docs->pages[at].body, why);
}

/* ---- at load ---- */

static int check_path(const struct galley_app *declared, const char *option, const char *path,
                      struct errmsg *why)
{
    if (path[0] != '/' || path[strcspn(path, "{}?#%\"<>\\ \t\r\n")] != '\0') {
        errmsg_set(why, "%s of GALLEY_APP is \"%s\"; it must be a plain path such as \"/%.*s\"",
                   option, path, (int)strcspn(option, "_"), option);
        return -1;
    }
    for (size_t i = 0; i < declared->route_count; i++) {
        const struct galley_route *route = &declared->routes[i];
        if (route->method == NULL || route->path == NULL || strcmp(route->method, "GET") != 0 ||
            strcmp(route->path, path) != 0)
            continue;
        errmsg_set(why,
                   "%s:%d: GET %s: the documentation is served there; choose another %s in "
                   "GALLEY_APP, or \"\" for none",
                   route->file != NULL ? route->file : "?", route->line, path, option);
        return -1;
    }
    return 0;
}

static int add_pages(struct docs *docs, const struct galley_app *declared, struct errmsg *why)
{
    const char *openapi = declared->openapi_path != NULL ? declared->openapi_path : "/openapi.json";
    const char *tried = declared->docs_path != NULL ? declared->docs_path : "/docs";
    const char *read = declared->redoc_path != NULL ? declared->redoc_path : "/redoc";
    const struct page document = {.route.name = "openapi", .type = "application/json"};
    if (*openapi == '\0')
        return 0;
    if (check_path(declared, "openapi_path", openapi, why) < 0 ||
        add(docs, &document, openapi, "", why) < 0)
        return -1;
    if (*tried != '\0') {
        bool has_swagger = docs_asset(DOCS_SWAGGER_SCRIPT).len > 0;
        if (check_path(declared, "docs_path", tried, why) < 0 ||
            add_page(docs, has_swagger ? &swagger : &reference[0], tried, declared, openapi, why) <
                0)
            return -1;
    }
    if (*read != '\0' && (check_path(declared, "redoc_path", read, why) < 0 ||
                          add_page(docs, &reference[1], read, declared, openapi, why) < 0))
        return -1;
    docs->shown = *tried != '\0' ? tried : read;
    return 0;
}

struct docs *docs_new(const struct galley_app *declared, struct errmsg *why)
{
    struct docs *docs = calloc(1, sizeof *docs);
    if (docs == NULL) {
        errmsg_set(why, "there is no memory for the documentation");
        return NULL;
    }
    docs->shown = "";
    arena_init(&docs->memory, NULL, 0, DOCS_MAX_BYTES);
    json_out_init(&docs->document, NULL, 0, DOCUMENT_MAX_BYTES);
    if (add_pages(docs, declared, why) == 0)
        return docs;
    docs_free(docs);
    return NULL;
}

void docs_free(struct docs *docs)
{
    if (docs == NULL)
        return;
    json_out_release(&docs->document);
    arena_release(&docs->memory);
    free(docs);
}

size_t docs_route_count(const struct docs *docs)
{
    return docs->count;
}

const struct galley_route *docs_route(const struct docs *docs, size_t index)
{
    return &docs->pages[index].route;
}

int docs_write(struct docs *docs, const struct galley_app *declared, struct shapes *shapes,
               struct errmsg *why)
{
    if (docs->count == 0)
        return 0;
    if (openapi_write(&docs->document, declared, shapes, why) < 0)
        return -1;
    docs->pages[0].body = (galley_str){docs->document.data, docs->document.len};
    return 0;
}

const char *docs_page(const struct docs *docs)
{
    return docs->shown;
}
