/* problem_cost.h - how large a 422 becomes, before it is written.
 * Does:     bound what telling one problem takes.
 * Does not: count what keeping it takes (problems.c does). */
#ifndef GALLEY_WORKER_APP_PROBLEM_COST_H
#define GALLEY_WORKER_APP_PROBLEM_COST_H

#include "worker/app/problems.h"

/* The most bytes of `problem` at `loc` in the answer. */
size_t problem_text_bytes(const struct problem *problem, const struct loc *loc);

#endif
