/* resolve.c - names to addresses on two threads; see resolve.h.
 * Does:     one question per name, whoever asks; who asks waits in a list of the question, and may leave it at any time.
 * Does not: stop a thread: a question whose askers have all gone is answered into the cache.
 *
 * A question: NEW -> ASKED -> ANSWERED, and ASKED again once the answer is too old. While it is ASKED, its host and asked
 * are the thread's; the rest is the loop's.
 * See:      worker/coro/pool.c (the threads) */
#include "worker/io/resolve.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <galley/error.h>

#include "worker/coro/pool.h"

enum {
    THREADS_MAX = 2,
    STOP_GRACE_MS = 500, /* for threads in a call; the others leave at once */
    QUESTIONS_MAX = 512,
    KEEP_FOUND_MS = 30000,
    KEEP_FAILED_MS = 5000
};

enum question_state { QUESTION_NEW, QUESTION_ASKED, QUESTION_ANSWERED };

struct answer {
    int error; /* of getaddrinfo; 0 */
    struct resolved found;
};

struct question {
    struct resolver *resolver;
    struct list known; /* in resolver->known, the one used last first */
    struct list askers;
    enum question_state state; /* the loop's view */
    int64_t until_ms;          /* how long the answer holds */
    struct answer asked, answer;
    char host[RESOLVE_HOST_MAX_BYTES + 1];
};

/* In the frame of the coroutine that waits. */
struct asker {
    struct list link;
    galley_async *co;
};

struct resolver {
    struct remotes *remotes;
    resolve_lookup_fn *lookup;
    struct pool *threads;
    atomic_bool is_stopping;
    struct list known;
    size_t known_count;
};

/* ---- on a thread ---- */

static void answer_from(struct answer *answer, const struct addrinfo *list)
{
    answer->found.count = 0;
    for (const struct addrinfo *at = list; at && answer->found.count < RESOLVE_ADDRESSES_MAX;
         at = at->ai_next) {
        struct resolve_address *address = &answer->found.at[answer->found.count];
        if ((at->ai_family != AF_INET && at->ai_family != AF_INET6) ||
            at->ai_addrlen > sizeof address->in6)
            continue;
        memset(address, 0, sizeof *address);
        memcpy(&address->sa, at->ai_addr, at->ai_addrlen);
        address->len = at->ai_addrlen;
        answer->found.count++;
    }
    if (answer->found.count == 0)
        answer->error = EAI_NONAME;
}

static int ask(galley_sync *rq, void *arg)
{
    struct question *question = arg;
    struct resolver *resolver = question->resolver;
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    (void)rq;
    question->asked.error = EAI_AGAIN;
    if (!atomic_load(&resolver->is_stopping))
        question->asked.error = resolver->lookup(question->host, NULL, &hints, &list);
    if (question->asked.error != 0)
        return 0;
    answer_from(&question->asked, list);
    freeaddrinfo(list);
    return 0;
}

/* ---- on the loop ---- */

static void take_answer(void *arg)
{
    struct question *question = arg;
    question->state = QUESTION_ANSWERED;
    question->answer = question->asked;
    question->until_ms = loop_now_ms(question->resolver->remotes->loop) +
                         (question->answer.error == 0 ? KEEP_FOUND_MS : KEEP_FAILED_MS);
    for (struct list *node = question->askers.next; node != &question->askers; node = node->next)
        coro_wake(LIST_ENTRY(node, struct asker, link)->co, 0);
}

struct resolver *resolver_new(struct remotes *remotes, resolve_lookup_fn *lookup)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return NULL;
    resolver->remotes = remotes;
    resolver->lookup = lookup;
    list_init(&resolver->known);
    resolver->threads = pool_new(remotes->sched, &(struct pool_opts){.max_threads = THREADS_MAX,
                                                                     .max_queued = QUESTIONS_MAX,
                                                                     .is_private = true});
    if (resolver->threads)
        return resolver;
    free(resolver);
    return NULL;
}

bool resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return true;
    atomic_store(&resolver->is_stopping, true);
    if (!pool_free(resolver->threads, STOP_GRACE_MS))
        return false;
    for (struct list *node = resolver->known.next, *next; node != &resolver->known; node = next) {
        next = node->next;
        free(LIST_ENTRY(node, struct question, known));
    }
    free(resolver);
    return true;
}

/* ---- what is known ---- */

/* Forget the answer that was used least recently, if there are too many. False: all are being asked. */
static bool make_room(struct resolver *resolver)
{
    if (resolver->known_count < QUESTIONS_MAX)
        return true;
    for (struct list *node = resolver->known.prev; node != &resolver->known; node = node->prev) {
        struct question *question = LIST_ENTRY(node, struct question, known);
        if (question->state != QUESTION_ANSWERED || !list_is_empty(&question->askers))
            continue;
        list_remove(node);
        free(question);
        resolver->known_count--;
        return true;
    }
    return false;
}

static void put_first(struct resolver *resolver, struct question *question)
{
    list_remove(&question->known);
    list_append(resolver->known.next, &question->known); /* before the first one */
}

