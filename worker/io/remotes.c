/* remotes.c - one worker's calls to remote sides: made and freed here; see remotes.h.
 * Does:     ask each part to close what it has.
 * Does not: wait. */
#include "worker/io/remotes.h"

#include <stdlib.h>

#include "worker/io/http_client.h"
#include "worker/io/redis.h"
#include "worker/io/resolve.h"
#include "worker/io/sql.h"

struct remotes *remotes_new(struct sched *sched, struct stats *stats)
{
    struct remotes *remotes = calloc(1, sizeof *remotes);
    if (remotes == NULL)
        return NULL;
    remotes->sched = sched;
    remotes->loop = sched_loop(sched);
    remotes->stats = stats;
    list_init(&remotes->databases);
    list_init(&remotes->redises);
    list_init(&remotes->unsent);
    sched_set_remotes(sched, remotes);
    return remotes;
}

bool remotes_flush_all(struct remotes *remotes)
{
    return redis_flush(remotes);
}

int64_t remotes_saturated_us(const struct remotes *remotes)
{
    int64_t longest_us = 0;
    for (struct list *node = remotes->databases.next; node != &remotes->databases;
         node = node->next) {
        const struct sql_db *db = LIST_ENTRY(node, struct sql_db, in_remotes);
        int64_t us = db->pool != NULL ? conn_pool_linger_us(db->pool) : 0;
        longest_us = us > longest_us ? us : longest_us;
    }
    return longest_us;
}

bool remotes_free(struct remotes *remotes)
{
    if (remotes == NULL)
        return true;
    redis_free_all(remotes);
    http_client_free(remotes->http);
    bool is_quiet = sql_close_all(remotes);
    is_quiet = resolver_free(remotes->resolver) && is_quiet;
    sched_set_remotes(remotes->sched, NULL);
    if (is_quiet)
        free(remotes);
    return is_quiet;
}
