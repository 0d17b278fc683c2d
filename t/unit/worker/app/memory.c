/* t/unit/worker/app/memory.c - an input of N bytes never costs more than 10 N + 64 KiB.
 * Does:     whole requests of many shapes and sizes through an application, with every heap allocation counted from the
 *           head to the end of the answer; the highest sum is judged. What is usual must be read, not refused.
 * Does not: count where a sanitizer or valgrind has the allocator: there the requests only run.
 * See:      t/78-memory.t (the same from outside) */
#include <malloc.h>

#include "t/apps/greedy.c"

#include "t/unit/worker/app/world.h"

/* ---- what is allocated ---- */

/* Compilers think that malloc touches nothing of ours: hence volatile. */
static volatile struct {
    size_t now, most;
    bool is_on;
} heap;

#ifndef __SANITIZE_ADDRESS__
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#endif

#ifndef __SANITIZE_ADDRESS__
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void __libc_free(void *piece);

/* Wraps around where what was there before is freed; so does the sum, back again. */
static void add(size_t size)
{
    heap.now += size;
    if (heap.is_on && (ptrdiff_t)heap.now > (ptrdiff_t)heap.most)
        heap.most = heap.now;
}

void *malloc(size_t size)
{
    void *piece = __libc_malloc(size);
    add(malloc_usable_size(piece));
    return piece;
}

void *calloc(size_t count, size_t size)
{
    void *piece = __libc_calloc(count, size);
    add(malloc_usable_size(piece));
    return piece;
}

/* A piece of its own pages moves without a copy; any other that moves is there twice for a while. */
void *realloc(void *old, size_t size)
{
    enum { HAS_OWN_PAGES = 2 };
    size_t had = malloc_usable_size(old);
    bool is_mapped = old != NULL && (((const size_t *)old)[-1] & HAS_OWN_PAGES) != 0;
    void *piece = __libc_realloc(old, size);
    if (piece == NULL && size > 0)
        return NULL;
    if (is_mapped || piece == old)
        heap.now -= had;
    add(malloc_usable_size(piece));
    if (!is_mapped && piece != old)
        heap.now -= had;
    return piece;
}

void free(void *piece)
{
    heap.now -= malloc_usable_size(piece);
    __libc_free(piece);
}
#endif

/* The same with a handler of its own for what is wrong. */
static int count_problems(galley_async *co, const struct galley_invalid *in, struct count *out)
{
    (void)co;
    out->count = (int64_t)in->count;
    return 0;
}
static const struct galley_failure_handler own_handlers[] = {
    GALLEY_ON_INVALID(count_problems, count)};

/* ---- what is sent ---- */

enum { READ = 200, JUDGED = 422, ANY = 0 };
#define JSON       "application/json"
#define URLENCODED "application/x-www-form-urlencoded"
#define MULTIPART  "multipart/form-data; boundary=b"
#define PART       "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
#define PART_NAMED "--b\r\nContent-Disposition: form-data; name=\"tags\"\r\n\r\n"
#define FILE_PART                                                                                  \
    "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"f#\"\r\n"                   \
    "Content-Type: a/b\r\n\r\n"
#define PARTS_END "--b--\r\n"

/* What repeats: `unit`, whose # is a number that counts up, between `head` and `tail`; a comma at the end of the last unit
 * is left out. `status`: what every size of it must be answered. */
