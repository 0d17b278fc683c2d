/* forms.c - a mailbox service: url-encoded forms, multipart forms and uploads.
 * The same service as in FastAPI: its recorded answers are t/oracle/cases/forms.jsonl, compared by t/75-oracle.t. */
#include <errno.h>
#include <stdio.h>

#include <openssl/evp.h>

#include <galley.h>
/* clang-format off */

GALLEY_ENUM(color, (RED, "red"), (BLUE, "blue"));

GALLEY_STRUCT(login_in, (galley_str, username, FORM), (galley_str, password, FORM, .min_length = 4));
GALLEY_STRUCT(login, (galley_str, username), (int64_t, length));
static int login(galley_async *co, const struct login_in *in, struct login *out)
{
    *out = (struct login){.username = in->username, .length = (int64_t)galley_str_length(in->password)};
    return 0;
}

GALLEY_STRUCT(survey_in,
    (galley_str,      name,      FORM, .min_length = 2, .max_length = 20),
    (int64_t,         age,       FORM, .ge = 0, .le = 150),
    (bool,            subscribe, FORM, DEFAULT(false)),
    (galley_str_list, tags,      FORM, DEFAULT([])),
    (double *,        score,     FORM, OPTIONAL, .gt = 0),
    (enum color,      color,     FORM, ENUM(color), DEFAULT("red")),
    (galley_str,      nick,      FORM, OPTIONAL, .alias = "nick-name"));
GALLEY_STRUCT(survey,
    (galley_str, name), (int64_t, age), (bool, subscribe), (galley_str_list, tags), (double *, score),
    (enum color, color, ENUM(color)), (galley_str, nick, NULLABLE));
static int survey(galley_async *co, const struct survey_in *in, struct survey *out)
{
    *out = (struct survey){.name = in->name, .age = in->age, .subscribe = in->subscribe, .tags = in->tags,
                           .score = in->score, .color = in->color, .nick = in->nick};
    return 0;
}

GALLEY_STRUCT(feedback, (MODEL, .extra = GALLEY_FORBID),
    (galley_str, text,  .min_length = 3),
    (int64_t,    stars, DEFAULT(3), .ge = 1, .le = 5));
GALLEY_STRUCT(feedback_in, (struct feedback, data, FORM, OBJECT(feedback)));
static int feedback(galley_async *co, const struct feedback_in *in, struct feedback *out)
{
    *out = in->data;
    return 0;
}

/* ---- uploads ---- */

GALLEY_STRUCT(stored, (galley_str, filename, NULLABLE), (galley_str, content_type, NULLABLE), (int64_t, size), (galley_str, md5));
static int store(galley_async *co, const galley_upload *file, struct stored *out)
{
    galley_bytes data;
    unsigned char md5[16];
    int rc = galley_upload_bytes(co, file, &data);
    if (rc < 0)
        return rc;
    char *hex = galley_alloc(co, 2 * sizeof md5 + 1);
    if (hex == NULL || !EVP_Q_digest(NULL, "MD5", NULL, data.data, data.len, md5, NULL))
        return -ENOMEM;
    for (size_t i = 0; i < sizeof md5; i++)
        snprintf(hex + 2 * i, 3, "%02x", md5[i]);
    *out = (struct stored){.filename = file->filename, .content_type = file->content_type,
                           .size = (int64_t)file->size, .md5 = {hex, 2 * sizeof md5}};
    return 0;
}

static int store_all(galley_async *co, galley_upload_list files, struct stored_list *out)
{
    *out = (struct stored_list){galley_alloc(co, files.count * sizeof *out->at), files.count};
    int rc = out->at != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < files.count; i++)
        rc = store(co, &files.at[i], &out->at[i]);
    return rc;
}

GALLEY_STRUCT(upload_in, (galley_upload, file, FORM));
static int upload(galley_async *co, const struct upload_in *in, struct stored *out)
{
    return store(co, &in->file, out);
}

GALLEY_STRUCT(size, (int64_t, size));
GALLEY_STRUCT(bytes_in, (galley_bytes, file, FORM));
static int upload_bytes(galley_async *co, const struct bytes_in *in, struct size *out)
{
    out->size = (int64_t)in->file.len;
    return 0;
}

GALLEY_STRUCT(optional_in, (galley_upload *, file, FORM, OPTIONAL));
GALLEY_ROOT(maybe_stored, (struct stored *, stored, OBJECT(stored)));
static int upload_optional(galley_async *co, const struct optional_in *in, struct maybe_stored *out)
{
    if (in->file == NULL)
        return 0;
    out->stored = galley_alloc(co, sizeof *out->stored);
    return out->stored != NULL ? store(co, in->file, out->stored) : -ENOMEM;
}

GALLEY_STRUCT(many_in, (galley_upload_list, files, FORM));
GALLEY_ROOT(all_stored, (struct stored_list, stored, LIST_OF(stored)));
static int upload_many(galley_async *co, const struct many_in *in, struct all_stored *out)
{
    return store_all(co, in->files, &out->stored);
}

GALLEY_STRUCT(letter_in,
    (galley_str,         to,          FORM, .min_length = 3),
    (galley_upload,      body,        FORM, .description = "The text of the letter"),
    (bool,               urgent,      FORM, DEFAULT(false)),
    (galley_int_list,    copies,      FORM, DEFAULT([])),
    (galley_upload_list, attachments, FORM, DEFAULT([])));
GALLEY_STRUCT(letter,
    (galley_str, to), (bool, urgent), (galley_int_list, copies), (struct stored, body, OBJECT(stored)),
    (struct stored_list, attachments, LIST_OF(stored)));
static int letter(galley_async *co, const struct letter_in *in, struct letter *out)
{
    *out = (struct letter){.to = in->to, .urgent = in->urgent, .copies = in->copies};
    int rc = store(co, &in->body, &out->body);
    return rc < 0 ? rc : store_all(co, in->attachments, &out->attachments);
}

GALLEY_APP(.title = "Mailbox", .version = "1.0.0",
    .routes = GALLEY_ROUTES(
        GALLEY_POST("/login", login, login_in, login),
        GALLEY_POST("/survey", survey, survey_in, survey),
        GALLEY_POST("/feedback", feedback, feedback_in, feedback,
                    .description = "The whole form is one struct; unknown fields are refused."),
        GALLEY_POST("/upload", upload, upload_in, stored),
        GALLEY_POST("/upload/bytes", upload_bytes, bytes_in, size),
        GALLEY_POST("/upload/optional", upload_optional, optional_in, maybe_stored),
        GALLEY_POST("/upload/many", upload_many, many_in, all_stored),
        GALLEY_POST("/letters", letter, letter_in, letter, .status = 201)));
