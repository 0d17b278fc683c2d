/* generation.h - the workers of one configuration, and what they need.
 * Does:     make it (files read, sockets open, slots empty) and take it apart.
 * Does not: fork; supervise.c does when policy says so. */
#ifndef GALLEY_MASTER_GENERATION_H
#define GALLEY_MASTER_GENERATION_H

#include "master/state.h"

/* A TRIAL generation with `workers` empty slots. `settings` becomes its own if `owns_settings`, even on failure.
 * NULL with a sentence. */
struct generation *generation_new(struct master *master, struct settings *settings,
                                  bool owns_settings, size_t workers, struct errmsg *why);
/* Its last worker has gone. */
void generation_free(struct generation *generation);
/* One more slot, empty; NULL without memory. */
struct slot *generation_add_slot(struct master *master, struct generation *generation, int number);
void slot_free(struct slot *slot);
/* Every slot gets at least this goal. */
void generation_set_goal(struct generation *generation, enum slot_goal goal);
size_t generation_count(const struct generation *generation, enum slot_state state);
/* Calls `fn`, if any, for each slot of all generations that has a process. How many there are. */
size_t generation_each_worker(const struct master *master, void (*fn)(struct slot *, void *),
                              void *arg);
/* Whether any such slot is owing: its process is still to answer question `id`, and can. */
bool generation_any_owes(const struct master *master,
                         bool (*is_owing)(const struct slot *slot, uint32_t id), uint32_t id);
/* How many slots are to serve. */
size_t generation_serving_count(const struct generation *generation);

#endif
