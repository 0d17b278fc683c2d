/* assign.c - which worker accepts from which socket.
 * Does:     socket i of a group goes to worker i mod N; every socket has a worker, every worker a socket. Pure.
 * Does not: talk to workers.
 * See:      supervise.c, t/unit/master/assign.c */
#include "master/assign.h"

static bool is_mine(const struct assign_group *group, size_t i, size_t rank, size_t worker_count)
{
    if (group->shared)
        return true;
    if (worker_count > group->count)
        return i == rank % group->count;
    return i % worker_count == rank;
}

size_t assign_sockets(const struct assign_group *groups, size_t group_count, size_t rank,
                      size_t worker_count, uint16_t *sockets)
{
    size_t found = 0;
    for (size_t g = 0; g < group_count; g++)
        for (size_t i = 0; i < groups[g].count && found < PROTO_MAX_SOCKETS; i++)
            if (is_mine(&groups[g], i, rank, worker_count))
                sockets[found++] = (uint16_t)(groups[g].first + i);
    return found;
}
