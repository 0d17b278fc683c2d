/* reports.h - fresh numbers of all workers: ask, and know when all are in.
 * Does:     number the questions.
 * Does not: wait (rpc.c and rpc_watch.c have their deadlines) or add up (metrics_sum.h). */
#ifndef GALLEY_MASTER_REPORTS_H
#define GALLEY_MASTER_REPORTS_H

#include "master/state.h"

/* How long an answer waits for a worker's report: one that is stuck is known as late before (POLICY_LATE_MS), and no longer
 * waited for; one that only lacks a processor is asked to have its newest numbers in the answer. */
enum { REPORTS_WAIT_MS = 1000 };

/* Ask all workers now. The id of the question. */
uint32_t reports_ask(struct master *master, int64_t now_ms);
/* The same, or the id of a question that is no older than `age_ms`. */
uint32_t reports_ask_unless(struct master *master, int64_t now_ms, int64_t age_ms);
/* Whether every worker that answers has reported since `id`. */
bool reports_all_in(const struct master *master, uint32_t id);

#endif
