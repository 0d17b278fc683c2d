/* place.h - what the fuzz targets of one place share: read an input, tell what it holds or what is wrong, see that it is JSON.
 * Does:     compile a model once; run one request whose place is filled.
 * Does not: judge values: t/unit/worker/app/ does.
 * See:      query.c, cookie.c, header.c */
#ifndef GALLEY_T_FUZZ_PLACE_H
#define GALLEY_T_FUZZ_PLACE_H

#include <errno.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "worker/app/inputs.h"
#include "worker/app/json_read.h"
#include "worker/app/json_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Memory that each run begins in: what a fuzzer allocates it also fills and checks, which is most of its time. */
static char first_room[64 * 1024], out_room[64 * 1024];
static max_align_t in_room[256];

/* The next line of the input, which begins at `*at`: `*at` is behind it then. */
static inline galley_str fuzz_line(const char **at, const char *end)
{
    const char *start = *at, *stop = memchr(start, '\n', (size_t)(end - start));
    *at = stop != NULL ? stop + 1 : end;
    return (galley_str){start, (size_t)((stop != NULL ? stop : end) - start)};
}

/* Read `req` as `in_model`, and write what was read by the same model. */
static void fuzz_place(struct galley_request *req, const struct galley_model *in_model)
{
    static struct shapes *shapes;
    static struct inputs *inputs;
    struct errmsg why = {{0}};
    if (inputs == NULL) {
        shapes = shapes_new();
        inputs = shapes != NULL ? inputs_new(shapes, in_model, NULL, 0, &why) : NULL;
    }
    if (inputs == NULL) {
        fprintf(stderr, "%s\n", why.text);
        abort();
    }
    struct problems problems;
    struct json_out json;
    if (in_model->size > sizeof in_room)
        abort();
    arena_init(&req->arena, first_room, sizeof first_room, 64 << 20);
    json_out_init(&json, out_room, sizeof out_room, 64 << 20);
    void *in = in_room;
    int rc = inputs_read(inputs, req, NULL, in, &problems);
    if (rc == 0)
        json_write(&json, shapes_get(shapes, in_model, &why), in, 0);
    else if (rc == -EINVAL)
        problems_write(&problems, &json);
    else if (rc != REQUEST_FAILED || req->fail_status != 413)
        abort();
    if (rc != REQUEST_FAILED &&
        (json.error < 0 || json_check((galley_str){json.data, json.len}) < 0))
        abort();
    json_out_release(&json);
    arena_release(&req->arena);
}

#endif
