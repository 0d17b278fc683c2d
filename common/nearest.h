/* nearest.h - "did you mean": the known word that is most like an unknown one.
 * Does:     edit distance (insert, delete, replace, swap of neighbours), '-' and '_' alike.
 * Does not: know which words there are; the caller offers each. */
#ifndef GALLEY_COMMON_NEAREST_H
#define GALLEY_COMMON_NEAREST_H

struct nearest {
    const char *word; /* what was asked for */
    const char *best; /* the most alike so far; NULL: none is alike enough (a third of its letters
                         may differ) */
    int _distance;
};

/* `word` and what is offered stay the caller's. */
void nearest_init(struct nearest *nearest, const char *word);
void nearest_offer(struct nearest *nearest, const char *known);

#endif
