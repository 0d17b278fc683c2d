/* world.h - what tests of the master share: a master, its one generation, and workers that are ready, without processes.
 * Does:     set them up; include it once, in place of cmocka's headers.
 * Does not: start or open anything. */
#ifndef GALLEY_T_MASTER_WORLD_H
#define GALLEY_T_MASTER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "master/state.h"

enum { WORLD_WORKERS_MAX = 4 };
static struct master master;
static struct generation generation;
static struct slot slots[WORLD_WORKERS_MAX];

/* Forget all, and let there be `workers`, pids from 1000 on. `channel_fd`: -1 has no channel; orders to 1000 are noted, and
 * never sent. */
static void world_set_up(int workers, int channel_fd)
{
    assert_true(workers <= WORLD_WORKERS_MAX);
    memset(&master, 0, sizeof(master));
    memset(&generation, 0, sizeof(generation));
    memset(slots, 0, sizeof(slots));
    list_init(&master.generations);
    list_init(&generation.slots);
    list_init(&generation.node);
    list_append(&master.generations, &generation.node);
    for (int i = 0; i < workers; i++) {
        list_init(&slots[i].node);
        list_append(&generation.slots, &slots[i].node);
        slots[i].generation = &generation;
        slots[i].number = i;
        slots[i].pid = 1000 + i;
        slots[i].channel_fd = channel_fd;
        slots[i].state = SLOT_READY;
    }
}

#endif
