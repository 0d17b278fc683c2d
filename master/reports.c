/* reports.c - fresh numbers of all workers.
 * Does:     what reports.h says.
 * Does not: send: orders go out at the end of the master's turn.
 * See:      docs/PROTOCOL.md (report_now) */
#include "master/reports.h"

#include "master/generation.h"
#include "master/supervise.h"

uint32_t reports_ask(struct master *master, int64_t now_ms)
{
    supervise_order_all(master, PROTO_ORDER_REPORT);
    master->reports_asked_ms = now_ms;
    return ++master->report_id;
}

uint32_t reports_ask_unless(struct master *master, int64_t now_ms, int64_t age_ms)
{
    bool is_young = master->report_id && now_ms - master->reports_asked_ms <= age_ms;
    return is_young ? master->report_id : reports_ask(master, now_ms);
}

static bool is_owing(const struct slot *slot, uint32_t id)
{
    return slot->state == SLOT_READY && !slot->late && slot->report_id < id;
}

bool reports_all_in(const struct master *master, uint32_t id)
{
    return !generation_any_owes(master, is_owing, id);
}