struct row {
    const char *name, *target, *type, *head, *unit, *tail;
    int status;
    size_t max_count; /* of units; 0: any */
};
static const struct row bodies[] = {
    {"ints", "/ints", JSON, "[", "1,", "]", READ, 0},
    {"ints, spaced", "/ints", JSON, "[", "12, ", "1]", READ, 0},
    {"ints as floats", "/floats", JSON, "[", "1,", "]", READ, 0},
    {"bools", "/bools", JSON, "[", "true,", "]", READ, 0},
    {"strings", "/strings", JSON, "[", "\"ab\",", "]", READ, 0},
    {"strings, empty", "/strings", JSON, "[", "\"\",", "]", READ, 0},
    {"strings, escaped", "/strings", JSON, "[", "\"a\\n\",", "]", READ, 0},
    {"strings, wholly escaped", "/strings", JSON, "[", "\"\\u00e9\",", "]", READ, 0},
    {"one string", "/text", JSON, "\"", "a", "\"", READ, 0},
    {"one string, escaped", "/text", JSON, "\"", "\\t", "\"", READ, 0},
    {"one string, of surrogates", "/text", JSON, "\"", "\\ud83d\\ude00", "\"", READ, 0},
    {"uuids", "/uuids", JSON, "[", "\"01234567-89ab-cdef-0123-456789abcdef\",", "]", READ, 0},
    {"days", "/days", JSON, "[", "\"2024-02-29\",", "]", READ, 0},
    {"times", "/times", JSON, "[", "\"2024-02-29T12:00:00Z\",", "]", READ, 0},
    {"times, numbers", "/times", JSON, "[", "1,", "]", ANY, 0},
    {"any, one", "/any", JSON, "[", " 1 ,", "1]", READ, 0},
    {"any, NaN", "/any", JSON, "[", "NaN,", "1]", READ, 0},
    {"any, each", "/anys", JSON, "[", "{\"a\": 1},", "]", READ, 0},
    {"any, tiny", "/anys", JSON, "[", "1,", "]", ANY, 0},
    {"octets", "/octets", JSON, "\"", "QUJD", "\"", READ, 0},
    {"map of ints", "/int_map", JSON, "{", "\"#\":1,", "}", ANY, 0},
    {"map of ints, usual keys", "/int_map", JSON, "{", "\"key-#\": 12,", "\"z\":1}", READ, 0},
    {"map of ints, one key", "/int_map", JSON, "{", "\"a\":1,", "}", ANY, 0},
    {"map of ints, no key", "/int_map", JSON, "{", "\"\":1,", "}", ANY, 0},
    {"map of strings", "/str_map", JSON, "{", "\"k#\":\"\",", "}", ANY, 0},
    {"map of any", "/any_map", JSON, "{", "\"\":1,", "}", ANY, 0},
    {"map, bad twice", "/int_map", JSON, "{", "\"a\":[],", "}", ANY, 0},
    {"map, all bad", "/int_map", JSON, "{", "\"#\":[],", "}", JUDGED, 0},
    {"small objects", "/smalls", JSON, "[", "{\"a\":1,\"b\":\"x\"},", "]", READ, 0},
    {"small objects, with pointers", "/smalls", JSON, "[", "{\"a\":1,\"b\":\"x\",\"c\":1.5},", "]",
     READ, 0},
    {"small objects, spaced", "/smalls", JSON, "[", "{\"a\": 12, \"b\": \"x\"}, ",
     "{\"a\":1,\"b\":\"\"}]", READ, 0},
    {"small objects, unknown keys", "/smalls", JSON, "[", "{\"a\":1,\"b\":\"x\",\"z\":[1,2,{}]},",
     "]", READ, 0},
    {"small objects, empty", "/smalls", JSON, "[", "{},", "]", JUDGED, 0},
    {"small objects, no objects", "/smalls", JSON, "[", "0,", "]", JUDGED, 0},
    {"small objects, wrong all over", "/smalls", JSON, "[", "{\"a\":\"\",\"b\":0,\"c\":[]},", "]",
     JUDGED, 0},
    {"fat objects, empty", "/fats", JSON, "[", "{},", "]", ANY, 0},
    {"fat objects, lists", "/fats", JSON, "[", "{\"l0\":[\"\"],\"m0\":{\"\":1}},", "]", ANY, 0},
    {"strict objects, unknown keys", "/one_strict", JSON, "{\"n\":1,", "\"#\":1,", "}", JUDGED, 0},
    {"strict objects, one unknown key", "/one_strict", JSON, "{\"n\":1,", "\"k\":1,", "}", JUDGED,
     0},
    {"strict objects, one bad key", "/one_strict", JSON, "{", "\"n\":[],", "\"n\":[]}", ANY, 0},
    {"strict objects, many", "/stricts", JSON, "[", "{\"x\":1},", "]", JUDGED, 0},
    {"pets", "/pets", JSON, "[", "{\"kind\":\"cat\"},", "]", ANY, 0},
    {"pets, large ones", "/pets", JSON, "[", "{\"kind\":\"dog\",\"litter\":[{}]},", "]", ANY, 0},
    {"pets, escaped tags", "/pets", JSON, "[", "{\"\\u006bind\":\"\\u0063at\"},", "]", ANY, 0},
    {"pets, of no kind", "/pets", JSON, "[", "{},", "]", JUDGED, 0},
    {"pets, of another kind", "/pets", JSON, "[", "{\"kind\":0},", "]", JUDGED, 0},
    {"rows", "/rows", JSON, "[", "[1,2,3,4],", "]", READ, 0},
    {"rows, short", "/rows", JSON, "[", "[1],", "]", ANY, 0},
    {"rows, empty", "/rows", JSON, "[", "[],", "]", ANY, 0},
    {"one long row", "/rows", JSON, "[[", "1,", "]]", READ, 0},
    {"nested", "/tree", JSON, "", "{\"children\":[", "", ANY, 0},
    {"nested, within bounds", "/tree", JSON, "", "{\"children\":[", "{}]}]}]}]}]}", READ, 5},
    {"tree, wide", "/tree", JSON, "{\"children\":[", "{},", "]}", ANY, 0},
    {"tree, wide twice", "/tree", JSON, "{\"children\":[", "{\"children\":[{}]},", "]}", ANY, 0},
    {"brackets", "/any", JSON, "", "[", "", ANY, 0},
    {"ints, too many", "/short_ints", JSON, "[", "1,", "]", JUDGED, 0},
    {"ints, wrong", "/ints", JSON, "[", "[],", "]", JUDGED, 0},
    {"ints, wrong floats", "/ints", JSON, "[", "9e99,", "]", JUDGED, 0},
    {"ints, wrong strings", "/ints", JSON, "[", "\"\\u0001\",", "]", JUDGED, 0},
    {"strings, wrong", "/strings", JSON, "[", "0,", "]", JUDGED, 0},
    {"days, wrong", "/days", JSON, "[", "\"\",", "]", JUDGED, 0},
    {"one wrong list", "/text", JSON, "[", "1e9,", "1]", JUDGED, 0},
    {"one wrong text", "/ints", JSON, "\"", "\\u001f", "\"", JUDGED, 0},
    {"one wrong object", "/ints", JSON, "{", "\"#\":1e5,", "\"a\":1}", JUDGED, 0},
    {"one wrong object, one key", "/ints", JSON, "{", "\"\":1,", "\"a\":1}", JUDGED, 0},
    {"two parameters", "/two", JSON, "{\"b\":{},\"a\":[", "1,", "]}", READ, 0},
    {"two parameters, one again and again", "/two", JSON, "{\"b\":{},", "\"a\":[1,2,3],",
     "\"a\":[]}", ANY, 0},
    {"syntax error at the end", "/ints", JSON, "[", "1,", "x", JUDGED, 0},
    {"syntax error behind problems", "/ints", JSON, "[", "[],", "x", JUDGED, 0},
    {"no UTF-8 at the end", "/strings", JSON, "[", "\"\",", "\"\xff", 400, 0},
    {"a text, no JSON", "/text", "text/plain", "", "a", "", READ, 0},
    {"a text of control bytes", "/text", "text/plain", "", "\x01", "", READ, 0},
    {"a text, not UTF-8", "/text", "text/plain", "", "\xff", "", ANY, 0},
    {"a text that is wrong", "/ints", "text/plain", "", "\x01", "", ANY, 0},
    {"a text, not UTF-8, that is wrong", "/ints", "text/plain", "", "\xff", "", ANY, 0},
    {"a text for any JSON", "/any", "text/plain", "", "\x01", "", ANY, 0},

    {"form", "/form", URLENCODED, "a=1&", "tags=x&", "n=1", READ, 900},
    {"form, ints", "/form", URLENCODED, "a=1&", "ids=1&", "n=1", READ, 900},
    {"form, wrong ints", "/form", URLENCODED, "a=1&", "ids=&", "n=1", JUDGED, 900},
    {"form, wrong ints of control bytes", "/form", URLENCODED, "a=1&", "ids=%01%01%01&", "n=1",
     JUDGED, 900},
    {"form, too many fields", "/form", URLENCODED, "a=1&", "tags=x&", "n=1", ANY, 0},
    {"form, large fields", "/form", URLENCODED, "a=", "%41", "", ANY, 0},
    {"form, one list of large fields", "/form", URLENCODED, "a=1&tags=", "%01", "&tags=1", ANY, 0},
    {"form, raw bytes", "/form", URLENCODED, "a=", "\xff", "", ANY, 0},
    {"form, raw bytes and escapes", "/form", URLENCODED, "a=%41", "\xff", "", ANY, 0},
    {"form, wrong and large", "/form", URLENCODED, "a=1&n=", "%01", "", ANY, 0},
    {"strict form", "/strict_form", URLENCODED, "n=1&", "a#=1&", "", JUDGED, 900},
    {"strict form, one name", "/strict_form", URLENCODED, "n=1&", "a=1&", "", JUDGED, 900},
    {"strict form, something missing", "/strict_form", URLENCODED, "", "a#=1&", "", JUDGED, 900},
    {"strict form, large", "/strict_form", URLENCODED, "a=", "%01", "", ANY, 0},
    {"parts", "/form", MULTIPART, PART "x\r\n", PART_NAMED "x\r\n", PARTS_END, READ, 900},
    {"parts, too many", "/form", MULTIPART, PART "x\r\n", PART_NAMED "x\r\n", PARTS_END, ANY, 0},
    {"one part", "/form", MULTIPART, PART, "x", "\r\n" PARTS_END, ANY, 0},
    {"one part, Latin-1", "/form", MULTIPART, PART, "\xe5", "\r\n" PARTS_END, ANY, 0},
    {"one part, wrong", "/strict_form", MULTIPART, PART, "\x01", "\r\n" PARTS_END, ANY, 0},
    {"parts, unknown", "/strict_form", MULTIPART, "", PART "\x01\x01\r\n", PARTS_END, JUDGED, 900},
    {"files", "/files", MULTIPART, "", FILE_PART "x\r\n", PARTS_END, READ, 900},
    {"files, too many", "/files", MULTIPART, "", FILE_PART "x\r\n", PARTS_END, ANY, 0},
    {"one file", "/files", MULTIPART, FILE_PART, "x", "\r\n" PARTS_END, READ, 0},
    {"one file as bytes", "/file_bytes", MULTIPART,
     "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n", "x",
     "\r\n" PARTS_END, READ, 0},
    {"one file for a text", "/files", MULTIPART,
     "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n\r\n", "x",
     "\r\n" PARTS_END, JUDGED, 0},
    {"one part's head", "/files", MULTIPART, "--b\r\nContent-Disposition: form-data; name=\"", "x",
     "\"\r\n\r\n", ANY, 0},
};

