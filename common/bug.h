/* bug.h - GALLEY_BUG_IF: our own broken invariants end the process and name themselves.
 * Does:     abort with file, line and a sentence, after handing it to the log.
 * Does not: judge input: nothing that a client, a worker's report or a file contains may reach it. */
#ifndef GALLEY_COMMON_BUG_H
#define GALLEY_COMMON_BUG_H

#define GALLEY_BUG_IF(condition, ...)                                                              \
    do {                                                                                           \
        if (__builtin_expect(!!(condition), 0))                                                    \
            bug_abort(__FILE__, __LINE__, #condition, __VA_ARGS__);                                \
    } while (0)

/* Log the place, the condition and the sentence, then abort(3). Through GALLEY_BUG_IF alone. */
_Noreturn void bug_abort(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5), cold));

#endif
