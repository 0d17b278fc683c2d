/* router.c - a trie of path segments, and a table of whole paths; see router.h.
 * Does:     a node for each literal segment or plain {name}; below a node, the routes that end there and the odd ones
 *           (converters, {name:path}, text around a parameter), which are matched token by token. Where a path without
 *           parameters leads to itself, its method and path are in the table, and no search is made.
 * Does not: stop at the first leaf: of all routes that match, the one declared first wins. A subtree that holds none
 *           earlier than the best so far is not entered; no node is visited twice in one search.
 * See:      route_path.h (a route's tokens) */
#include "worker/app/router.h"

#include <stdlib.h>
#include <string.h>

#include "worker/app/route_path.h"
#include "worker/http/text.h"

struct entry {
    const char *method;
    size_t method_len;
    struct route_path path;
};

struct node;
struct edge {
    galley_str segment;
    uint32_t hash;
    struct node *to; /* NULL: this place of the table is free */
};

struct node {
    struct edge *edges; /* a table with open addressing, at least half of it free; NULL: no edges */
    size_t edge_count, edge_mask;
    struct node *param; /* behind a plain {name} */
    int *ends, *odd; /* routes that end here; routes to match as a whole. In order of declaration */
    size_t end_count, odd_count;
    int first; /* the earliest route in this subtree */
};

struct router {
    struct node *root;
    int *
        literals; /* routes by their method and whole path, with open addressing; -1: a free place */
    size_t literal_mask;
    uint64_t literal_lengths; /* a bit for each length that occurs; bit 63 for longer ones */
    size_t count;
    struct entry entries[];
};

/* ---- building ---- */

static int *append_index(int *at, size_t *count, int index)
{
    int *more = realloc(at, (*count + 1) * sizeof *more);
    if (more != NULL)
        more[(*count)++] = index;
    return more;
}

/* The end of the segment that begins at `at`, and its hash. */
static inline const char *scan_segment(const char *at, const char *end, uint32_t *hash)
{
    uint32_t sum = 0;
    for (; at < end && *at != '/'; at++)
        sum = sum * 31 + (unsigned char)*at;
    *hash = sum;
    return at;
}

/* Where `segment` is in the table, or where it would stand. The node has a table. */
static struct edge *edge_place(const struct node *node, galley_str segment, uint32_t hash)
{
    size_t place = hash & node->edge_mask;
    for (;; place = (place + 1) & node->edge_mask) {
        struct edge *edge = &node->edges[place];
        if (edge->to == NULL || (edge->hash == hash && text_is_same(edge->segment, segment)))
            return edge;
    }
}

static struct node *node_new(void)
{
    struct node *node = calloc(1, sizeof *node);
    if (node != NULL)
        node->first = INT32_MAX;
    return node;
}

/* Room for one edge more. */
static int grow_edges(struct node *node)
{
    size_t old_count = node->edges != NULL ? node->edge_mask + 1 : 0;
    if (2 * (node->edge_count + 1) <= old_count)
        return 0;
    size_t count = old_count > 0 ? old_count * 2 : 4;
    struct edge *old = node->edges, *edges = calloc(count, sizeof *edges);
    if (edges == NULL)
        return -1;
    node->edges = edges;
    node->edge_mask = count - 1;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].to != NULL)
            *edge_place(node, old[i].segment, old[i].hash) = old[i];
    free(old);
    return 0;
}

static struct node *child_literal(struct node *node, galley_str segment)
{
    uint32_t hash;
    scan_segment(segment.data, segment.data + segment.len, &hash);
    if (grow_edges(node) < 0)
        return NULL;
    struct edge *edge = edge_place(node, segment, hash);
    if (edge->to != NULL)
        return edge->to;
    struct node *child = node_new();
    if (child == NULL)
        return NULL;
    *edge = (struct edge){segment, hash, child};
    node->edge_count++;
    return child;
}

static struct node *child_param(struct node *node)
{
    if (node->param == NULL)
        node->param = node_new();
    return node->param;
}

/* Hang route `index` into the trie: as deep as its segments are plain. */
static int insert(struct router *router, int index)
{
    const struct route_path *path = &router->entries[index].path;
    struct node *node = router->root;
    galley_str segment;
    enum route_segment kind;
    const char *at = path->text + 1;
    if (node->first > index)
        node->first = index;
    while ((kind = route_path_segment(&at, &segment)) != ROUTE_SEGMENT_END) {
        if (kind == ROUTE_SEGMENT_ODD) {
            node->odd = append_index(node->odd, &node->odd_count, index);
            return node->odd != NULL ? 0 : -1;
        }
        node = kind == ROUTE_SEGMENT_PARAM ? child_param(node) : child_literal(node, segment);
        if (node == NULL)
            return -1;
        if (node->first > index)
            node->first = index;
    }
    node->ends = append_index(node->ends, &node->end_count, index);
    return node->ends != NULL ? 0 : -1;
}