/* Of a head: the unit repeats in the query, in one Cookie field, or as fields of their own. */
static const struct row heads[] = {
    {"query of ints", "/query?", NULL, "", "ids=1&", "", READ, 0},
    {"query of ints, wrong", "/query?", NULL, "", "ids=&", "", JUDGED, 0},
    {"query of ints, escaped", "/query?", NULL, "", "%69ds=%31&", "", READ, 0},
    {"query of ints, control bytes", "/query?", NULL, "", "ids=%01&", "", JUDGED, 0},
    {"query of strings", "/query?", NULL, "", "tags=&", "", READ, 0},
    {"query of strings, not UTF-8", "/query?", NULL, "", "tags=%ff&", "", READ, 0},
    {"query, too long a text", "/query?q=", NULL, "", "%01", "", JUDGED, 0},
    {"strict query", "/strict_query?n=1&", NULL, "", "a#=1&", "", JUDGED, 0},
    {"strict query, no values", "/strict_query?n=1&", NULL, "", "#&", "", JUDGED, 0},
    {"strict query, one name", "/strict_query?n=1&", NULL, "", "a&", "", JUDGED, 0},
    {"strict query, something missing", "/strict_query?", NULL, "", "#&", "", JUDGED, 0},
    {"strict query, control bytes", "/strict_query?", NULL, "", "%01=%01&", "", JUDGED, 0},
    {"strict cookies", "/strict_cookies", "Cookie", "n=1;", "#=;", "", JUDGED, 0},
    {"strict cookies, one name", "/strict_cookies", "Cookie", "n=1;", "a=;", "", JUDGED, 0},
    {"strict cookies, Latin-1", "/strict_cookies", "Cookie", "", "\xe5=\xe5;", "", JUDGED, 0},
    {"strict fields", "/strict_headers", "X-#", "", "", "", JUDGED, 0},
    {"fields", "/head", "X-Tag", "", "", "", READ, 0},
    {"fields, wrong", "/head", "X-Id", "", "", "", JUDGED, 0},
    {"one long field, Latin-1", "/head", "X-Id", "", "\xe5", "", JUDGED, 0},
    {"one long cookie", "/head", "Cookie", "session=", "\xe5", "", JUDGED, 0},
};

