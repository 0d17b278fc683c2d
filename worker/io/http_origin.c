/* http_origin.c - where calls go: origins, what is known of them, and the handles that are set up for them.
 * Does:     find or make the origin of a URL; resolve its name; lend a handle to each exchange, first come, first served.
 * Does not: run an exchange, or look at more of a URL than its scheme, host and port.
 * See:      http_client.h, RFC 3986 section 3.2 */
#include "worker/io/http_client.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <galley/error.h>

enum { FRESH_MS = 20000 };

/* In the frame of a coroutine that waits for a handle. */
struct handle_waiter {
    struct list link;
    galley_async *co;
    struct http_handle *handle; /* what it was given */
};

/* ---- handles ---- */

static void handle_free(struct http_handle *handle)
{
    if (handle == NULL)
        return;
    http_plain_close(handle);
    if (handle->easy != NULL)
        curl_easy_cleanup(handle->easy);
    curl_url_cleanup(handle->url);
    free(handle->url_text);
    free(handle);
}

static struct http_handle *handle_new(struct http_origin *origin)
{
    struct http_handle *handle = calloc(1, sizeof *handle);
    if (handle == NULL)
        return NULL;
    list_init(&handle->link);
    handle->origin = origin;
    handle->fd = -1;
    origin->handle_count++;
    return handle;
}

/* Wait for a handle that is given back. */
static GALLEY_YIELDS int wait_for_handle(galley_async *co, struct http_origin *origin,
                                         int64_t until_ms, struct http_handle **handle,
                                         const char *here)
{
    struct handle_waiter waiter = {.co = co};
    list_append(&origin->waiting, &waiter.link);
    sched_expect_events(co->sched, +1);
    int rc = coro_suspend_for(co, "http connection", origin->shown, here, until_ms);
    sched_expect_events(co->sched, -1);
    list_remove(&waiter.link);
    if (rc < 0 && waiter.handle != NULL)
        http_handle_give(waiter.handle); /* it came in the same turn: to the next one */
    *handle = waiter.handle;
    return rc;
}

int http_handle_take(galley_async *co, struct http_origin *origin, int64_t until_ms,
                     struct http_handle **handle, const char *here)
{
    struct list *node = origin->idle.prev; /* the one used last */
    *handle = NULL;
    if (node != &origin->idle) {
        list_remove(node);
        *handle = LIST_ENTRY(node, struct http_handle, link);
        return 0;
    }
    if (origin->handle_count >= HTTP_CALLS_PER_ORIGIN)
        return wait_for_handle(co, origin, until_ms, handle, here);
    *handle = handle_new(origin);
    return *handle != NULL
               ? 0
               : coro_fail(co, -ENOMEM, here, "no memory for a call to %s", origin->shown);
}

void http_handle_give(struct http_handle *handle)
{
    struct http_origin *origin = handle->origin;
    handle->state = HTTP_IDLE;
    handle->co = NULL;
    handle->request = NULL;
    handle->arena = NULL;
    handle->head = handle->body = handle->up = NULL;
    struct list *node = list_take_first(&origin->waiting);
    if (node == NULL) {
        list_append(&origin->idle, &handle->link);
        return;
    }
    struct handle_waiter *waiter = LIST_ENTRY(node, struct handle_waiter, link);
    waiter->handle = handle;
    coro_wake(waiter->co, 0);
}

/* ---- proxies ---- */

/* Whether no_proxy's list names the host or a domain that it is in. */
static bool is_excepted(const char *list, const char *host)
{
    size_t host_len = strlen(host);
    for (const char *at = list; at != NULL && *at != '\0';) {
        size_t skip = strspn(at, ", \t"), len = strcspn(at += skip, ", \t");
        const char *name = at;
        at += len;
        if (len == 1 && name[0] == '*')
            return true;
        if (len > 0 && name[0] == '.')
            name++, len--;
        if (len > 0 && len <= host_len && strncasecmp(host + host_len - len, name, len) == 0 &&
            (len == host_len || host[host_len - len - 1] == '.'))
            return true;
    }
    return false;
}

