/* proto.c - fuzz target: MessagePack frames and the datagrams of master and worker.
 * Does:     scan whole and in pieces, walk, decode; what is decoded must encode to something that decodes to the same.
 * Does not: use a socket.
 * See:      make fuzz; t/unit/common/mp.c, t/unit/common/proto.c */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mp.h"
#include "common/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void check_frames(const uint8_t *data, size_t len)
{
    struct mp_scan scan = {0};
    ssize_t whole = mp_frame(data, len), pieces = 0;
    for (size_t cut = 0; cut <= len && !pieces; cut++)
        pieces = mp_scan(&scan, data, cut);
    MUST(whole == pieces);
    MUST(whole <= (ssize_t)len);
    struct mp_reader reader;
    struct mp_value value;
    mp_reader_init(&reader, data, len);
    while (!mp_get(&reader, &value))
        MUST(!value.data || value.data + value.len <= (const char *)data + len);
}

static void check_message(const uint8_t *data, size_t len)
{
    static struct proto_message message, again;
    unsigned char out[PROTO_MAX_BYTES];
    if (proto_decode(&message, data, len) < 0)
        return;
    ssize_t out_len = proto_encode(&message, out);
    MUST(out_len > 0 && (size_t)out_len <= len); /* ours is the shortest form */
    MUST(!proto_decode(&again, out, (size_t)out_len));
    MUST(!memcmp(&message, &again, sizeof(message)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    check_frames(data, len);
    check_message(data, len);
    return 0;
}
