/* waiting.c - what a coroutine waits for, in words and as a place.
 * Does:     tell the details beside `waiting_for`; take "file.c:41" apart; write the lines of a dump.
 * Does not: cost those who wait more than a store or two: all is looked up when somebody asks.
 * See:      coro.h, t/unit/worker/coro/waiting.c */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "worker/coro/sched.h"

enum { TASKS_NAMED = 4, DUMP_LINES = 200 };

/* "#12 #13 and 7 more": the tasks that a scope still has. */
static void write_tasks(const struct scope *scope, char *out, size_t size)
{
    size_t count = 0, at = 0;
    for (struct list *node = scope->tasks.next; node != &scope->tasks; node = node->next) {
        const struct galley_task *task = LIST_ENTRY(node, struct galley_task, in_scope);
        if (count++ < TASKS_NAMED && task->co && at < size)
            at += (size_t)snprintf(out + at, size - at, "%s#%" PRIu64, at ? " " : "", task->co->id);
    }
    if (count > TASKS_NAMED && at < size)
        snprintf(out + at, size - at, " and %zu more", count - TASKS_NAMED);
}

void coro_brief(char *out, size_t size, const char *text)
{
    size_t len = 0;
    bool is_space = true;
    for (const char *at = text; *at != '\0' && len < size - 1; at++) {
        bool was_space = is_space;
        is_space = (unsigned char)*at <= ' ';
        if (!is_space || !was_space)
            out[len++] = is_space ? ' ' : *at;
    }
    /* A character that is not there as a whole goes. */
    size_t cut = len;
    while (cut > 0 && ((unsigned char)out[cut - 1] & 0xC0) == 0x80)
        cut--;
    unsigned char lead = cut > 0 ? (unsigned char)out[cut - 1] : 0;
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (lead >= 0x80 && len - cut + 1 < want)
        len = cut - 1;
    while (len > 0 && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
}

void coro_wait_detail(const galley_async *co, char *out, size_t size)
{
    out[0] = '\0';
    if (co->state != CORO_WAITING)
        return;
    const char *kind = co->waiting_for;
    if (!strcmp(kind, "sleep")) {
        int64_t left_ms = co->until_ms - sched_now_ms(co->sched);
        snprintf(out, size, "%" PRId64 " ms", left_ms > 0 ? left_ms : 0);
    } else if (!strcmp(kind, "task") && co->waiting_on > 0) {
        snprintf(out, size, "#%" PRId64, co->waiting_on);
    } else if (co->joining &&
               (!strcmp(kind, "tasks") || !strcmp(kind, "gather") || !strcmp(kind, "race"))) {
        write_tasks(co->joining, out, size);
    } else if (co->waiting_what) {
        coro_brief(out, size, co->waiting_what);
    } else if (!strcmp(kind, "readable") || !strcmp(kind, "writable") || !strcmp(kind, "ready")) {
        snprintf(out, size, "fd %" PRId64, co->waiting_on);
    }
}

bool coro_place(const char *here, galley_str *file, int *line)
{
    const char *colon = here ? strrchr(here, ':') : NULL;
    if (!colon)
        return false;
    *file = (galley_str){here, (size_t)(colon - here)};
    *line = (int)strtol(colon + 1, NULL, 10);
    return true;
}

uint64_t coro_parent_id(const galley_async *co)
{
    const struct scope *outer = co->root.parent;
    return outer && outer->co ? outer->co->id : 0;
}

void sched_dump(struct sched *sched)
{
    size_t at = 0, count = 0;
    for (galley_async *co; (co = sched_next_live(sched, &at)) != NULL && count < DUMP_LINES;
         count++) {
        char detail[CORO_DETAIL_BYTES];
        coro_wait_detail(co, detail, sizeof detail);
        log_line(LOG_LEVEL_NOTICE, "coroutine",
                 "id=%" PRIu64 " parent=%" PRIu64 " name=%s at=%s:%d state=%s waiting_for=%s%s%s%s "
                 "in=%s age_ms=%" PRId64,
                 co->id, coro_parent_id(co), co->name, co->file, co->line,
                 coro_state_name(co->state), co->state == CORO_WAITING ? co->waiting_for : "-",
                 detail[0] ? " (" : "", detail, detail[0] ? ")" : "", co->here ? co->here : "-",
                 sched_now_ms(sched) - co->started_ms);
    }
    if (sched->live_count > count)
        log_line(LOG_LEVEL_NOTICE, "coroutines", "%zu more", sched->live_count - count);
}
