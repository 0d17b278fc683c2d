/* redis_url.c - where a Redis is, from its URL; see redis_url.h.
 * Does:     read it from the left to the right, refusing what is too long or not understood.
 * Does not: allocate. */
#include "worker/io/redis_url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum { PORT_DEFAULT = 6379, PORT_MAX = 65535, NUMBER_MAX = 1 << 20 };

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copy `len` bytes with their %XX undone. False: too long, or not well formed. */
static bool decode(char *out, size_t size, const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex(text[i + 1]) : -1;
            int low = high >= 0 ? hex(text[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (n + 1 >= size || c == '\0')
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

/* All of `text` as a number of at most `max`; -1: it is none. */
static int number(const char *text, size_t len, int max)
{
    int value = 0;
    if (len == 0)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || value > (max - (text[i] - '0')) / 10)
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static const char *parse_unix(struct redis_url *url, const char *text)
{
    const char *query = strchrnul(text, '?');
    url->is_unix = true;
    if (text[0] != '/')
        return "after unix: comes the path of a socket, beginning with /";
    if ((size_t)(query - text) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return "the path of the socket is too long";
    memcpy(url->host, text, (size_t)(query - text));
    if (*query == '?' && (url->number = number(query + 1, strlen(query + 1), NUMBER_MAX)) < 0)
        return "after ? comes the number of a database";
    if (url->number > 0)
        snprintf(url->shown, sizeof url->shown, "unix:%s?%d", url->host, url->number);
    else
        snprintf(url->shown, sizeof url->shown, "unix:%s", url->host);
    return NULL;
}

/* [[user]:password@] */
static const char *parse_secrets(struct redis_url *url, const char *text, size_t len)
{
    const char *colon = memchr(text, ':', len);
    if (!colon)
        return "before @ come a user (or nothing), a colon and a password";
    size_t user_len = (size_t)(colon - text);
    url->has_password = true;
    if (!decode(url->user, sizeof url->user, text, user_len) ||
        !decode(url->password, sizeof url->password, colon + 1, len - user_len - 1))
        return "user or password is too long, or a % in it begins no %XX";
    return NULL;
}

/* host[:port] or [address][:port] */
static const char *parse_host(struct redis_url *url, const char *text, size_t len)
{
    const char *host = text, *end = text + len, *colon;
    if (len > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', len);
        if (!close)
            return "a [ without its ]";
        host = text + 1;
        colon = close + 1;
        len = (size_t)(close - host);
    } else {
        colon = memchr(text, ':', len);
        colon = colon ? colon : end;
        len = (size_t)(colon - host);
    }
    if (len == 0)
        return "there is no host";
    if (len >= sizeof url->host || memchr(host, '@', len) || memchr(host, '?', len))
        return "the host is no name and no address";
    memcpy(url->host, host, len);
    if (colon == end)
        return NULL;
    int port = *colon == ':' ? number(colon + 1, (size_t)(end - colon - 1), PORT_MAX) : 0;
    if (port <= 0)
        return "after the host comes a colon and a port from 1 to 65535";
    url->port = (uint16_t)port;
    return NULL;
}

/* [number][?ca_file=path] */
static const char *parse_rest(struct redis_url *url, const char *text)
{
    static const char file[] = "ca_file=";
    const char *query = strchrnul(text, '?');
    size_t len = (size_t)(query - text);
    if (len > 0 && (url->number = number(text, len, NUMBER_MAX)) < 0)
        return "after / comes the number of a database";
    if (*query == '\0')
        return NULL;
    if (!url->is_tls || strncmp(query + 1, file, sizeof file - 1) != 0)
        return "after ? comes ca_file= and a path, of rediss:// alone";
    const char *path = query + sizeof file;
    if (*path == '\0' || !decode(url->ca_file, sizeof url->ca_file, path, strlen(path)))
        return "the path of the ca_file is empty, too long, or a % in it begins no %XX";
    return NULL;
}

static const char *parse_tcp(struct redis_url *url, const char *text)
{
    const char *slash = strchrnul(text, '/');
    const char *at = memrchr(text, '@', (size_t)(slash - text));
    const char *why = at ? parse_secrets(url, text, (size_t)(at - text)) : NULL;
    const char *host = at ? at + 1 : text;
    if (!why)
        why = parse_host(url, host, (size_t)(slash - host));
    if (!why && slash[0] == '/')
        why = parse_rest(url, slash + 1);
    if (why)
        return why;
    bool is_v6 = strchr(url->host, ':') != NULL;
    snprintf(url->shown, sizeof url->shown, "redis%s://%s%s%s:%u/%d", url->is_tls ? "s" : "",
             is_v6 ? "[" : "", url->host, is_v6 ? "]" : "", url->port, url->number);
    return NULL;
}

int redis_url_parse(struct redis_url *url, const char *text, const char **why)
{
    memset(url, 0, sizeof *url);
    url->port = PORT_DEFAULT;
    if (!text)
        text = "redis://127.0.0.1:6379/0";
    if (!strncmp(text, "unix:", 5))
        *why = parse_unix(url, text + 5);
    else if (!strncmp(text, "redis://", 8))
        *why = parse_tcp(url, text + 8);
    else if (!strncmp(text, "rediss://", 9))
        url->is_tls = true, *why = parse_tcp(url, text + 9);
    else
        *why = "it begins with redis://, rediss:// or unix:";
    return *why ? -EINVAL : 0;
}
