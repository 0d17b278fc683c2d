/* http_client.h - what one worker has for HTTP calls: libcurl on the loop, origins, handles that are used again.
 * Does:     keep for each origin the easy handles that are set up for it, and lend them to exchanges; drive libcurl.
 * Does not: retry or follow redirects (http.c), or wait inside a callback of libcurl.
 *
 * libcurl runs on the loop's own stack alone, but for what takes an exchange back (remove, pause): a coroutine puts its
 * handle into `starting` and waits; client_turn starts all of them together.
 * See:      http_multi.c (sockets, timer), http_origin.c, http_exchange.c, http_plain.c, http.c (the calls), docs/WAITING.md */
#ifndef GALLEY_WORKER_IO_HTTP_CLIENT_H
#define GALLEY_WORKER_IO_HTTP_CLIENT_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include <galley/http.h>

#include "worker/io/remotes.h"
#include "worker/io/resolve.h"

enum {
    HTTP_ORIGINS_MAX = 256,      /* more are forgotten, the one used least recently first */
    HTTP_CALLS_PER_ORIGIN = 256, /* at once; others wait, first come, first served */
    HTTP_CONNECTIONS_MAX = 1024,
    HTTP_HEAD_MAX_BYTES = 64 * 1024,
    HTTP_HEAD_MAX_FIELDS = 256,
    HTTP_STREAM_BYTES = 64 * 1024, /* what a stream holds in each direction */
    HTTP_SHOWN_BYTES = 200
};

/* A connection's socket. Watched for reading from its first answer on, also while it is idle. */
struct http_socket {
    struct http_client *client;
    struct loop_event read, write;
    int fd;
    ino_t inode; /* tells it from one that has got its number later */
    int wanted;  /* CURL_POLL_IN, _OUT, _INOUT; 0: idle */
    bool is_reading, is_writing;
    bool is_ended; /* closed by us while it was idle; libcurl has yet to find out */
};

/* Scheme, host, port, and all that a connection depends on. */
struct http_origin {
    struct list link; /* in client->origins, the one used last first */
    struct http_client *client;
    struct list idle;    /* struct http_handle.link */
    struct list waiting; /* struct handle_waiter in http_origin.c */
    size_t handle_count; /* idle or not */
    char *prefix;        /* "http://user:pass@host:port", as URLs begin that belong to it */
    size_t prefix_len;
    char *proxy, *ca_file; /* NULL: as the request has them */
    bool accepts_any;
    int version;   /* of struct http_target */
    char *shown;   /* "http://host:port" */
    char *name;    /* whom to resolve: the host, or the proxy's */
    uint16_t port; /* of that */
    bool is_tls, is_numeric;
    bool is_given; /* libcurl knows `given` */
    bool has_password;
    size_t resolving_count;
    char *used_proxy; /* NULL: none */
    int64_t fresh_until_ms;
    struct resolved given; /* where `name` is */
};

enum http_state { HTTP_IDLE, HTTP_STARTING, HTTP_RUNNING, HTTP_DONE };
enum http_kind { HTTP_GET, HTTP_HEAD, HTTP_BODY, HTTP_UPLOAD };

/* An easy handle and the exchange it is used for. */
struct http_handle {
    struct list link; /* in origin->idle or client->starting */
    struct http_origin *origin;
    CURL *easy;     /* NULL: not needed yet */
    CURLU *url;     /* of easy */
    char *url_text; /* of the last exchange */
    char method[24];
    enum http_kind kind;
    bool has_easy_url, has_easy_method; /* easy is set up for these */
    struct curl_slist *fields_set;
    bool is_fresh; /* as CURLOPT_FRESH_CONNECT is set */
    struct curl_slist resolve_node;
    char resolve_text[RESOLVE_HOST_MAX_BYTES + RESOLVE_ADDRESSES_MAX * 48 + 16];
    char shown[HTTP_SHOWN_BYTES]; /* "GET http://host:port/path" */
    char said[CURL_ERROR_SIZE];   /* what libcurl says about a failure */

    /* ---- one exchange ---- */
    enum http_state state;
    const struct galley_http_request *request;
    galley_async *co;
    const char *here;
    bool is_waiting; /* co waits for it */
    bool is_connected, was_sent, is_idempotent;
    bool has_head, is_in_body;
    bool is_up_paused, is_up_ended, is_down_paused;
    int status;
    int error; /* negative: why a callback gave it up */
    CURLcode result;
    struct arena *arena;
    char *head; /* field lines of the answer, each with its CRLF */
    size_t head_len, head_room, head_total, line_count;
    char *body; /* of a stream: what has not been read yet */
    size_t body_at, body_len, body_room;
    uint64_t body_max;
    char *up; /* what `read` has brought */
    size_t up_at, up_len;

    /* ---- without libcurl ---- */
    int fd; /* of its connection; -1: none */
    struct loop_event readable, writable;
    bool is_plain, is_watched, was_reused;
    int64_t idle_since_ms;
};