/* ---- finding ---- */

struct search {
    const struct router *router;
    galley_str method; /* data NULL: any */
    const char *path, *end;
    int best; /* INT32_MAX: none yet */
    bool is_path_known;
};

static bool takes_method(const struct entry *entry, galley_str method)
{
    if (method.data == NULL)
        return true;
    return entry->method_len == method.len && memcmp(entry->method, method.data, method.len) == 0;
}

static void consider(struct search *search, int index)
{
    search->is_path_known = true;
    if (index < search->best && takes_method(&search->router->entries[index], search->method))
        search->best = index;
}

__attribute__((noinline)) static void consider_odd(struct search *search, const struct node *node)
{
    for (size_t i = 0; i < node->odd_count; i++) {
        const struct entry *entry = &search->router->entries[node->odd[i]];
        if (node->odd[i] > search->best)
            break;
        if (route_path_match(&entry->path, search->path, search->end, NULL))
            consider(search, node->odd[i]);
    }
}

/* `at` is where the next segment begins; NULL when the path is used up. */
static void descend(struct search *search, const struct node *node, const char *at)
{
    for (;;) {
        if (node->odd_count > 0)
            consider_odd(search, node);
        if (at == NULL) {
            for (size_t i = 0; i < node->end_count && node->ends[i] < search->best; i++)
                consider(search, node->ends[i]);
            return;
        }
        uint32_t hash;
        const char *segment_end = scan_segment(at, search->end, &hash);
        const char *next = segment_end < search->end ? segment_end + 1 : NULL;
        galley_str segment = {at, (size_t)(segment_end - at)};
        const struct node *param = segment.len > 0 ? node->param : NULL;
        const struct edge *edge = node->edges != NULL ? edge_place(node, segment, hash) : NULL;
        const struct node *literal = edge != NULL ? edge->to : NULL;
        if (literal != NULL && (param != NULL || literal->first >= search->best)) {
            if (literal->first < search->best)
                descend(search, literal, next);
            literal = NULL;
        }
        node = literal != NULL ? literal : param;
        if (node == NULL || node->first >= search->best)
            return;
        at = next;
    }
}

static void run(struct search *search, const struct router *router, galley_str method,
                galley_str path)
{
    *search = (struct search){.router = router,
                              .method = method,
                              .path = path.data,
                              .end = path.data + path.len,
                              .best = INT32_MAX};
    if (path.len > 0 && path.data[0] == '/')
        descend(search, router->root, path.data + 1);
}

/* ---- whole paths ---- */

static inline uint64_t length_bit(galley_str path)
{
    return UINT64_C(1) << (path.len < 63 ? path.len : 63);
}

/* Eight bytes a step, the last ones once more. */
static inline size_t hash_path(galley_str method, galley_str path)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t sum = path.len + (method.len << 8), word = 0;
    size_t at = 0;
    for (; path.len - at > sizeof word; at += sizeof word) {
        memcpy(&word, path.data + at, sizeof word);
        sum = (sum ^ word) * odd;
    }
    if (path.len >= sizeof word) {
        memcpy(&word, path.data + path.len - sizeof word, sizeof word);
    } else {
        for (word = 0; at < path.len; at++)
            word = word << 8 | (unsigned char)path.data[at];
    }
    sum = (sum ^ word) * odd;
    return (size_t)(sum >> 32);
}

static bool is_literal(const struct router *router, int index, galley_str method, galley_str path)
{
    const struct entry *entry = &router->entries[index];
    const galley_str *text = &entry->path.tokens[0].text;
    return text_is_same(*text, path) && takes_method(entry, method);
}

/* The route that was put into the table under this; -1 if none. */
static inline int find_literal(const struct router *router, galley_str method, galley_str path)
{
    if ((router->literal_lengths & length_bit(path)) == 0)
        return -1;
    size_t place = hash_path(method, path) & router->literal_mask;
    for (;; place = (place + 1) & router->literal_mask) {
        int index = router->literals[place];
        if (index < 0 || is_literal(router, index, method, path))
            return index;
    }
}

