/* resolve.c - names to addresses on two threads; see resolve.h.
 * Does:     one question per name, whoever asks; who asks waits in a list of the question, and may leave it at any time.
 * Does not: stop a thread: a question whose askers have all gone is answered into the cache.
 *
 * A question: NEW -> ASKED -> ANSWERED, and ASKED again once the answer is too old. While it is ASKED, its link, host and
 * asked are the threads'; the rest is the loop's.
 * See:      pool.c (threads that run anything) */
#include "worker/io/resolve.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <galley/error.h>

#include "common/bug.h"
#include "common/log.h"

enum {
    THREADS_MAX = 2,
    THREAD_STACK_BYTES = 256 * 1024,
    THREAD_IDLE_S = 10,
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
    struct list link;  /* in queue or finished, under the lock */
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
    struct list known;
    size_t known_count;
    struct loop_event finished_event;
    int finished_fd;

    pthread_mutex_t lock; /* all that follows */
    pthread_cond_t has_work, has_ended;
    struct list queue, finished;
    size_t queued_count, live_count, calling_count;
    bool is_stopping, is_abandoned;
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

static void ask(resolve_lookup_fn *lookup, struct question *question)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    question->asked.error = lookup(question->host, NULL, &hints, &list);
    if (question->asked.error != 0)
        return;
    answer_from(&question->asked, list);
    freeaddrinfo(list);
}

static void ring(const struct resolver *resolver)
{
    uint64_t one = 1;
    ssize_t written = write(resolver->finished_fd, &one, sizeof one);
    (void)written; /* EAGAIN: the counter is full, so the loop will come anyway */
}

static void resolver_release(struct resolver *resolver)
{
    for (struct list *node = resolver->known.next, *next; node != &resolver->known; node = next) {
        next = node->next;
        free(LIST_ENTRY(node, struct question, known));
    }
    close(resolver->finished_fd);
    pthread_cond_destroy(&resolver->has_ended);
    pthread_cond_destroy(&resolver->has_work);
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

/* False when nothing came for 10 s. With the lock held. */
static bool wait_for_work(struct resolver *resolver)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += THREAD_IDLE_S;
    return pthread_cond_timedwait(&resolver->has_work, &resolver->lock, &until) == 0;
}

static void *thread_main(void *arg)
{
    struct resolver *resolver = arg;
    bool is_wanted = true;
    pthread_mutex_lock(&resolver->lock);
    while (!resolver->is_stopping) {
        struct list *node = list_take_first(&resolver->queue);
        if (!node) {
            if (!is_wanted)
                break;
            is_wanted = wait_for_work(resolver);
            continue;
        }
        struct question *question = LIST_ENTRY(node, struct question, link);
        resolver->queued_count--;
        resolver->calling_count++;
        pthread_mutex_unlock(&resolver->lock);
        ask(resolver->lookup, question);
        pthread_mutex_lock(&resolver->lock);
        resolver->calling_count--;
        is_wanted = true;
        if (list_is_empty(&resolver->finished))
            ring(resolver);
        list_append(&resolver->finished, &question->link);
    }
    bool is_last = --resolver->live_count == 0 && resolver->is_abandoned;
    pthread_cond_signal(&resolver->has_ended);
    pthread_mutex_unlock(&resolver->lock);
    if (is_last)
        resolver_release(resolver);
    return NULL;
}

/* ---- on the loop ---- */

static void take_answer(struct resolver *resolver, struct question *question)
{
    question->state = QUESTION_ANSWERED;
    question->answer = question->asked;
    question->until_ms = loop_now_ms(resolver->remotes->loop) +
                         (question->answer.error == 0 ? KEEP_FOUND_MS : KEEP_FAILED_MS);
    for (struct list *node = question->askers.next; node != &question->askers; node = node->next)
        coro_wake(LIST_ENTRY(node, struct asker, link)->co, 0);
}