struct http_client {
    struct remotes *remotes;
    CURLM *multi;
    struct http_socket **sockets; /* by descriptor */
    size_t socket_room;
    long timeout_ms; /* what libcurl has asked for last; < 0: nothing */
    int64_t timer_at_ms;
    struct loop_timer timer, idle_timer;
    struct loop_event turn;
    int turn_fd;
    int ended_fd, ended_peer_fd; /* what stands in for a connection that has ended */
    struct list starting;
    struct list origins;
    size_t origin_count, active_count, plain_count;
    char buffer[16384]; /* between two waits */
    int64_t used_at_ms;
    bool is_idle_timed;
    uint64_t seed;
    char *http_proxy, *https_proxy, *no_proxy; /* of the environment */
};

/* Where a request goes, as an origin is found by. */
struct http_target {
    const char *url;
    size_t prefix_len;
    const char *proxy, *ca_file;
    bool accepts_any;
    int version; /* 0: as TLS agrees; 1, 2 */
};

/* ---- http_multi.c ---- */

/* The worker's, made when first needed. NULL: no memory. */
struct http_client *http_client_of(struct remotes *remotes);
/* When no exchange runs. NULL is fine. */
void http_client_free(struct http_client *client);
/* Start the handle's exchange in the next turn; when it is DONE (or has a head, or data) its coroutine is woken. */
void http_start(struct http_handle *handle);
/* End it, whatever it does; what it has of a connection is closed unless the exchange is whole. Never waits. */
void http_stop(struct http_handle *handle);
/* Let libcurl go on with what was paused. */
void http_resume(struct http_handle *handle);
/* Options of a handle that have to do with sockets. */
void http_set_sockets(struct http_handle *handle);
/* It is not idle. */
void http_note_use(struct http_client *client);
/* From 0 up to below `below`; not for secrets. */
uint64_t http_random(struct http_client *client, uint64_t below);

/* ---- http_origin.c ---- */

/* The origin of `target`, a new one if need be. 0; -EINVAL, -ENOMEM, with coro_fail's sentence. */
int http_origin_get(galley_async *co, struct http_client *client, const struct http_target *target,
                    struct http_origin **origin, const char *here);
/* See to it that its name is resolved. 0, or what resolve() answers. */
GALLEY_YIELDS int http_origin_resolve(galley_async *co, struct http_origin *origin,
                                      const char *here);
/* A handle for one exchange, after waiting for it until `until_ms`. 0; -ECANCELED, -ETIMEDOUT, -ENOMEM. */
GALLEY_YIELDS int http_handle_take(galley_async *co, struct http_origin *origin, int64_t until_ms,
                                   struct http_handle **handle, const char *here);
/* Its exchange is over. */
void http_handle_give(struct http_handle *handle);
void http_origins_free(struct http_client *client);

/* ---- http_exchange.c ---- */

/* What an exchange needs in any case: method, URL, fields, limits. 0; -EINVAL, -ENOMEM with coro_fail's sentence. */
int http_begin(galley_async *co, struct http_handle *handle,
               const struct galley_http_request *request, const char *url, bool is_same_origin,
               struct curl_slist **fields, const char *here);
/* Set libcurl up for it. The same answers. */
int http_prepare(struct http_handle *handle, const char *url, struct curl_slist *fields);
/* Room for `need` bytes in a piece of the arena that grows, `first` at first; false: none. */
bool http_room(struct arena *arena, char **piece, size_t *room, size_t need, size_t first);
/* Run it until its answer is whole, or, of a stream, its head. 0; or -errno, with the sentence; it is stopped then. */
GALLEY_YIELDS int http_run(struct http_handle *handle, int64_t until_ms);
/* Wait for the next thing to happen to it. 0, -ECANCELED, -ETIMEDOUT. */
GALLEY_YIELDS int http_wait(struct http_handle *handle, int64_t until_ms);
/* The failure of one that is DONE, with its sentence; 0. */
int http_failure(struct http_handle *handle);

/* ---- http_plain.c ---- */

/* Whether libcurl is not needed for it. */
bool http_plain_fits(const struct http_origin *origin, const struct galley_http_request *request,
                     const char *url);
/* One exchange that http_begin has begun: 0 with the answer in `handle`, or -errno with the sentence. DONE in any case. */
GALLEY_YIELDS int http_plain_run(struct http_handle *handle, const char *url,
                                 const struct curl_slist *fields, int64_t until_ms);
void http_plain_close(struct http_handle *handle);

/* ---- http_fields.c ---- */

/* The field lines of a request. 0; -EINVAL, -ENOMEM. */
int http_fields_build(galley_async *co, const struct galley_http_request *request,
                      bool is_same_origin, struct curl_slist **list, const char *here);
/* What stands in handle->head, as fields in the arena. 0, -ENOMEM. */
int http_fields_parse(struct http_handle *handle, struct galley_http *got);

#endif
