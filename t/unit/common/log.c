/* t/unit/common/log.c - lines are whole, escaped, bounded and filtered; what a full pipe refuses is
 * counted. */
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/bug.h"
#include "common/log.h"

static int reader_fd, writer_fd;
static char line[8192];

static int open_pipe(void **state)
{
    int fds[2];
    (void)state;
    if (pipe2(fds, O_NONBLOCK) < 0)
        return -1;
    reader_fd = fds[0];
    writer_fd = fds[1];
    log_open(writer_fd, LOG_LEVEL_NOTICE, "worker 2");
    return 0;
}

static int close_pipe(void **state)
{
    (void)state;
    log_set_fd(STDERR_FILENO);
    close(reader_fd);
    close(writer_fd);
    return 0;
}

/* What one read finds; "" for nothing. */
static const char *read_line(void)
{
    ssize_t len = read(reader_fd, line, sizeof(line) - 1);
    line[len > 0 ? len : 0] = '\0';
    return line;
}

static const char *message(void)
{
    const char *at = strstr(read_line(), " event ");
    return at ? at + strlen(" event ") : line;
}

static void line_has_its_shape(void **state)
{
    (void)state;
    regex_t shape;
    char expected[200];
    snprintf(expected, sizeof(expected),
             "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z warn worker "
             "2\\[%d\\] slow_start slot=3\n$",
             (int)getpid());
    assert_int_equal(regcomp(&shape, expected, REG_EXTENDED | REG_NOSUB), 0);
    log_line(LOG_LEVEL_WARN, "slow_start", "slot=%d", 3);
    if (regexec(&shape, read_line(), 0, NULL, 0))
        fail_msg("no line of that shape: %s", line);
    regfree(&shape);
}

static void control_bytes_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *name, *in, *out;
    } rows[] = {{"plain", "abc", "abc\n"},
                {"newline", "a\nb", "a\\x0ab\n"},
                {"several", "\x1b[2J\r\n\x7f", "\\x1b[2J\\x0d\\x0a\\x7f\n"},
                {"UTF-8", "\xC3\xBC", "\xC3\xBC\n"},
                {"empty", "", "\n"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        log_line(LOG_LEVEL_WARN, "event", "%s", rows[i].in);
        if (strcmp(message(), rows[i].out))
            fail_msg("%s: %s", rows[i].name, line);
    }
}

static void long_lines_end_in_dots(void **state)
{
    (void)state;
    static char text[9000];
    static const char fill[] = {'a', '\n'};
    for (size_t i = 0; i < 2; i++)
        for (size_t len = 3900; len < 4200; len++) {
            memset(text, fill[i], len);
            text[len] = '\0';
            log_write(LOG_LEVEL_WARN, "event", "%s", text);
            size_t got = strlen(read_line());
            assert_in_range(got, 3900, 4096);
            assert_int_equal(line[got - 1], '\n');
            assert_ptr_equal(strchr(line, '\n'), line + got - 1);
            bool whole = !i && got == strlen(line) - strlen(strstr(line, " event ")) + 7 + len + 1;
            assert_true(whole || !strcmp(line + got - 4, "...\n"));
        }
}

static void levels_filter(void **state)
{
    (void)state;
    log_line(LOG_LEVEL_INFO, "event", "no");
    assert_string_equal(read_line(), "");
    log_set_level(LOG_LEVEL_DEBUG);
    log_line(LOG_LEVEL_DEBUG, "event", "yes");
    assert_string_equal(message(), "yes\n");
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
        assert_int_equal(log_level_of(log_level_name((enum log_level)level)), level);
    assert_int_equal(log_level_of("loud"), -1);
}

static void full_pipe_is_counted(void **state)
{
    (void)state;
    uint64_t before = log_lost_count();
    for (int i = 0; i < 10000 && log_lost_count() == before; i++)
        log_line(LOG_LEVEL_WARN, "event", "%0400d", i);
    assert_int_equal(log_lost_count(), before + 1);
}

/* Write until lines are lost; `alarm` ends the test if a write waits instead. */
static void fill_up(int fd)
{
    log_open(fd, LOG_LEVEL_NOTICE, "worker 2");
    assert_int_equal(log_lost_count(), 0); /* whatever was lost before */
    alarm(20);
    for (int i = 0; i < 10000 && log_lost_count() == 0; i++)
        log_line(LOG_LEVEL_WARN, "event", "%0400d", i);
    alarm(0);
    assert_int_equal(log_lost_count(), 1);
}

static void what_our_parent_gave_us_does_not_hold_us_up(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    int private_fd = log_open_private(fds[1]);
    assert_true(private_fd > fds[1]);
    assert_false(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
    fill_up(private_fd);
    close(private_fd);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(log_open_private(fds[1]), -1);
    fill_up(fds[1]);
    close(fds[0]);
    log_line(LOG_LEVEL_WARN, "event", "nobody is there"); /* and no SIGPIPE */
    close(fds[1]);
}

static void bugs_name_themselves(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (!pid) {
        GALLEY_BUG_IF(pid == 0, "slot %d", 7);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    read_line();
    assert_non_null(strstr(line, " error worker 2["));
    assert_non_null(strstr(line, " bug t/unit/common/log.c:"));
    assert_non_null(strstr(line, ": slot 7 (pid == 0)\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line_has_its_shape, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(control_bytes_are_escaped, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(long_lines_end_in_dots, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(levels_filter, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(full_pipe_is_counted, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(what_our_parent_gave_us_does_not_hold_us_up, open_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(bugs_name_themselves, open_pipe, close_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
