/* config.c - fuzz target: galley.conf.
 * Does:     read the input as a file; a refusal must have its sentence.
 * Does not: judge the values: t/unit/common/ does.
 * See:      make fuzz; t/unit/common/config.c */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct settings settings;
    struct errmsg why = {0};
    char path[64];
    int fd = memfd_create("galley.conf", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    settings_init(&settings);
    int error = config_read(&settings, path, &why);
    if (!error)
        error = settings_finish(&settings, &why);
    if ((error < 0) != (why.text[0] != '\0'))
        abort();
    settings_release(&settings);
    close(fd);
    return 0;
}