/* The proxy by which `origin` is reached, as the request or the environment say; NULL: none. */
static const char *proxy_for(const struct http_origin *origin, const char *host)
{
    const struct http_client *client = origin->client;
    if (origin->proxy != NULL)
        return origin->proxy[0] != '\0' ? origin->proxy : NULL;
    const char *proxy = origin->is_tls ? client->https_proxy : client->http_proxy;
    return proxy != NULL && !is_excepted(client->no_proxy, host) ? proxy : NULL;
}

/* ---- origins ---- */

static void origin_free(struct http_origin *origin)
{
    struct http_client *client = origin->client;
    struct list *node;
    while ((node = list_take_first(&origin->idle)) != NULL)
        handle_free(LIST_ENTRY(node, struct http_handle, link));
    list_remove(&origin->link);
    client->origin_count--;
    free(origin->prefix);
    free(origin->proxy);
    free(origin->ca_file);
    free(origin->shown);
    free(origin->name);
    free(origin->used_proxy);
    free(origin);
}

void http_origins_free(struct http_client *client)
{
    while (!list_is_empty(&client->origins))
        origin_free(LIST_ENTRY(client->origins.next, struct http_origin, link));
}

static bool is_unused(const struct http_origin *origin)
{
    size_t idle = 0;
    for (const struct list *node = origin->idle.next; node != &origin->idle; node = node->next)
        idle++;
    return idle == origin->handle_count && list_is_empty(&origin->waiting) &&
           origin->resolving_count == 0;
}

/* Forget what was used least recently, where there are too many. */
static void make_room(struct http_client *client)
{
    struct list *node = client->origins.prev;
    while (client->origin_count >= HTTP_ORIGINS_MAX && node != &client->origins) {
        struct http_origin *origin = LIST_ENTRY(node, struct http_origin, link);
        node = node->prev;
        if (is_unused(origin))
            origin_free(origin);
    }
}

static bool is_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_of(const struct http_origin *origin, const struct http_target *target)
{
    return origin->prefix_len == target->prefix_len &&
           memcmp(origin->prefix, target->url, target->prefix_len) == 0 &&
           origin->accepts_any == target->accepts_any && origin->version == target->version &&
           is_equal(origin->proxy, target->proxy) && is_equal(origin->ca_file, target->ca_file);
}

/* A part of `url` in memory of the heap; NULL if there is none. */
static char *part_of(CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL, *copy = NULL;
    if (curl_url_get(url, part, &text, flags) == CURLUE_OK)
        copy = strdup(text);
    curl_free(text);
    return copy;
}

/* The name and port of `url`, brackets of IPv6 taken off. 0, -EINVAL. */
static int name_of(CURLU *url, char **name, uint16_t *port)
{
    *name = part_of(url, CURLUPART_HOST, CURLU_PUNYCODE);
    char *number = part_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    size_t len = *name != NULL ? strlen(*name) : 0;
    *port = (uint16_t)(number != NULL ? strtoul(number, NULL, 10) : 1080);
    free(number);
    if (len > 2 && (*name)[0] == '[') {
        memmove(*name, *name + 1, len - 2);
        (*name)[len - 2] = '\0';
    }
    return len > 0 && len <= RESOLVE_HOST_MAX_BYTES ? 0 : -EINVAL;
}

/* Take its proxy, if it has one, as what is to be resolved and connected to. 0, -EINVAL, -ENOMEM. */
static int set_proxy(struct http_origin *origin, CURLU *url)
{
    const char *proxy = proxy_for(origin, origin->name);
    if (proxy == NULL)
        return 0;
    origin->used_proxy = strdup(proxy);
    if (origin->used_proxy == NULL)
        return -ENOMEM;
    if (curl_url_set(url, CURLUPART_URL, proxy, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) !=
        CURLUE_OK)
        return -EINVAL;
    free(origin->name);
    char *number = part_of(url, CURLUPART_PORT, 0);
    int rc = name_of(url, &origin->name, &origin->port);
    if (number == NULL)
        origin->port = 1080; /* as libcurl has it */
    free(number);
    return rc;
}

