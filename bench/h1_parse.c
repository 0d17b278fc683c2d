/* h1_parse.c - nanoseconds per request head, for the heads a server sees most.
 * Does:     parse each head many times from one buffer, print the best of several rounds.
 * Does not: touch sockets.
 * Build:    make bench-parts or cc -O2 -I. bench/h1_parse.c worker/http/{h1_parse,target,field}.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "worker/http/h1_parse.h"

static const struct {
    const char *name, *text;
} heads[] = {
    {"plaintext", "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"},
    {"wrk-like with query", "GET /items/42?q=hello HTTP/1.1\r\nHost: localhost:8000\r\n"
                            "User-Agent: bench/1.0\r\nAccept: */*\r\n\r\n"},
    {"typed post", "POST /items HTTP/1.1\r\nHost: localhost:8000\r\n"
                   "Content-Type: application/json\r\nContent-Length: 120\r\n"
                   "Accept: application/json\r\nConnection: keep-alive\r\n\r\n"},
    {"browser",
     "GET /docs/index.html?lang=en HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n"
     "Cache-Control: max-age=0\r\nUpgrade-Insecure-Requests: 1\r\n"
     "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/126.0.0.0 Safari/537.36\r\n"
     "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;"
     "q=0.8\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
     "Referer: https://www.example.com/docs/\r\n"
     "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n\r\n"},
};

static double now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

int main(void)
{
    static struct h1_head head;
    const struct h1_limits limits = H1_LIMITS_DEFAULT;
    enum { ROUNDS = 15, TIMES = 200000 };

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        size_t len = strlen(heads[i].text);
        double best = 1e18;
        for (int round = 0; round < ROUNDS; round++) {
            double from = now_ns();
            for (int n = 0; n < TIMES; n++) {
                size_t scanned = 0;
                if (h1_parse_head(&head, heads[i].text, len, &scanned, &limits) != (ssize_t)len) {
                    fprintf(stderr, "%s: %d %s\n", heads[i].name, head.status, head.reason);
                    return EXIT_FAILURE;
                }
                __asm__ volatile("" ::"r"(&head) : "memory");
            }
            double spent = (now_ns() - from) / TIMES;
            best = spent < best ? spent : best;
        }
        printf("%-22s %4zu bytes %7.1f ns\n", heads[i].name, len, best);
    }
    return EXIT_SUCCESS;
}
