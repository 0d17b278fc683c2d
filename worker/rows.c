/* rows.c - rows for the master that are too large for a message.
 * Does:     what rows.h says.
 * Does not: allocate.
 * See:      docs/PROTOCOL.md, master/sealed.c (the other end) */
#include "worker/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void rows_put_text(struct mp_writer *out, const char *data, size_t len)
{
    char cut[ROWS_TEXT_MAX_BYTES + 3];
    if (data == NULL || len <= ROWS_TEXT_MAX_BYTES) {
        if (data == NULL)
            mp_put_nil(out);
        else
            mp_put_str_len(out, data, len);
        return;
    }
    memcpy(mempcpy(cut, data, ROWS_TEXT_MAX_BYTES), "...", 3);
    mp_put_str_len(out, cut, sizeof cut);
}

void rows_put_pair(struct mp_writer *out, const char *key, const char *data, size_t len)
{
    mp_put_str(out, key);
    rows_put_text(out, data, len);
}

int rows_seal(const struct buf *rows)
{
    int fd = memfd_create("galley-rows", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    size_t len = buf_len(rows), done = 0;
    while (done < len) {
        ssize_t n = write(fd, buf_at(rows) + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (done == len && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
        return fd;
    close(fd);
    return -EIO;
}