/* All that its prefix says, into `origin`. 0, -EINVAL, -ENOMEM. */
static int parse(struct http_origin *origin, CURLU *url)
{
    struct resolve_address ignored;
    if (curl_url_set(url, CURLUPART_URL, origin->prefix, 0) != CURLUE_OK)
        return -EINVAL;
    char *scheme = part_of(url, CURLUPART_SCHEME, 0);
    char *host = part_of(url, CURLUPART_HOST, 0);
    int rc = scheme != NULL && host != NULL ? name_of(url, &origin->name, &origin->port) : -ENOMEM;
    if (rc == 0 && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        rc = -EINVAL;
    if (rc == 0 &&
        asprintf(&origin->shown, "%s://%s:%u", scheme, host, (unsigned)origin->port) < 0) {
        origin->shown = NULL;
        rc = -ENOMEM;
    }
    origin->is_tls = rc == 0 && scheme[4] == 's';
    free(scheme);
    free(host);
    if (rc == 0)
        rc = set_proxy(origin, url);
    if (rc == 0)
        origin->is_numeric = inet_pton(AF_INET, origin->name, &ignored.in.sin_addr) == 1 ||
                             inet_pton(AF_INET6, origin->name, &ignored.in6.sin6_addr) == 1;
    if (rc == 0 && origin->is_numeric)
        resolve_known(origin->client->remotes, origin->name, origin->port, &origin->given);
    origin->has_password = strchr(origin->prefix, '@') != NULL;
    return rc;
}

static int copy_key(struct http_origin *origin, const struct http_target *target)
{
    origin->prefix = strndup(target->url, target->prefix_len);
    origin->prefix_len = target->prefix_len;
    origin->proxy = target->proxy != NULL ? strdup(target->proxy) : NULL;
    origin->ca_file = target->ca_file != NULL ? strdup(target->ca_file) : NULL;
    origin->accepts_any = target->accepts_any;
    origin->version = target->version;
    bool is_whole = origin->prefix != NULL && (target->proxy == NULL || origin->proxy != NULL) &&
                    (target->ca_file == NULL || origin->ca_file != NULL);
    return is_whole ? 0 : -ENOMEM;
}

static int origin_new(struct http_client *client, const struct http_target *target,
                      struct http_origin **made)
{
    make_room(client);
    struct http_origin *origin = calloc(1, sizeof *origin);
    CURLU *url = curl_url();
    if (origin == NULL || url == NULL) {
        free(origin);
        curl_url_cleanup(url);
        return -ENOMEM;
    }
    origin->client = client;
    list_init(&origin->idle);
    list_init(&origin->waiting);
    list_init(&origin->link);
    client->origin_count++;
    int rc = copy_key(origin, target);
    if (rc == 0)
        rc = parse(origin, url);
    curl_url_cleanup(url);
    if (rc < 0) {
        origin_free(origin);
        return rc;
    }
    *made = origin;
    return 0;
}

int http_origin_get(galley_async *co, struct http_client *client, const struct http_target *target,
                    struct http_origin **origin, const char *here)
{
    struct list *node = client->origins.next;
    while (node != &client->origins && !is_of(LIST_ENTRY(node, struct http_origin, link), target))
        node = node->next;
    int rc = 0;
    if (node != &client->origins)
        *origin = LIST_ENTRY(node, struct http_origin, link);
    else
        rc = origin_new(client, target, origin);
    if (rc < 0)
        return coro_fail(co, rc, here,
                         rc == -EINVAL
                             ? "the URL is not one of http or https, or its proxy's is none"
                             : "no memory for an HTTP call");
    if (client->origins.next != &(*origin)->link) {
        list_remove(&(*origin)->link);
        list_append(client->origins.next, &(*origin)->link); /* before the first one */
    }
    return 0;
}

int http_origin_resolve(galley_async *co, struct http_origin *origin, const char *here)
{
    struct resolved found;
    int64_t now_ms = loop_now_ms(origin->client->remotes->loop);
    if (origin->is_numeric || origin->fresh_until_ms > now_ms)
        return 0;
    origin->resolving_count++;
    int rc = resolve(co, origin->name, origin->port, &found, here);
    origin->resolving_count--;
    if (rc < 0)
        return rc;
    origin->fresh_until_ms = now_ms + FRESH_MS;
    if (found.count != origin->given.count ||
        memcmp(found.at, origin->given.at, found.count * sizeof found.at[0]) != 0) {
        origin->given = found;
        origin->is_given = false;
    }
    return 0;
}