static void questions_finished(void *arg, int fd, unsigned what)
{
    struct resolver *resolver = arg;
    struct list batch, *node;
    uint64_t count;
    (void)what;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
    list_init(&batch);
    pthread_mutex_lock(&resolver->lock);
    while ((node = list_take_first(&resolver->finished)))
        list_append(&batch, node);
    pthread_mutex_unlock(&resolver->lock);
    while ((node = list_take_first(&batch)))
        take_answer(resolver, LIST_ENTRY(node, struct question, link));
}

/* Threads inherit the mask of their creator: none of them shall take the worker's signals but its own faults.
 * Out of line: its signal sets are not to lie in the frame of a coroutine. 0, -errno. */
static __attribute__((noinline)) int thread_start(struct resolver *resolver)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    pthread_attr_t attr;
    pthread_t id;
    sigset_t all, before;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&id, &attr, thread_main, resolver);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return -rc;
}

/* Give a question to the threads. 0, -errno: there is none. */
static int submit(struct resolver *resolver, struct question *question)
{
    int rc = 0;
    pthread_mutex_lock(&resolver->lock);
    list_append(&resolver->queue, &question->link);
    resolver->queued_count++;
    size_t idle = resolver->live_count - resolver->calling_count;
    if (idle < resolver->queued_count && resolver->live_count < THREADS_MAX) {
        rc = thread_start(resolver);
        if (rc == 0)
            resolver->live_count++;
        else if (resolver->live_count > 0)
            rc = 0; /* one that lives will come to it */
    }
    if (rc == 0) {
        question->state = QUESTION_ASKED;
        pthread_cond_signal(&resolver->has_work);
    } else {
        list_remove(&question->link);
        resolver->queued_count--;
        log_line(LOG_LEVEL_ERROR, "no_thread", "cannot start a thread: error %d", -rc);
    }
    pthread_mutex_unlock(&resolver->lock);
    return rc;
}

struct resolver *resolver_new(struct remotes *remotes, resolve_lookup_fn *lookup)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return NULL;
    resolver->remotes = remotes;
    resolver->lookup = lookup;
    list_init(&resolver->known);
    list_init(&resolver->queue);
    list_init(&resolver->finished);
    resolver->finished_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (resolver->finished_fd < 0)
        goto free_resolver;
    int rc = loop_event_start(remotes->loop, &resolver->finished_event, resolver->finished_fd,
                              LOOP_READ, questions_finished, resolver);
    if (rc < 0) {
        errno = -rc;
        goto close_fd;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&resolver->lock, NULL);
    pthread_cond_init(&resolver->has_work, &monotonic);
    pthread_cond_init(&resolver->has_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return resolver;

close_fd:
    close(resolver->finished_fd);
free_resolver:
    free(resolver);
    return NULL;
}

bool resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return true;
    loop_event_stop(&resolver->finished_event);
    pthread_mutex_lock(&resolver->lock);
    resolver->is_stopping = true;
    pthread_cond_broadcast(&resolver->has_work);
    while (resolver->live_count > resolver->calling_count) /* these end at once */
        pthread_cond_wait(&resolver->has_ended, &resolver->lock);
    bool is_quiet = resolver->live_count == 0;
    resolver->is_abandoned = !is_quiet;
    pthread_mutex_unlock(&resolver->lock);
    if (is_quiet)
        resolver_release(resolver);
    return is_quiet;
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
        list_init(&question->link);
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
static GALLEY_YIELDS int await_answer(galley_async *co, struct resolver *resolver,
                                      struct question *question, const char *here)
{
    int rc = 0;
    if (question->state == QUESTION_NEW || question->state == QUESTION_ANSWERED)
        rc = submit(resolver, question);
    if (rc < 0)
        return coro_fail(co, -EAGAIN, here, "cannot start a thread that resolves %s",
                         question->host);
    struct asker asker = {.co = co};
    list_append(&question->askers, &asker.link);
    sched_expect_events(co->sched, +1);
    rc = coro_suspend_for(co, "name", question->host, here, INT64_MAX);
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
        rc = await_answer(co, resolver, question, here);
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
