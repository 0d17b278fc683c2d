/* hold.c - many connections that stay: each sends one request and then waits, so that their memory can be weighed.
 * Does:     open COUNT connections, send GET PATH on each; `idle` reads the answer, `suspended` does not wait for it;
 *           prints "ready", holds all until its standard input ends.
 * Does not: measure; bench/run looks at the server's memory meanwhile.
 * Usage:    hold PORT COUNT idle|suspended PATH */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what)
{
    fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Read a whole answer with a content-length, as small as those of the bench. */
static void read_answer(int fd)
{
    char buffer[4096];
    size_t len = 0;
    for (;;) {
        ssize_t count = recv(fd, buffer + len, sizeof buffer - 1 - len, 0);
        if (count <= 0)
            fail("the server closed a connection");
        len += (size_t)count;
        buffer[len] = '\0';
        char *end = strstr(buffer, "\r\n\r\n"), *length = strcasestr(buffer, "\r\ncontent-length:");
        if (end && length && len >= (size_t)(end + 4 - buffer) + strtoul(length + 17, NULL, 10))
            return;
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: hold PORT COUNT idle|suspended PATH\n");
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10))};
    size_t count = strtoul(argv[2], NULL, 10);
    int is_idle = strcmp(argv[3], "idle") == 0;
    char request[512];
    int length =
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", argv[4]);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){count + 64, count + 64});
    for (size_t i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
            fail("connect");
        if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length)
            fail("send");
        if (is_idle)
            read_answer(fd);
    }
    puts("ready");
    fflush(stdout);
    while (read(0, request, sizeof request) > 0)
        continue;
    return 0;
}
