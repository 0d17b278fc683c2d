/* json_read.c - how fast a megabyte of JSON becomes structs, beside a parser that makes a tree of it.
 * Does:     an array of objects of six members (whole number, float, strings, bool, list of strings), read and validated into
 *           structs on one core; the best of many rounds; the same text by yyjson, where bench/yyjson has built it.
 * Does not: read from a socket; see bench/run for requests.
 * Usage:    json_read [path of yyjson's shared object]; exit status 1 below the bar */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <galley/model.h>

#include "worker/app/json_read.h"

enum { TEXT_BYTES = 1 << 20, TEXT_SLACK = 1024, ROUNDS = 300, BAR_MB = 400 };

GALLEY_STRUCT(row, (int64_t, id), (galley_str, name), (double, price), (bool, active),
              (galley_str, mail), (galley_str_list, tags));
GALLEY_STRUCT(in, (struct row_list, body, BODY(row), LIST));

/* Parses the text into a tree, frees it, and tells how many values there were. */
typedef size_t parse_tree(const char *text, size_t len);

static double now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static size_t make_text(char *text)
{
    static const char *const names[] = {"Ada Lovelace", "Grace Hopper", "Bj\xc3\xb6rn Borg",
                                        "Edsger W. Dijkstra"};
    static const char *const tags[] = {"[\"new\",\"sale\",\"blue\"]", "[\"used\"]", "[]",
                                       "[\"limited edition\",\"wood\"]"};
    size_t len = 0;
    uint32_t seed = 1;
    for (unsigned i = 0; len < TEXT_BYTES; i++) {
        seed = seed * 1664525 + 1013904223;
        len += (size_t)snprintf(text + len, TEXT_BYTES + TEXT_SLACK - len,
                                "%c{\"id\":%u,\"name\":\"%s\",\"price\":%u.%02u,\"active\":%s,"
                                "\"mail\":\"user%u@example.com\","
                                "\"tags\":%s}",
                                i == 0 ? '[' : ',', seed >> 4, names[seed >> 30], seed % 9973,
                                (seed >> 8) % 100, seed & 1024 ? "true" : "false", seed >> 16,
                                tags[(seed >> 20) % 4]);
    }
    text[len++] = ']';
    return len;
}

static size_t read_typed(const struct shape *shape, galley_str text)
{
    static const struct loc place = {.key = {"body", 4}};
    struct arena arena;
    struct problems problems;
    struct in in;
    arena_init(&arena, NULL, 0, 10 * text.len + 64 * 1024);
    problems_init(&problems, &arena, text.len);
    memcpy(&in, shape->absent, shape->bytes);
    int status = json_read_member(text, &shape->members[0], &in, &arena, &problems, &place);
    size_t count = status == 0 && problems.count == 0 ? in.body.count : 0;
    arena_release(&arena);
    return count;
}

/* Microseconds of the best round. */
static double best_us(const struct shape *shape, parse_tree *tree, galley_str text)
{
    double best = 1e12;
    for (int i = 0; i < ROUNDS; i++) {
        double start = now_us();
        size_t count = tree != NULL ? tree(text.data, text.len) : read_typed(shape, text);
        double took = now_us() - start;
        if (count == 0) {
            fprintf(stderr, "json_read: the text is not taken\n");
            exit(2);
        }
        if (took < best)
            best = took;
    }
    return best;
}

int main(int argc, char **argv)
{
    struct errmsg why;
    char *text = malloc(TEXT_BYTES + TEXT_SLACK);
    struct shapes *shapes = shapes_new();
    const struct shape *shape = shapes_get(shapes, &in_model, &why);
    if (text == NULL || shape == NULL) {
        fprintf(stderr, "json_read: %s\n", shape == NULL ? why.text : "no memory");
        return 2;
    }
    galley_str slice = {text, make_text(text)};
    double typed_us = best_us(shape, NULL, slice);
    double typed_mb = (double)slice.len / typed_us;
    printf("json_read: %.0f MB/s into structs (bar %d)\n", typed_mb, BAR_MB);
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    parse_tree *tree = NULL;
    if (library != NULL)
        *(void **)&tree = dlsym(library, "parse_tree");
    if (tree != NULL) {
        double tree_us = best_us(shape, tree, slice);
        printf("yyjson:    %.0f MB/s into a tree; ratio %.2f\n", (double)slice.len / tree_us,
               tree_us / typed_us);
    } else {
        printf("yyjson:    not here (bench/yyjson fetches and builds it)\n");
    }
    shapes_free(shapes);
    free(text);
    return typed_mb < BAR_MB;
}
