/* rpc.c - one MessagePack-RPC call over the stats socket.
 * Does:     what rpc.h says, with plain blocking calls that have a time limit.
 * Does not: believe the server: its answer is checked and bounded like anybody's.
 * See:      rpc.h, docs/PROTOCOL.md, t/21-cli-rpc.t */
#include "cli/rpc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/json.h"
#include "common/config.h"

enum { CALL_ID = 1 };

static const struct rpc_option *find_option(const struct rpc_option *options, const char *name)
{
    while (options && options->name && strcmp(options->name, name) != 0)
        options++;
    return options && options->name ? options : NULL;
}

static int refuse_arg(const struct rpc *rpc, const struct arg *arg,
                      const struct rpc_option *options)
{
    const char *known[16] = {"stats", "config", "json", "help"};
    for (size_t i = 4; i < 15 && options && options->name; i++)
        known[i] = options++->name;
    return args_refuse(rpc->command, arg, known, false);
}

/* One argument. CLI_OK, CLI_USAGE; -1: help was printed. */
static int take_arg(struct rpc *rpc, struct args *args, const struct arg *arg, size_t max_words,
                    const struct rpc_option *options)
{
    const char **target = !strcmp(arg->name, "stats") ? &rpc->stats : &rpc->config;
    const struct rpc_option *option = find_option(options, arg->name);
    if (arg->kind == ARG_WORD) {
        if (rpc->word_count == max_words || rpc->word_count == RPC_MAX_WORDS)
            return refuse_arg(rpc, arg, options);
        rpc->words[rpc->word_count++] = arg->text;
        return CLI_OK;
    }
    if (!strcmp(arg->name, "help")) {
        cli_print_help(rpc->command);
        return -1;
    }
    if (!strcmp(arg->name, "json") && !arg->value) {
        rpc->json = true;
        return CLI_OK;
    }
    if (option) {
        char what[64]; /* without a value that is written behind it */
        snprintf(what, sizeof(what), "--%s", option->name);
        return args_number(rpc->command, args_value(args, arg), what, option->min, option->max,
                           option->value);
    }
    if (strcmp(arg->name, "stats") && strcmp(arg->name, "config"))
        return refuse_arg(rpc, arg, options);
    *target = args_value(args, arg);
    return *target ? CLI_OK : cli_usage(rpc->command, "%s needs a value", arg->text);
}

/* The socket's path: --stats, else $GALLEY_STATS, else the configuration's, else the default. */
static int find_path(struct rpc *rpc)
{
    struct settings settings;
    struct errmsg why = {0};
    const char *config = rpc->config ? rpc->config : getenv("GALLEY_CONFIG");
    const char *stats = rpc->stats ? rpc->stats : getenv("GALLEY_STATS");
    int error = settings_init(&settings);
    if (error)
        errmsg_set(&why, "no memory for the settings");
    if (!error && !stats && config && *config)
        error = config_read(&settings, config, &why);
    if (!error)
        error = settings_stats_path_to_ask(stats ? stats : settings.stats, rpc->path, &why);
    settings_release(&settings);
    return error < 0 ? cli_fail(CLI_FAILED, "%s", why.text) : CLI_OK;
}

/* Anybody may make a socket in /tmp: one that we chose ourselves must be ours or root's. */
static int check_owner(const struct rpc *rpc)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (strncmp(rpc->path, "/tmp/galley-", 12))
        return CLI_OK;
    if (getsockopt(rpc->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return cli_fail(CLI_FAILED, "cannot ask %s who it is: %s", rpc->path, strerror(errno));
    if (peer.uid && peer.uid != geteuid())
        return cli_fail(CLI_FAILED, "%s belongs to user %u, not to you; name yours with --stats",
                        rpc->path, (unsigned)peer.uid);
    return CLI_OK;
}

int rpc_connect(struct rpc *rpc)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int status = find_path(rpc);
    if (status)
        return status;
    size_t len = strlen(rpc->path);
    memcpy(address.sun_path, rpc->path, len);
    rpc->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (rpc->fd < 0)
        return cli_fail(CLI_FAILED, "cannot make a socket: %s", strerror(errno));
    if (!connect(rpc->fd, (struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
                             (len < sizeof(address.sun_path)))))
        return check_owner(rpc);
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
        return cli_fail(CLI_NOT_RUNNING, "no server answers at %s; start one with `galley run APP`",
                        rpc->path);
    if (errno == EACCES)
        return cli_fail(CLI_FAILED, "you may not ask the server at %s; try as root or as its user",
                        rpc->path);
    return cli_fail(CLI_FAILED, "cannot connect to %s: %s", rpc->path, strerror(errno));
}

int rpc_parse(struct rpc *rpc, const struct cli_command *command, int argc, char **argv,
              size_t max_words)
{
    return rpc_parse_with(rpc, command, argc, argv, max_words, NULL);
}

