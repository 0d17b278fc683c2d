/* pem.c - certificate and key files, read as bytes by the master, which may be root.
 * Does:     read, bound the size, name the file in every refusal, wipe keys when they go.
 * Does not: parse.
 * See:      worker/net/tls*.c, t/unit/master/files.c */
#include "master/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_MAX_BYTES = 1024 * 1024 };

static void wipe_free(const char *data, size_t len)
{
    if (!data)
        return;
    char *mine = (char *)(uintptr_t)data;
    explicit_bzero(mine, len);
    free(mine);
}

/* The bytes of `path` on the heap, a NUL behind them. 0; < 0 with a sentence that calls it `what`. */
static int read_file(const char *path, const char *what, const char **data, size_t *len,
                     struct errmsg *why)
{
    struct stat st;
    int error = 0;
    char *bytes = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        error = -errno;
        errmsg_set_sys(why, "cannot read %s %s", what, path);
        goto close_fd;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > PEM_MAX_BYTES || st.st_size == 0) {
        error = -EINVAL;
        errmsg_set(why, "cannot use %s %s: it is %s", what, path,
                   !S_ISREG(st.st_mode) ? "not a file"
                   : st.st_size == 0    ? "empty"
                                        : "larger than 1 MiB");
        goto close_fd;
    }
    size_t size = (size_t)st.st_size;
    bytes = malloc(size + 1);
    ssize_t got = bytes ? read(fd, bytes, size) : -1;
    if (got != st.st_size) {
        error = got < 0 ? -errno : -EIO;
        errno = -error;
        errmsg_set_sys(why, "cannot read %s %s", what, path);
        free(bytes);
        goto close_fd;
    }
    bytes[size] = '\0';
    *data = bytes;
    *len = size;

close_fd:
    if (fd >= 0)
        close(fd);
    return error;
}

static int read_pair(struct inherit_pem *pem, const char *cert, const char *key, struct errmsg *why)
{
    int error = read_file(cert, "certificate", &pem->cert, &pem->cert_len, why);
    if (!error)
        error = read_file(key, "key", &pem->key, &pem->key_len, why);
    pem->cert_path = strdup(cert);
    pem->key_path = strdup(key);
    if (!error && (!pem->cert_path || !pem->key_path)) {
        errmsg_set(why, "no memory for certificate %s", cert);
        error = -ENOMEM;
    }
    return error;
}

int pem_read_all(const struct settings *settings, struct inherit_pem **pems, size_t *count,
                 struct errmsg *why)
{
    size_t pairs = settings->tls_cert.count;
    *pems = NULL;
    *count = 0;
    if (pairs != settings->tls_key.count) {
        errmsg_set(why,
                   "tls_cert is given %zu times and tls_key %zu times; each certificate needs its "
                   "key, in the same order",
                   pairs, settings->tls_key.count);
        return -EINVAL;
    }
    if (!pairs)
        return 0;
    struct inherit_pem *all = calloc(pairs, sizeof(*all));
    if (!all) {
        errmsg_set(why, "no memory for certificates");
        return -ENOMEM;
    }
    for (size_t i = 0; i < pairs; i++) {
        int error = read_pair(&all[i], settings->tls_cert.at[i], settings->tls_key.at[i], why);
        if (error) {
            pem_free_all(all, pairs);
            return error;
        }
    }
    *pems = all;
    *count = pairs;
    return 0;
}

void pem_free_all(struct inherit_pem *pems, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wipe_free(pems[i].cert, pems[i].cert_len);
        wipe_free(pems[i].key, pems[i].key_len);
        free((char *)(uintptr_t)pems[i].cert_path);
        free((char *)(uintptr_t)pems[i].key_path);
    }
    free(pems);
}