static struct question *find(struct resolver *resolver, const char *host)
{
    for (struct list *node = resolver->known.next; node != &resolver->known; node = node->next) {
        struct question *question = LIST_ENTRY(node, struct question, known);
        if (strcasecmp(question->host, host) == 0)
            return question;
    }
    return NULL;
}

/* The question about `host`, a new one if need be. NULL: too many, or no memory. */
static struct question *find_or_make(struct resolver *resolver, const char *host)
{
    struct question *question = find(resolver, host);
    if (!question) {
        question = make_room(resolver) ? calloc(1, sizeof *question) : NULL;
        if (!question)
            return NULL;
        memcpy(question->host, host, strlen(host) + 1);
        question->resolver = resolver;
        list_init(&question->known);
        list_init(&question->askers);
        resolver->known_count++;
    }
    put_first(resolver, question);
    return question;
}

static bool is_fresh(const struct resolver *resolver, const struct question *question)
{
    return question->state == QUESTION_ANSWERED &&
           question->until_ms > loop_now_ms(resolver->remotes->loop);
}

static void copy_with_port(struct resolved *found, const struct resolved *from, uint16_t port)
{
    *found = *from;
    for (size_t i = 0; i < found->count; i++) {
        struct resolve_address *address = &found->at[i];
        if (address->sa.sa_family == AF_INET)
            address->in.sin_port = htons(port);
        else
            address->in6.sin6_port = htons(port);
    }
}

static bool from_number(const char *host, uint16_t port, struct resolved *found)
{
    struct resolve_address *address = &found->at[0];
    memset(address, 0, sizeof *address);
    found->count = 1;
    if (inet_pton(AF_INET, host, &address->in.sin_addr) == 1) {
        address->len = sizeof address->in;
        address->in.sin_family = AF_INET;
        address->in.sin_port = htons(port);
        return true;
    }
    if (inet_pton(AF_INET6, host, &address->in6.sin6_addr) == 1) {
        address->len = sizeof address->in6;
        address->in6.sin6_family = AF_INET6;
        address->in6.sin6_port = htons(port);
        return true;
    }
    found->count = 0;
    return false;
}

/* ---- the call ---- */

bool resolve_known(struct remotes *remotes, const char *host, uint16_t port, struct resolved *found)
{
    if (from_number(host, port, found))
        return true;
    const struct question *question = remotes->resolver ? find(remotes->resolver, host) : NULL;
    if (!question || !is_fresh(remotes->resolver, question) || question->answer.error != 0)
        return false;
    copy_with_port(found, &question->answer.found, port);
    return true;
}

/* Let the threads answer it, if nobody has asked yet, and wait. 0; -ECANCELED, -errno. */
static GALLEY_YIELDS int await_answer(galley_async *co, struct question *question, const char *here)
{
    if (question->state != QUESTION_ASKED &&
        pool_post(question->resolver->threads, ask, question, take_answer) < 0)
        return coro_fail(co, -EAGAIN, here, "cannot start a thread that resolves %s",
                         question->host);
    question->state = QUESTION_ASKED;
    struct asker asker = {.co = co};
    list_append(&question->askers, &asker.link);
    sched_expect_events(co->sched, +1);
    int rc = coro_suspend_for(co, "name", question->host, here, INT64_MAX);
    sched_expect_events(co->sched, -1);
    list_remove(&asker.link);
    return rc;
}

int resolve(galley_async *co, const char *host, uint16_t port, struct resolved *found,
            const char *here)
{
    struct remotes *remotes = remotes_of(co);
    int rc = coro_check(co);
    if (rc < 0)
        return rc;
    if (from_number(host, port, found))
        return 0;
    size_t len = strlen(host);
    if (len == 0 || len > RESOLVE_HOST_MAX_BYTES)
        return coro_fail(co, -GALLEY_ENAME, here, "a name of %zu characters cannot be resolved",
                         len);
    if (!remotes->resolver)
        remotes->resolver = resolver_new(remotes, getaddrinfo);
    struct resolver *resolver = remotes->resolver;
    struct question *question = resolver ? find_or_make(resolver, host) : NULL;
    if (!question)
        return coro_fail(co, -ENOMEM, here, "too many names are being resolved: no room for %s",
                         host);
    if (!is_fresh(resolver, question)) {
        rc = await_answer(co, question, here);
        if (rc < 0)
            return rc;
    }
    if (question->answer.error != 0)
        return coro_fail(co, -GALLEY_ENAME, here, "cannot resolve %s: %s", host,
                         gai_strerror(question->answer.error));
    copy_with_port(found, &question->answer.found, port);
    return 0;
}

void resolve_print(const struct resolve_address *address, char *out, size_t size)
{
    const void *number = address->sa.sa_family == AF_INET ? (const void *)&address->in.sin_addr
                                                          : (const void *)&address->in6.sin6_addr;
    if (!inet_ntop(address->sa.sa_family, number, out, (socklen_t)size) && size > 0)
        out[0] = '\0';
}
