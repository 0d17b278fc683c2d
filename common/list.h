/* list.h - an intrusive, circular, doubly linked list: O(1) everything, no allocation.
 * Does:     link nodes that live inside other structs.
 * Does not: own anything. A node that is in no list points to itself. */
#ifndef GALLEY_COMMON_LIST_H
#define GALLEY_COMMON_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

/* The struct that contains `node` as its member. */
#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->prev = list->next = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_append(struct list *list, struct list *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

/* Harmless for a node that is in no list. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = node;
}

/* Remove and return the first node; NULL if there is none. */
static inline struct list *list_take_first(struct list *list)
{
    struct list *node = list->next;
    if (node == list)
        return NULL;
    list_remove(node);
    return node;
}

#endif