enum { MAX_FIELDS = 100, LAW_TIMES = 10, LAW_BYTES = 64 * 1024 };
static const size_t sizes[] = {100, 1000, 5000, 20000, 70000, 300000, 1100000};

/* ---- one request ---- */

static struct {
    bool is_counting;
    double worst; /* of what was allowed */
    const char *worst_name;
} law;

static struct {
    const char *target;
    struct http_field fields[MAX_FIELDS];
    size_t field_count;
    char *body;
    size_t body_len, body_at, piece;
    bool is_length_known;
    int status;
} now;

static ssize_t read_body(struct galley_request *req, void *buf, size_t len)
{
    size_t left = now.body_len - now.body_at;
    len = len < left ? len : left;
    len = len < now.piece ? len : now.piece;
    if (len > 0)
        memcpy(buf, now.body + now.body_at, len);
    now.body_at += len;
    req->body_bytes += len;
    return (ssize_t)len;
}

static int keep_head(struct galley_request *req, uint64_t content_length, const void *body,
                     size_t len, bool is_end)
{
    (void)content_length, (void)body, (void)len, (void)is_end;
    now.status = req->status;
    return 0;
}

static const struct transport nowhere = {.body_read = read_body, .send_head = keep_head};

static void request_main(galley_async *co, void *arg)
{
    struct galley_request req;
    char first[2048];
    (void)arg;
    request_init(&req, world.server, co, &nowhere, NULL, first, sizeof first);
    const char *mark = strchr(now.target, '?');
    req.method = now.body != NULL ? HTTP_POST : HTTP_GET;
    req.method_text = now.body != NULL ? GALLEY_STR("POST") : GALLEY_STR("GET");
    req.path_encoded = (galley_str){now.target, strcspn(now.target, "?")};
    req.path = req.path_encoded;
    req.has_query = mark != NULL;
    if (mark != NULL)
        req.query = (galley_str){mark + 1, strlen(mark + 1)};
    req.fields = now.fields;
    req.field_count = now.field_count;
    req.has_body = now.body != NULL;
    req.content_length = now.is_length_known ? now.body_len : HTTP_LENGTH_UNKNOWN;
    req.max_body_bytes = 32 << 20;
    heap.now = heap.most = 0;
    heap.is_on = true;
    request_run(&req);
    request_release(&req);
    heap.is_on = false;
}

