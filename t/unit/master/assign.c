/* t/unit/master/assign.c - which sockets each worker gets: rows, and that none is left over or given twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "master/assign.h"

static const struct {
    const char *name;
    struct assign_group groups[3];
    size_t group_count, rank, workers;
    const char *sockets; /* in order */
} rows[] = {
    {"one worker takes all", {{0, 4, 0}}, 1, 0, 1, "0 1 2 3 "},
    {"first of two", {{0, 4, 0}}, 1, 0, 2, "0 2 "},
    {"second of two", {{0, 4, 0}}, 1, 1, 2, "1 3 "},
    {"third of three", {{0, 4, 0}}, 1, 2, 3, "2 "},
    {"two addresses", {{0, 2, 0}, {2, 2, 0}}, 2, 1, 2, "1 3 "},
    {"more workers than sockets share", {{0, 2, 0}}, 1, 2, 3, "0 "},
    {"a UNIX socket is everybody's", {{0, 2, 0}, {2, 1, 1}}, 2, 1, 2, "1 2 "},
    {"a UNIX socket before", {{0, 1, 1}, {1, 2, 0}}, 2, 0, 2, "0 1 "},
    {"no address", {{0, 0, 0}}, 0, 0, 1, ""},
};

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint16_t sockets[PROTO_MAX_SOCKETS];
        char text[2048] = "";
        size_t count = assign_sockets(rows[i].groups, rows[i].group_count, rows[i].rank,
                                      rows[i].workers, sockets);
        for (size_t k = 0, at = 0; k < count; k++)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%u ", sockets[k]);
        if (strcmp(text, rows[i].sockets))
            fail_msg("%s: %s", rows[i].name, text);
    }
}

/* For every number of workers and sockets: each socket has a worker, each worker a socket, and where there are enough
 * sockets none has two workers and loads differ by one at most. */
static void whole(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 20; workers++)
        for (size_t count = 1; count <= 20; count++) {
            struct assign_group group = {.first = 0, .count = count};
            int owners[20] = {0};
            size_t least = 20, most = 0;
            for (size_t rank = 0; rank < workers; rank++) {
                uint16_t sockets[PROTO_MAX_SOCKETS];
                size_t got = assign_sockets(&group, 1, rank, workers, sockets);
                assert_true(got >= 1);
                least = got < least ? got : least;
                most = got > most ? got : most;
                for (size_t k = 0; k < got; k++)
                    owners[sockets[k]]++;
            }
            for (size_t i = 0; i < count; i++)
                assert_in_range(owners[i], 1, workers > count ? workers : 1);
            assert_true(most - least <= 1);
        }
}

static void bounded(void **state)
{
    (void)state;
    struct assign_group group = {.first = 0, .count = 100000};
    uint16_t sockets[PROTO_MAX_SOCKETS];
    assert_int_equal(assign_sockets(&group, 1, 0, 1, sockets), PROTO_MAX_SOCKETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(whole),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
