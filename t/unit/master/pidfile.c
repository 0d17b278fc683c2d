/* t/unit/master/pidfile.c - a living master is respected, a stale file is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/pidfile.h"

static char folder[] = "/tmp/galley-pid-XXXXXX", path[64];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/pid", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void write_text(const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static void holds_the_pid_and_goes(void **state)
{
    (void)state;
    struct pidfile pidfile;
    struct errmsg why = {0};
    char text[32] = "";
    assert_int_equal(pidfile_open(&pidfile, path, &why), 0);
    FILE *file = fopen(path, "r");
    assert_non_null(fgets(text, sizeof(text), file));
    assert_int_equal(strtol(text, NULL, 10), getpid());
    /* closing this one gives the lock up: only in this test, no master reads its own file */
    fclose(file);
    pidfile_close(&pidfile);
    assert_int_equal(access(path, F_OK), -1);
    pidfile_close(&pidfile);
}

static void stale_is_replaced(void **state)
{
    (void)state;
    struct pidfile pidfile;
    struct errmsg why = {0};
    write_text("1\n"); /* a living pid, and no lock */
    assert_int_equal(pidfile_open(&pidfile, path, &why), 0);
    pidfile_close(&pidfile);
}

static void living_is_refused(void **state)
{
    (void)state;
    struct pidfile pidfile;
    struct errmsg why = {0};
    int status;
    assert_int_equal(pidfile_open(&pidfile, path, &why), 0);
    pid_t child = fork(); /* locks are not inherited: it is another process */
    if (!child) {
        struct pidfile mine;
        char expected[32];
        snprintf(expected, sizeof(expected), "pid %d ", (int)getppid());
        int error = pidfile_open(&mine, path, &why);
        _exit(error < 0 && strstr(why.text, expected) ? 0 : 1);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    pidfile_close(&pidfile);
}

static void a_successor_replaces_it(void **state)
{
    (void)state;
    struct pidfile pidfile;
    struct errmsg why = {0};
    int status, ready[2], go[2];
    char byte, text[32] = "";
    assert_int_equal(pidfile_open(&pidfile, path, &why), 0);
    assert_int_equal(pipe(ready) | pipe(go), 0);
    pid_t parent = getpid(), child = fork();
    if (!child) {
        struct pidfile mine;
        int refused = pidfile_succeed(&mine, path, parent + 1, &why) < 0; /* not that one's */
        why = (struct errmsg){0};
        int error = pidfile_succeed(&mine, path, parent, &why);
        status = !refused || error || write(ready[1], "", 1) != 1 || read(go[0], &byte, 1) != 1;
        _exit(status); /* killed, as it were: its file stays */
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    FILE *file = fopen(path, "r");
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    assert_int_equal(strtol(text, NULL, 10), child);
    assert_true(pidfile_renew(&pidfile, &why) < 0); /* it lives, and holds it */
    assert_int_equal(write(go[1], "", 1), 1);
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    why = (struct errmsg){0};
    assert_int_equal(pidfile_renew(&pidfile, &why), 0);
    assert_int_equal(pidfile_renew(&pidfile, &why), 0); /* it is ours already */
    file = fopen(path, "r");
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    assert_int_equal(strtol(text, NULL, 10), parent);
    pidfile_close(&pidfile);
    assert_int_equal(access(path, F_OK), -1);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
}

static void of_another_stays(void **state)
{
    (void)state;
    struct pidfile pidfile;
    struct errmsg why = {0};
    assert_int_equal(pidfile_open(&pidfile, path, &why), 0);
    unlink(path);
    write_text("2\n");
    pidfile_close(&pidfile);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
}

static void links_and_missing_folders_are_refused(void **state)
{
    (void)state;
    struct pidfile pidfile;
    struct errmsg why = {0};
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_true(pidfile_open(&pidfile, path, &why) < 0);
    assert_non_null(strstr(why.text, path));
    unlink(path);
    why = (struct errmsg){0};
    assert_true(pidfile_open(&pidfile, "/nonexistent/galley.pid", &why) < 0);
    assert_non_null(strstr(why.text, "/nonexistent/galley.pid"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_the_pid_and_goes),
        cmocka_unit_test(stale_is_replaced),
        cmocka_unit_test(living_is_refused),
        cmocka_unit_test(a_successor_replaces_it),
        cmocka_unit_test(of_another_stays),
        cmocka_unit_test(links_and_missing_folders_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
