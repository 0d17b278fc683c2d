/* response.c - ways to answer a request, for worker/app/ and for failures.
 * Does:     keep the order head, body, end; lift the request's deadline once the answer goes out (write_timeout holds then).
 * Does not: frame: struct transport does.
 * See:      response.h. */
#include "worker/http/response.h"

#include <string.h>
#include <strings.h>

#include "common/bug.h"
#include "worker/http/server.h"

static int begin(struct galley_request *req, galley_str type)
{
    GALLEY_BUG_IF(req->response != RESPONSE_NONE, "a second answer to one request");
    if (req->status == 0)
        req->status = 200;
    req->content_type = http_status_is_bodyless(req->status) ? (galley_str){NULL, 0} : type;
    req->response = RESPONSE_BEGUN;
    coro_set_deadline(req->co, INT64_MAX);
    return 0;
}

/* Remember that the client cannot be reached any more. */
static int sent(struct galley_request *req, int rc)
{
    if (rc < 0 && req->send_error == 0)
        req->send_error = rc;
    return rc;
}

static int end_if(struct galley_request *req, int rc)
{
    if (rc == 0)
        req->response = RESPONSE_ENDED;
    return sent(req, rc);
}

int response_send(struct galley_request *req, galley_str type, const void *body, size_t len)
{
    (void)begin(req, type);
    req->sent_bytes = len;
    return end_if(req, req->transport->send_head(req, len, body, len, true));
}

int response_begin(struct galley_request *req, galley_str type, uint64_t length)
{
    (void)begin(req, type);
    return sent(req, req->transport->send_head(req, length, NULL, 0, false));
}

int response_write(struct galley_request *req, const void *data, size_t len)
{
    GALLEY_BUG_IF(req->response != RESPONSE_BEGUN, "a body outside its answer");
    if (len == 0)
        return 0;
    req->sent_bytes += len;
    return sent(req, req->transport->send_body(req, data, len, false));
}

int response_end(struct galley_request *req)
{
    GALLEY_BUG_IF(req->response != RESPONSE_BEGUN, "the end of no answer");
    return end_if(req, req->transport->send_body(req, NULL, 0, true));
}

int response_send_file(struct galley_request *req, galley_str type, int fd, uint64_t len)
{
    (void)begin(req, type);
    req->sent_bytes = len;
    int rc = req->transport->send_head(req, len, NULL, 0, len == 0);
    if (rc == 0 && len > 0)
        rc = req->transport->send_file(req, fd, 0, (size_t)len);
    return end_if(req, rc);
}

/* ---- {"detail": ...} ---- */

/* The bytes that stand for `byte` inside a JSON string, into `out`; their count. */
static size_t escape(char *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (size_t i = 0; i + 1 < sizeof short_forms; i += 2) {
        if ((unsigned char)short_forms[i] == byte) {
            out[0] = '\\';
            out[1] = short_forms[i + 1];
            return 2;
        }
    }
    if (byte >= 0x20) {
        out[0] = (char)byte;
        return 1;
    }
    memcpy(out, "\\u00", 4);
    out[4] = hex[byte >> 4];
    out[5] = hex[byte & 15];
    return 6;
}

int response_send_detail(struct galley_request *req, int status, galley_str detail)
{
    static const char before[] = "{\"detail\":\"", after[] = "\"}";
    size_t room = sizeof before + sizeof after + detail.len * 6;
    char *body = arena_alloc(&req->arena, room);
    if (body == NULL)
        return -ENOMEM;
    size_t len = sizeof before - 1;
    memcpy(body, before, len);
    for (size_t i = 0; i < detail.len; i++)
        len += escape(body + len, (unsigned char)detail.data[i]);
    memcpy(body + len, after, sizeof after - 1);
    len += sizeof after - 1;
    req->status = status;
    return response_send(req, GALLEY_STR("application/json"), body, len);
}

/* ---- fields ---- */

int response_set_field(struct galley_request *req, galley_str name, galley_str value)
{
    struct http_out_field **at = &req->out_first;
    while (*at != NULL) {
        if ((*at)->name.len == name.len && memcmp((*at)->name.data, name.data, name.len) == 0)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
    struct http_out_field *field = arena_alloc(&req->arena, sizeof *field);
    if (field == NULL)
        return -ENOMEM;
    *field = (struct http_out_field){NULL, name, value};
    *at = field;
    req->out_last = field;
    return 0;
}