int rpc_parse_with(struct rpc *rpc, const struct cli_command *command, int argc, char **argv,
                   size_t max_words, const struct rpc_option *options)
{
    struct args args;
    struct arg arg;
    *rpc = (struct rpc){.command = command, .fd = -1};
    buf_init(&rpc->in, RPC_MAX_BYTES);
    args_init(&args, argc, argv);
    while (args_next(&args, &arg) != ARG_END) {
        int status = take_arg(rpc, &args, &arg, max_words, options);
        if (status)
            return status;
    }
    return CLI_OK;
}

int rpc_open(struct rpc *rpc, const struct cli_command *command, int argc, char **argv)
{
    int status = rpc_parse(rpc, command, argc, argv, 0);
    return status ? status : rpc_connect(rpc);
}

void rpc_close(struct rpc *rpc)
{
    if (rpc->fd >= 0)
        close(rpc->fd);
    rpc->fd = -1;
    buf_release(&rpc->in);
}

static int send_all(struct rpc *rpc, const struct buf *out)
{
    const char *at = buf_at(out), *end = at + buf_len(out);
    while (at < end) {
        ssize_t sent = send(rpc->fd, at, (size_t)(end - at), MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return -errno;
        at += sent > 0 ? sent : 0;
    }
    return 0;
}

/* One whole frame into rpc->in. Its length, -errno (-EAGAIN: it took too long; -EPIPE: closed). */
static ssize_t receive_frame(struct rpc *rpc)
{
    struct mp_scan scan = {0};
    for (;;) {
        ssize_t frame = buf_len(&rpc->in) ? mp_scan(&scan, buf_at(&rpc->in), buf_len(&rpc->in)) : 0;
        if (frame)
            return frame;
        int error = buf_reserve(&rpc->in, 4096);
        if (error < 0)
            return error;
        ssize_t len = recv(rpc->fd, rpc->in.data + rpc->in.end, 4096, 0);
        if (len == 0)
            return -EPIPE;
        if (len < 0 && errno != EINTR)
            return -errno;
        rpc->in.end += len > 0 ? (size_t)len : 0;
    }
}

int rpc_strange(const struct rpc *rpc)
{
    return cli_fail(CLI_FAILED, "what answers at %s does not speak Galley's protocol", rpc->path);
}

static int report_error(const struct rpc *rpc, struct mp_reader error)
{
    char text[1024];
    struct mp_reader copy = error;
    struct mp_value message = rpc_get(error, "message");
    if (rpc->json) {
        fputs("{\"error\":", stdout);
        if (json_print(&copy) < 0)
            return rpc_strange(rpc);
        puts("}");
    }
    return cli_fail(CLI_FAILED, "%s", rpc_text(&message, text, sizeof(text)));
}

/* The answer [1, id, error, result] in rpc->in. */
static int read_answer(struct rpc *rpc, size_t len)
{
    struct mp_reader reader, error;
    struct mp_value value;
    mp_reader_init(&reader, buf_at(&rpc->in), len);
    if (mp_get_type(&reader, MP_ARRAY, &value) < 0 || value.len != 4 ||
        mp_get_type(&reader, MP_UINT, &value) < 0 || value.uint != 1 ||
        mp_get_type(&reader, MP_UINT, &value) < 0 || value.uint != CALL_ID)
        return rpc_strange(rpc);
    error = reader;
    if (mp_get(&reader, &value) < 0)
        return rpc_strange(rpc);
    if (value.type != MP_NIL)
        return report_error(rpc, error);
    rpc->result = reader;
    return CLI_OK;
}

/* No frame came, for this reason: say so. CLI_FAILED. */
static int report_failure(const struct rpc *rpc, ssize_t error, int wait_s)
{
    if (error == -EAGAIN)
        return cli_fail(CLI_FAILED, "the server at %s did not answer within %d s", rpc->path,
                        wait_s);
    if (error == -EPIPE || error == -ECONNRESET)
        return cli_fail(CLI_FAILED, "the server at %s closed the connection", rpc->path);
    if (error == -EBADMSG || error == -EMSGSIZE)
        return rpc_strange(rpc);
    return cli_fail(CLI_FAILED, "cannot ask %s: %s", rpc->path, strerror((int)-error));
}

static int set_limit(const struct rpc *rpc, int wait_s)
{
    struct timeval limit = {.tv_sec = wait_s};
    return setsockopt(rpc->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ? -errno : 0;
}

int rpc_call(struct rpc *rpc, const char *method, const struct buf *params, int wait_s)
{
    struct buf out;
    struct mp_writer writer;
    buf_init(&out, 4096);
    mp_writer_init(&writer, &out);
    mp_put_array(&writer, 4);
    mp_put_uint(&writer, 0);
    mp_put_uint(&writer, CALL_ID);
    mp_put_str(&writer, method);
    mp_put_array(&writer, params ? 1 : 0);
    ssize_t len = writer.error;
    if (!len && params)
        len = buf_append(&out, buf_at(params), buf_len(params));
    if (!len)
        len = set_limit(rpc, wait_s);
    if (!len)
        len = send_all(rpc, &out);
    buf_release(&out);
    buf_clear(&rpc->in);
    if (!len)
        len = receive_frame(rpc);
    if (len <= 0)
        return report_failure(rpc, len, wait_s);
    rpc->taken = (size_t)len;
    return read_answer(rpc, (size_t)len);
}

int rpc_next(struct rpc *rpc, const char *method, int wait_s)
{
    struct mp_reader reader;
    struct mp_value value;
    buf_consume(&rpc->in, rpc->taken);
    rpc->taken = 0;
    ssize_t len = set_limit(rpc, wait_s);
    if (!len)
        len = receive_frame(rpc);
    if (len <= 0)
        return report_failure(rpc, len, wait_s);
    rpc->taken = (size_t)len;
    mp_reader_init(&reader, buf_at(&rpc->in), (size_t)len);
    if (mp_get_type(&reader, MP_ARRAY, &value) < 0 || value.len != 3 ||
        mp_get_type(&reader, MP_UINT, &value) < 0 || value.uint != 2 ||
        mp_get_type(&reader, MP_STR, &value) < 0 || !mp_str_is(&value, method) ||
        mp_get_type(&reader, MP_ARRAY, &value) < 0 || value.len != 1)
        return rpc_strange(rpc);
    rpc->result = reader;
    return CLI_OK;
}

int rpc_call_with(struct rpc *rpc, const char *method, const char *name, uint64_t number,
                  const char *text, int wait_s)
{
    struct buf params;
    struct mp_writer writer;
    buf_init(&params, 4096);
    mp_writer_init(&writer, &params);
    mp_put_map(&writer, 1);
    mp_put_str(&writer, name);
    if (text)
        mp_put_str(&writer, text);
    else
        mp_put_uint(&writer, number);
    int status = writer.error ? cli_fail(CLI_FAILED, "the argument is too long")
                              : rpc_call(rpc, method, &params, wait_s);
    buf_release(&params);
    return status;
}

void rpc_wait_closed(struct rpc *rpc)
{
    char bytes[512];
    struct timeval forever = {0};
    setsockopt(rpc->fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
    ssize_t len;
    do {
        len = recv(rpc->fd, bytes, sizeof(bytes), 0);
    } while (len > 0 || (len < 0 && errno == EINTR));
}

int rpc_print_json(struct rpc *rpc)
{
    struct mp_reader result = rpc->result;
    if (json_print(&result) < 0)
        return rpc_strange(rpc);
    putchar('\n');
    return CLI_OK;
}

bool rpc_find(struct mp_reader map, const char *key, struct mp_reader *value)
{
    struct mp_value head, name;
    if (mp_get_type(&map, MP_MAP, &head) < 0)
        return false;
    for (size_t i = 0; i < head.len; i++) {
        if (mp_get_type(&map, MP_STR, &name) < 0)
            return false;
        *value = map;
        if (mp_str_is(&name, key))
            return true;
        if (mp_skip(&map) < 0)
            return false;
    }
    return false;
}

struct mp_value rpc_get(struct mp_reader map, const char *key)
{
    struct mp_reader at;
    struct mp_value value = {.type = MP_NIL};
    if (rpc_find(map, key, &at) && mp_get(&at, &value) < 0)
        value = (struct mp_value){.type = MP_NIL};
    return value;
}

const char *rpc_text(const struct mp_value *value, char *out, size_t size)
{
    switch (value->type) {
    case MP_BOOL:
        snprintf(out, size, "%s", value->boolean ? "yes" : "no");
        break;
    case MP_UINT:
        snprintf(out, size, "%" PRIu64, value->uint);
        break;
    case MP_INT:
        snprintf(out, size, "%" PRId64, value->integer);
        break;
    case MP_FLOAT:
        snprintf(out, size, "%.6g", value->number);
        break;
    case MP_STR:
        snprintf(out, size, "%.*s", (int)(value->len < size ? value->len : size), value->data);
        for (char *at = out; *at; at++)
            if ((unsigned char)*at < 0x20 || *at == 0x7F)
                *at = '?';
        break;
    case MP_NIL:
    case MP_BIN:
    case MP_ARRAY:
    case MP_MAP:
        snprintf(out, size, "-");
        break;
    }
    return out;
}

int rpc_decision(const struct cli_command *command, int argc, char **argv, const char *method,
                 const char *key, const char *done)
{
    enum { WAIT_S = 3600 }; /* start_timeout ends it long before */
    struct rpc rpc;
    char text[600];
    int status = rpc_open(&rpc, command, argc, argv);
    if (!status)
        status = rpc_call(&rpc, method, NULL, WAIT_S);
    if (!status) {
        struct mp_value ok = rpc_get(rpc.result, "ok"), message = rpc_get(rpc.result, "message");
        struct mp_value number = rpc_get(rpc.result, key);
        bool failed = ok.type == MP_BOOL && !ok.boolean;
        if (rpc.json)
            status = rpc_print_json(&rpc);
        else if (!failed && number.type == MP_UINT)
            printf("%s: %s %s serves\n", done, key, rpc_text(&number, text, sizeof(text)));
        else if (!failed)
            puts(done);
        if (failed)
            status = cli_fail(CLI_FAILED, "%s", rpc_text(&message, text, sizeof(text)));
    }
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}
