/* redis_reply.c - replies of Redis, read by hiredis's reader straight into the memory of who waits for them.
 * Does:     build struct galley_redis_reply, or drop what nobody wants; bound size and nesting; know what errors mean.
 * Does not: read sockets, or use any other part of hiredis: its connections have a life of their own.
 * See:      redis.h, t/unit/worker/io/redis_reply.c, t/fuzz/redis.c */
#include <hiredis/read.h>
#include <string.h>

#include "worker/io/redis.h"

enum {
    LINE_MAX_BYTES = 65536, /* of a status, an error or a number */
    HEAD_BYTES = 32         /* "$536870912\r\n" */
};

/* Stands for what is not built; never looked at. */
static char dropped;

/* ---- hiredis's object functions ---- */

/* The place where an object goes; NULL: nothing is built. */
static struct galley_redis_reply *place(struct redis_reader *reader, const redisReadTask *task)
{
    if (reader->is_dropped)
        return NULL;
    if (task->parent) {
        struct galley_redis_reply *list = task->parent->obj;
        return (struct galley_redis_reply *)(uintptr_t)list->items + task->idx;
    }
    reader->root = arena_alloc(reader->arena, sizeof *reader->root);
    if (!reader->root)
        reader->is_dropped = reader->is_short = true;
    return reader->root;
}

/* Room beside the reply itself. NULL: it is dropped from here on, or too large: reader->error. */
static void *room(struct redis_reader *reader, size_t bytes)
{
    if (bytes > reader->max_bytes - reader->built_bytes) {
        reader->error = -GALLEY_EANSWER_SIZE;
        return NULL;
    }
    reader->built_bytes += bytes;
    void *piece = arena_alloc(reader->arena, bytes);
    if (!piece)
        reader->is_dropped = reader->is_short = true;
    return piece;
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
    struct redis_reader *reader = task->privdata;
    if (!task->parent && task->type == REDIS_REPLY_ERROR && reader->arena)
        reader->is_dropped = false; /* who wants nothing wants to know this */
    struct galley_redis_reply *reply = place(reader, task);
    char *copy = reply ? room(reader, len + 1) : NULL;
    if (!copy)
        return reader->error < 0 ? NULL : &dropped;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *reply = (struct galley_redis_reply){
        .kind = task->type == REDIS_REPLY_ERROR ? GALLEY_REDIS_ERROR : GALLEY_REDIS_TEXT,
        .text = {copy, len}};
    return reply;
}

static void *create_array(const redisReadTask *task, int elements)
{
    struct redis_reader *reader = task->privdata;
    struct galley_redis_reply *reply = place(reader, task), *items = NULL;
    size_t count = elements > 0 ? (size_t)elements : 0;
    if (reply && count > 0)
        items = room(reader, count * sizeof *items);
    if (!reply || (count > 0 && !items))
        return reader->error < 0 ? NULL : &dropped;
    *reply = (struct galley_redis_reply){.kind = GALLEY_REDIS_LIST, .items = items, .count = count};
    return reply;
}

static void *create_integer(const redisReadTask *task, long long number)
{
    struct galley_redis_reply *reply = place(task->privdata, task);
    if (!reply)
        return &dropped;
    *reply = (struct galley_redis_reply){.kind = GALLEY_REDIS_INT, .number = number};
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    struct galley_redis_reply *reply = place(task->privdata, task);
    if (!reply)
        return &dropped;
    *reply = (struct galley_redis_reply){.kind = GALLEY_REDIS_NULL};
    return reply;
}

static void free_object(void *object)
{
    (void)object; /* dies with its arena */
}

static redisReplyObjectFunctions functions = {create_string, create_array, create_integer,
                                              create_nil, free_object};

/* ---- the reader ---- */

int redis_reader_init(struct redis_reader *reader, uint64_t max_bytes)
{
    redisReader *hiredis = redisReaderCreateWithFunctions(&functions);
    *reader = (struct redis_reader){.hiredis = hiredis, .max_bytes = max_bytes};
    if (!hiredis)
        return -ENOMEM;
    hiredis->privdata = reader;
    return 0;
}

void redis_reader_release(struct redis_reader *reader)
{
    if (reader->hiredis)
        redisReaderFree(reader->hiredis);
    *reader = (struct redis_reader){.hiredis = NULL};
}

int redis_reader_feed(struct redis_reader *reader, const char *data, size_t len)
{
    if (redisReaderFeed(reader->hiredis, data, len) != REDIS_OK)
        return -ENOMEM;
    reader->fed_bytes += len;
    return 0;
}

bool redis_reader_is_amid(const struct redis_reader *reader)
{
    return reader->fed_bytes != reader->ended_bytes;
}

/* An endless line is no reply, and each byte more would have it all looked through again. */
static bool is_endless(const redisReader *hiredis)
{
    size_t len = hiredis->len - hiredis->pos;
    const redisReadTask *task = hiredis->ridx >= 0 ? &hiredis->rstack[hiredis->ridx] : NULL;
    if (!task || len <= HEAD_BYTES)
        return false;
    if (task->type == REDIS_REPLY_STRING || task->type == REDIS_REPLY_ARRAY)
        return memchr(hiredis->buf + hiredis->pos, '\n', HEAD_BYTES) == NULL;
    return len > LINE_MAX_BYTES;
}

static int finish(struct redis_reader *reader, const redisReader *hiredis)
{
    uint64_t at = reader->fed_bytes - (hiredis->len - hiredis->pos);
    uint64_t len = at - reader->ended_bytes;
    reader->ended_bytes = at;
    reader->is_started = false;
    if (reader->is_dropped)
        reader->root = NULL;
    return len > reader->max_bytes ? -GALLEY_EANSWER_SIZE : 1;
}

int redis_reader_next(struct redis_reader *reader, struct arena *arena, bool is_wanted)
{
    redisReader *hiredis = reader->hiredis;
    void *object = NULL;
    if (!redis_reader_is_amid(reader))
        return 0;
    if (!reader->is_started) {
        reader->is_started = true;
        reader->is_short = false;
        reader->is_dropped = !arena || !is_wanted;
        reader->built_bytes = 0;
        reader->root = NULL;
    } else if (!arena) {
        reader->is_dropped = true;
    }
    reader->arena = arena;
    if (redisReaderGetReply(hiredis, &object) != REDIS_OK)
        return reader->error < 0               ? reader->error
               : hiredis->err == REDIS_ERR_OOM ? -ENOMEM
                                               : -GALLEY_EGARBLED;
    if (object)
        return finish(reader, hiredis);
    if (reader->fed_bytes - reader->ended_bytes > reader->max_bytes)
        return -GALLEY_EANSWER_SIZE;
    return is_endless(hiredis) ? -GALLEY_EGARBLED : 0;
}

int redis_error_of(galley_str text)
{
    static const char *const not_ready[] = {
        "LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "ERR max number of clients",
    };
    for (size_t i = 0; i < sizeof not_ready / sizeof not_ready[0]; i++) {
        size_t len = strlen(not_ready[i]);
        if (text.len >= len && !memcmp(text.data, not_ready[i], len) &&
            (text.len == len || text.data[len] == ' '))
            return -GALLEY_ENOT_READY;
    }
    return -GALLEY_EREFUSED;
}
