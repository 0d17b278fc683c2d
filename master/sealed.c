/* sealed.c - what a worker hands over in memory that it cannot change any more.
 * Does:     what sealed.h says.
 * Does not: take any other descriptor, that none can make the master wait.
 * See:      worker/rows.c (the other end), t/unit/master/coroutines.c */
#include "master/sealed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SHRINK | F_SEAL_WRITE };

bool sealed_read(int fd, struct buf *rows)
{
    struct stat about;
    int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &about) < 0 || about.st_size < 0 ||
        (size_t)about.st_size > rows->max_bytes || buf_reserve(rows, (size_t)about.st_size) < 0)
        return false;
    while (buf_len(rows) < (size_t)about.st_size) {
        ssize_t n = pread(fd, rows->data + rows->end, (size_t)about.st_size - buf_len(rows),
                          (off_t)buf_len(rows));
        if (n <= 0)
            return false;
        rows->end += (size_t)n;
    }
    return true;
}