static void run(void)
{
    now.body_at = 0;
    now.status = 0;
    world_run(request_main);
}

static size_t judge(const struct row *row, size_t input)
{
    size_t allowed = LAW_TIMES * input + LAW_BYTES;
    double share = (double)heap.most / (double)allowed;
    if (row->status == ANY
            ? now.status != READ && now.status != JUDGED && now.status != 400 && now.status != 413
            : now.status != row->status) {
        print_error("%s, %zu bytes: status %d, not %d\n", row->name, input, now.status,
                    row->status);
        return 1;
    }
    if (law.is_counting && share > law.worst) {
        law.worst = share;
        law.worst_name = row->name;
    }
    if (!law.is_counting || heap.most <= allowed)
        return 0;
    print_error("%s, %zu bytes%s: %zu bytes of memory, %.2f times and 64 KiB\n", row->name, input,
                now.is_length_known ? "" : " without a length", heap.most,
                ((double)heap.most - LAW_BYTES) / (double)input);
    return 1;
}

/* ---- what is made ---- */

/* Append a unit, with its number. */
static char *put(char *to, const char *unit, size_t number)
{
    for (; *unit != '\0'; unit++) {
        if (*unit == '#')
            to += snprintf(to, 20, "%zx", number);
        else
            *to++ = *unit;
    }
    return to;
}

