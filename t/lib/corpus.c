/* corpus.c - runs a fuzz target over the files it is given, without a fuzzer: what was once found stays found.
 * Does:     each file on a heap piece of its own size, so that a sanitizer sees what is read beyond it.
 * Does not: look for anything new; see make fuzz.
 * See:      t/15-corpora.t */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MAX_BYTES = 1 << 20 };

static int run(const char *path)
{
    static uint8_t room[MAX_BYTES];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return -1;
    size_t len = fread(room, 1, sizeof room, file);
    int status = ferror(file) ? -1 : 0;
    fclose(file);
    uint8_t *data = malloc(len > 0 ? len : 1);
    if (data == NULL || status < 0) {
        free(data);
        return -1;
    }
    for (size_t i = 0; i < len; i++)
        data[i] = room[i];
    LLVMFuzzerTestOneInput(data, len);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (run(argv[i]) < 0) {
            perror(argv[i]);
            return 1;
        }
    }
    printf("%d files\n", argc - 1);
    return 0;
}
