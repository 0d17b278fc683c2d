/* t/unit/common/nearest.c - what "did you mean" suggests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/nearest.h"

static void suggestions(void **state)
{
    (void)state;
    static const char *const known[] = {"status",  "stop",     "scale",
                                        "workers", "max_body", "max_head"};
    static const struct {
        const char *word, *best;
    } rows[] = {{"stauts", "status"},
                {"status", "status"},
                {"STATUS", "status"},
                {"statu", "status"},
                {"sttop", "stop"},
                {"sclae", "scale"},
                {"worker", "workers"},
                {"max-body", "max_body"},
                {"max_bdy", "max_body"},
                {"", NULL},
                {"zebra", NULL},
                {"x", NULL},
                {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct nearest nearest;
        nearest_init(&nearest, rows[i].word);
        for (size_t j = 0; j < sizeof(known) / sizeof(known[0]); j++)
            nearest_offer(&nearest, known[j]);
        const char *best = nearest.best ? nearest.best : "nothing";
        if (strcmp(best, rows[i].best ? rows[i].best : "nothing"))
            fail_msg("'%s' gives %s", rows[i].word, best);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(suggestions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
