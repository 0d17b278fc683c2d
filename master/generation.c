/* generation.c - the workers of one configuration, and what they need.
 * Does:     read certificates, open listeners and logs, make empty slots: all that can fail before a fork.
 * Does not: fork.
 * See:      reload.c (the transaction), supervise.c */
#include "master/generation.h"

#include <errno.h>
#include <stdlib.h>

#include "master/coroutines.h"
#include "master/pem.h"
#include "master/routes.h"

struct slot *generation_add_slot(struct master *master, struct generation *generation, int number)
{
    struct slot *slot = calloc(1, sizeof(*slot));
    if (!slot)
        return NULL;
    slot->master = master;
    slot->generation = generation;
    slot->number = number;
    slot->channel_fd = -1;
    list_append(&generation->slots, &slot->node);
    return slot;
}

void slot_free(struct slot *slot)
{
    list_remove(&slot->node);
    coroutines_clear(slot);
    routes_clear(slot);
    free(slot);
}

static int open_all(struct master *master, struct generation *generation, struct errmsg *why)
{
    const struct settings *settings = generation->settings;
    int error = privilege_find(&generation->privilege, settings, why);
    if (!error)
        error = pem_read_all(settings, &generation->pems, &generation->pem_count, why);
    if (!error)
        error = listen_set_open(&generation->listen, &master->listeners, &settings->listen,
                                generation->pem_count > 0, generation->workers, why);
    if (!error)
        error = logs_open(&generation->new_logs, settings, &generation->privilege, why);
    for (size_t i = 0; !error && i < generation->workers; i++)
        if (!generation_add_slot(master, generation, (int)i)) {
            errmsg_set(why, "no memory for %zu workers", generation->workers);
            error = -ENOMEM;
        }
    return error;
}

static void release_settings(struct settings *settings, bool owned)
{
    if (!owned)
        return;
    settings_release(settings);
    free(settings);
}

struct generation *generation_new(struct master *master, struct settings *settings,
                                  bool owns_settings, size_t workers, struct errmsg *why)
{
    struct generation *generation = calloc(1, sizeof(*generation));
    if (!generation)
        errmsg_set(why, "no memory for %zu workers", workers);
    if (!generation || workers > MASTER_MAX_WORKERS) {
        errmsg_set(why, "cannot run %zu workers: %d are the most", workers, MASTER_MAX_WORKERS);
        free(generation);
        release_settings(settings, owns_settings);
        return NULL;
    }
    list_init(&generation->node);
    list_init(&generation->slots);
    generation->settings = settings;
    generation->owns_settings = owns_settings;
    generation->workers = workers;
    generation->new_logs = (struct logs){.log_fd = 2, .access_fd = -1};
    if (open_all(master, generation, why) < 0) {
        generation_free(generation);
        return NULL;
    }
    generation->number = ++master->last_generation;
    list_append(&master->generations, &generation->node);
    return generation;
}

void generation_free(struct generation *generation)
{
    while (!list_is_empty(&generation->slots))
        slot_free(SLOT_OF(generation->slots.next));
    list_remove(&generation->node);
    listen_set_close(&generation->listen);
    logs_close(&generation->new_logs);
    pem_free_all(generation->pems, generation->pem_count);
    release_settings(generation->settings, generation->owns_settings);
    free(generation);
}

void generation_set_goal(struct generation *generation, enum slot_goal goal)
{
    for (struct list *node = generation->slots.next; node != &generation->slots; node = node->next)
        if (SLOT_OF(node)->goal < goal)
            SLOT_OF(node)->goal = goal;
}

size_t generation_count(const struct generation *generation, enum slot_state state)
{
    size_t count = 0;
    for (struct list *node = generation->slots.next; node != &generation->slots; node = node->next)
        count += SLOT_OF(node)->state == state;
    return count;
}

size_t generation_each_worker(const struct master *master, void (*fn)(struct slot *, void *),
                              void *arg)
{
    size_t count = 0;
    for (struct list *g = master->generations.next; g != &master->generations; g = g->next)
        for (struct list *s = GENERATION_OF(g)->slots.next; s != &GENERATION_OF(g)->slots;
             s = s->next) {
            if (!slot_has_process(SLOT_OF(s)))
                continue;
            count++;
            if (fn)
                fn(SLOT_OF(s), arg);
        }
    return count;
}

struct question {
    bool (*is_owing)(const struct slot *slot, uint32_t id);
    uint32_t id;
    bool is_open;
};

static void look_for_debt(struct slot *slot, void *arg)
{
    struct question *question = arg;
    question->is_open |= question->is_owing(slot, question->id);
}

bool generation_any_owes(const struct master *master,
                         bool (*is_owing)(const struct slot *slot, uint32_t id), uint32_t id)
{
    struct question question = {.is_owing = is_owing, .id = id};
    generation_each_worker(master, look_for_debt, &question);
    return question.is_open;
}

size_t generation_serving_count(const struct generation *generation)
{
    size_t count = 0;
    for (struct list *node = generation->slots.next; node != &generation->slots; node = node->next)
        count += SLOT_OF(node)->goal == SLOT_GOAL_SERVE;
    return count;
}
