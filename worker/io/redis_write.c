/* redis_write.c - commands as Redis wants to read them, and those that it must not be sent.
 * Does:     write arrays of bulk strings straight into the connection's buffer; name what cannot be shared.
 * Does not: know what a command means beyond that.
 * See:      redis.h, t/unit/worker/io/redis_write.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/io/redis.h"

enum {
    HEAD_BYTES = 24,  /* "*" or "$", digits, "\r\n" */
    NUMBER_BYTES = 32 /* "-9223372036854775808", "-1.7976931348623157e+308" */
};

static char *write_digits(char *at, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

static char *write_head(char *at, char kind, size_t count)
{
    *at++ = kind;
    at = write_digits(at, count);
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

static char *write_bulk(char *at, const void *data, size_t len)
{
    at = write_head(at, '$', len);
    at = mempcpy(at, data, len);
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

/* With as few digits as bring the same number back. */
static size_t print_real(char *out, double real)
{
    int len = 0;
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(out, NUMBER_BYTES, "%.*g", digits, real);
        if (strtod(out, NULL) == real)
            break;
    }
    return (size_t)len;
}

static char *write_arg(char *at, const struct galley_redis_arg *arg)
{
    char text[NUMBER_BYTES];
    if (arg->data)
        return write_bulk(at, arg->data, arg->len);
    if (arg->is_real)
        return write_bulk(at, text, print_real(text, arg->real));
    char *end = text;
    uint64_t size = (uint64_t)arg->number;
    if (arg->number < 0) {
        *end++ = '-';
        size = -size;
    }
    end = write_digits(end, size);
    return write_bulk(at, text, (size_t)(end - text));
}

int redis_write(struct buf *out, const struct galley_redis_arg *args, size_t count)
{
    size_t most = HEAD_BYTES;
    for (size_t i = 0; i < count; i++) {
        size_t need = HEAD_BYTES + 2 + (args[i].data ? args[i].len : NUMBER_BYTES);
        if (need > REDIS_OUT_MAX_BYTES || most > REDIS_OUT_MAX_BYTES - need)
            return -EMSGSIZE;
        most += need;
    }
    int rc = buf_reserve(out, most);
    if (rc < 0)
        return rc;
    char *at = write_head(out->data + out->end, '*', count);
    for (size_t i = 0; i < count; i++)
        at = write_arg(at, &args[i]);
    out->end = (size_t)(at - out->data);
    return 0;
}

/* ---- what is refused ---- */

static const char blocks[] =
    "would block everybody's commands; poll, or be told by galley_redis_subscribe";
static const char changes[] = "would change the connection for all who share it; say it in the URL";
static const char together[] =
    "needs a connection of its own, others' commands would come in between; send one EVAL";
static const char listens[] = "is galley_redis_subscribe and galley_redis_unsubscribe";
static const char leaves[] = "would end or take over a connection that others use";

static const struct {
    const char *name, *why;
} refused[] = {
    {"BLPOP", blocks},         {"BRPOP", blocks},        {"BRPOPLPUSH", blocks},
    {"BLMOVE", blocks},        {"BLMPOP", blocks},       {"BZPOPMIN", blocks},
    {"BZPOPMAX", blocks},      {"BZMPOP", blocks},       {"WAIT", blocks},
    {"WAITAOF", blocks},       {"SELECT", changes},      {"AUTH", changes},
    {"HELLO", changes},        {"RESET", changes},       {"MULTI", together},
    {"EXEC", together},        {"DISCARD", together},    {"WATCH", together},
    {"UNWATCH", together},     {"SUBSCRIBE", listens},   {"PSUBSCRIBE", listens},
    {"SSUBSCRIBE", listens},   {"UNSUBSCRIBE", listens}, {"PUNSUBSCRIBE", listens},
    {"SUNSUBSCRIBE", listens}, {"MONITOR", leaves},      {"SYNC", leaves},
    {"PSYNC", leaves},         {"REPLCONF", leaves},     {"QUIT", leaves},
};

static bool is_word(const struct galley_redis_arg *arg, const char *word, size_t len)
{
    return arg->data && arg->len == len && !strncasecmp(arg->data, word, len);
}

/* XREAD ... BLOCK, CLIENT REPLY: an option decides. */
static const char *refusal_by_option(const struct galley_redis_arg *args, size_t count)
{
    bool is_read = is_word(args, "XREAD", 5) || is_word(args, "XREADGROUP", 10);
    for (size_t i = 1; is_read && i < count && !is_word(&args[i], "STREAMS", 7); i++) {
        if (is_word(&args[i], "BLOCK", 5))
            return blocks;
    }
    if (count > 1 && is_word(args, "CLIENT", 6) &&
        (is_word(&args[1], "REPLY", 5) || is_word(&args[1], "TRACKING", 8)))
        return changes;
    return NULL;
}

const char *redis_refusal(const struct galley_redis_arg *args, size_t count)
{
    /* Many leave by their first letter: a bit for each of ABCDEHMPQRSUWX, with which the refused ones begin. */
    static const uint32_t begins = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 7 |
                                   1u << 12 | 1u << 15 | 1u << 16 | 1u << 17 | 1u << 18 | 1u << 20 |
                                   1u << 22 | 1u << 23;
    if (count ==
        0) /* Redis passes over it without a reply, and all that follow would be taken for the next one's */
        return "is no command";
    const char *name = args[0].data;
    if (!name || args[0].len < 4) /* GET, SET, DEL ... */
        return NULL;
    unsigned letter = ((unsigned char)name[0] | 0x20u) - 'a';
    if (letter >= 26 || (begins & 1u << letter) == 0)
        return NULL;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if ((refused[i].name[0] | 0x20) == (name[0] | 0x20) &&
            is_word(args, refused[i].name, strlen(refused[i].name)))
            return refused[i].why;
    }
    return refusal_by_option(args, count);
}