static char *make(const struct row *row, size_t size, size_t *len)
{
    char *text = malloc(size + 1024), *to = put(text, row->head, 0);
    size_t unit_len = strlen(row->unit), tail_len = strlen(row->tail), count = 0;
    for (; (size_t)(to - text) + unit_len + tail_len < size && unit_len > 0; count++) {
        if (row->max_count > 0 && count == row->max_count)
            break;
        to = put(to, row->unit, count);
    }
    if (to > text && to[-1] == ',' && (row->tail[0] == ']' || row->tail[0] == '}'))
        to--;
    to = put(to, row->tail, 0);
    *to = '\0';
    *len = (size_t)(to - text);
    return text;
}

static galley_str text_of(const char *text)
{
    return (galley_str){text, strlen(text)};
}

static size_t field_bytes(void)
{
    size_t bytes = 0;
    for (size_t i = 0; i < now.field_count; i++)
        bytes += now.fields[i].name.len + now.fields[i].value.len + 4;
    return bytes;
}

static size_t send_body(const struct row *row, size_t size)
{
    size_t failures = 0;
    now.target = row->target;
    now.body = make(row, size, &now.body_len);
    now.fields[0] = (struct http_field){GALLEY_STR("content-type"), text_of(row->type)};
    now.field_count = 1;
    for (int way = 0; way < 2; way++) {
        now.is_length_known = way == 0;
        now.piece = way == 0 ? SIZE_MAX : 16384;
        run();
        failures += judge(row, now.body_len + strlen(row->target) + field_bytes());
    }
    free(now.body);
    now.body = NULL;
    return failures;
}

static size_t send_head(const struct row *row, size_t size)
{
    static char names[MAX_FIELDS][16];
    char target[10000];
    size_t len, failures;
    char *text = make(row, size, &len);
    snprintf(target, sizeof target, "%s%s", row->target, row->type == NULL ? text : "");
    now.target = target;
    now.field_count = 0;
    bool is_many = row->type != NULL && row->unit[0] == '\0';
    if (row->type != NULL && !is_many)
        now.fields[now.field_count++] = (struct http_field){text_of(row->type), {text, len}};
    for (; is_many && now.field_count < MAX_FIELDS && now.field_count * 10 < size;
         now.field_count++) {
        *put(names[now.field_count], row->type, now.field_count) = '\0';
        now.fields[now.field_count] =
            (struct http_field){text_of(names[now.field_count]), GALLEY_STR("")};
    }
    run();
    failures = judge(row, strlen(target) + field_bytes());
    free(text);
    return failures;
}

/* ---- the tests ---- */

static int set_up(void **state)
{
    void *volatile piece;
    heap.now = 0;
    piece = malloc(1000);
    law.is_counting = heap.now >= 1000;
    free(piece);
    return world_set_up(state);
}

static void bodies_keep_the_law(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            failures += send_body(&bodies[i], sizes[s]);
    print_message("# the most: %.0f %% of what is allowed (%s)\n", law.worst * 100, law.worst_name);
    assert_int_equal(failures, 0);
}

static void heads_keep_the_law(void **state)
{
    (void)state;
    size_t failures = 0;
    law.worst = 0;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0] && sizes[s] <= 8000; s++)
            failures += send_head(&heads[i], sizes[s]);
    print_message("# the most: %.0f %% of what is allowed (%s)\n", law.worst * 100, law.worst_name);
    assert_int_equal(failures, 0);
}

static void an_own_handler_keeps_the_law(void **state)
{
    (void)state;
    struct errmsg why = {{0}};
    struct galley_app own = galley_app;
    void *usual = world.server->app;
    size_t failures = 0;
    own.handlers = own_handlers;
    own.handler_count = 1;
    world.server->app = app_new(&own, &why);
    assert_non_null(world.server->app);
    law.worst = 0;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0] && bodies[i].status == JUDGED; s++)
            failures += send_body(&bodies[i], sizes[s]);
    print_message("# the most: %.0f %% of what is allowed (%s)\n", law.worst * 100, law.worst_name);
    app_free(world.server->app);
    world.server->app = usual;
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_keep_the_law),
        cmocka_unit_test(heads_keep_the_law),
        cmocka_unit_test(an_own_handler_keeps_the_law),
    };
    return cmocka_run_group_tests(tests, set_up, world_tear_down);
}