/* Put those into the table that a search would find. 0, -1 without memory. */
static int index_literals(struct router *router)
{
    size_t size = 4;
    while (size < 2 * (router->count + 1))
        size *= 2;
    router->literals = malloc(size * sizeof *router->literals);
    if (router->literals == NULL)
        return -1;
    memset(router->literals, 0xff, size * sizeof *router->literals);
    router->literal_mask = size - 1;
    for (size_t i = 0; i < router->count; i++) {
        const struct entry *entry = &router->entries[i];
        const struct route_path *path = &entry->path;
        const galley_str method = {entry->method, entry->method_len};
        struct search search;
        if (path->token_count != 1 || path->tokens[0].kind != ROUTE_LITERAL)
            continue;
        run(&search, router, method, path->tokens[0].text);
        if (search.best != (int)i)
            continue;
        size_t place = hash_path(method, path->tokens[0].text) & router->literal_mask;
        while (router->literals[place] >= 0)
            place = (place + 1) & router->literal_mask;
        router->literals[place] = (int)i;
        router->literal_lengths |= length_bit(path->tokens[0].text);
    }
    return 0;
}

/* ---- the router ---- */

static bool is_token(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (!(*at >= 'A' && *at <= 'Z') && *at != '-')
            return false;
    return *text != '\0';
}

struct router *router_new(const struct router_path *paths, size_t count, size_t *bad,
                          struct errmsg *why)
{
    struct router *router = calloc(1, sizeof *router + count * sizeof router->entries[0]);
    *bad = 0;
    if (router == NULL || (router->root = node_new()) == NULL)
        goto no_memory;
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &router->entries[i];
        *bad = i;
        if (!is_token(paths[i].method)) {
            errmsg_set(why, "\"%s\" is no method: use capital letters", paths[i].method);
            goto free_router;
        }
        entry->method = paths[i].method;
        entry->method_len = strlen(paths[i].method);
        if (route_path_parse(&entry->path, paths[i].path, why) < 0)
            goto free_router;
        router->count++;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(paths[k].path, paths[i].path) == 0 &&
                strcmp(paths[k].method, paths[i].method) == 0) {
                errmsg_set(why, "%s %s is declared twice", paths[i].method, paths[i].path);
                goto free_router;
            }
        }
        if (insert(router, (int)i) < 0)
            goto no_memory;
    }
    if (index_literals(router) == 0)
        return router;

no_memory:
    errmsg_set(why, "there is no memory");
free_router:
    router_free(router);
    return NULL;
}

static void node_free(struct node *node)
{
    if (node == NULL)
        return;
    for (size_t i = 0; node->edges != NULL && i <= node->edge_mask; i++)
        node_free(node->edges[i].to);
    node_free(node->param);
    free(node->edges);
    free(node->ends);
    free(node->odd);
    free(node);
}

void router_free(struct router *router)
{
    if (router == NULL)
        return;
    node_free(router->root);
    free(router->literals);
    free(router);
}

int router_find(const struct router *router, galley_str method, galley_str path)
{
    struct search search;
    int index = find_literal(router, method, path);
    if (index >= 0)
        return index;
    run(&search, router, method, path);
    if (search.best == INT32_MAX && method.len == 4 && memcmp(method.data, "HEAD", 4) == 0)
        run(&search, router, GALLEY_STR("GET"), path);
    if (search.best != INT32_MAX)
        return search.best;
    return search.is_path_known ? ROUTER_NO_METHOD : ROUTER_NO_PATH;
}

void router_params(const struct router *router, int index, galley_str path, galley_str *values)
{
    route_path_values(&router->entries[index].path, path.data, path.data + path.len, values);
}

size_t router_param_names(const struct router *router, int index, const galley_str **names)
{
    *names = router->entries[index].path.names;
    return router->entries[index].path.param_count;
}

/* ---- the answers of a path that is not served ---- */

static bool is_listed(const char *text, const char *method, size_t len)
{
    for (const char *at = text; (at = strstr(at, method)) != NULL; at += len)
        if ((at == text || at[-1] == ' ') && (at[len] == ',' || at[len] == '\0'))
            return true;
    return false;
}

static size_t list_method(char *text, size_t len, size_t size, const char *method)
{
    size_t more = strlen(method);
    if (is_listed(text, method, more) || len + more + 3 > size)
        return len;
    if (len > 0) {
        memcpy(text + len, ", ", 2);
        len += 2;
    }
    memcpy(text + len, method, more + 1);
    return len + more;
}

size_t router_allow(const struct router *router, galley_str path, char *text, size_t size)
{
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < router->count; i++) {
        const struct entry *entry = &router->entries[i];
        if (!route_path_match(&entry->path, path.data, path.data + path.len, NULL))
            continue;
        len = list_method(text, len, size, entry->method);
        if (strcmp(entry->method, "GET") == 0)
            len = list_method(text, len, size, "HEAD");
    }
    return len;
}

bool router_knows(const struct router *router, galley_str path)
{
    struct search search;
    run(&search, router, (galley_str){0}, path);
    return search.best != INT32_MAX;
}
