/* redis_sub.c - messages of Redis for those who listen.
 * Does:     nothing yet.
 * Does not: wait. */
#include <errno.h>

#include "worker/io/redis.h"

void redis_subs_free(struct redis_subs *subs)
{
    (void)subs;
}
int galley__redis_subscribe(galley_async *co, galley_redis *redis, struct galley_redis_sub **sub,
                            const char *const *channels, const char *here)
{
    (void)co, (void)redis, (void)sub, (void)channels, (void)here;
    return -ENOSYS;
}
int galley__redis_receive(galley_async *co, struct galley_redis_sub *sub,
                          struct galley_redis_message *message, int64_t timeout_ms,
                          const char *here)
{
    (void)co, (void)sub, (void)message, (void)timeout_ms, (void)here;
    return -ENOSYS;
}
