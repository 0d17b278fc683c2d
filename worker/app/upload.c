/* upload.c - a file of a form: in memory, or in an unlinked temporary file; see upload.h and galley/request.h.
 * Does:     open, write, read.
 * Does not: wait: pages of a file that was just written are in memory. */
#include "worker/app/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *folder(void)
{
    const char *named = getenv("TMPDIR");
    return named != NULL && named[0] == '/' ? named : "/tmp";
}

int upload_open(void)
{
    char path[512];
    int fd = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (fd >= 0)
        return fd;
    int len = snprintf(path, sizeof path, "%s/galley-XXXXXX", folder());
    if (len < 0 || (size_t)len >= sizeof path)
        return -ENAMETOOLONG;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (unlink(path) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

int upload_write(int fd, uint64_t offset, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = pwrite(fd, at, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        at += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

ssize_t galley_upload_read(const galley_upload *upload, uint64_t offset, void *buf, size_t len)
{
    if (offset >= upload->size || len == 0)
        return 0;
    if (len > upload->size - offset)
        len = (size_t)(upload->size - offset);
    if (upload->_data != NULL) {
        memcpy(buf, (const char *)upload->_data + offset, len);
        return (ssize_t)len;
    }
    ssize_t n;
    do
        n = pread(upload->_fd, buf, len, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int galley__upload_bytes(galley_request *req, const galley_upload *upload, galley_bytes *bytes)
{
    *bytes = (galley_bytes){upload->_data, (size_t)upload->size};
    if (upload->_data != NULL || upload->filename.data == NULL)
        return 0;
    uint8_t *all = galley__alloc(req, (size_t)upload->size);
    if (all == NULL)
        return -ENOMEM;
    for (size_t have = 0; have < upload->size;) {
        ssize_t n = galley_upload_read(upload, have, all + have, (size_t)upload->size - have);
        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        have += (size_t)n;
    }
    bytes->data = all;
    return 0;
}
