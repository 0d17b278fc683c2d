/* 19-request-files.c - files that come with a form. */
#include <galley.h>

/* The content alone, in memory. */
GALLEY_STRUCT(bytes_in, (galley_bytes, file, FORM));
GALLEY_STRUCT(size, (int64_t, file_size));

static int measure(galley_async *co, const struct bytes_in *in, struct size *out)
{
    out->file_size = (int64_t)in->file.len;
    return 0;
}

/* An upload knows its name and type, and lies on disk from 1 MiB on. */
GALLEY_STRUCT(upload_in, (galley_upload, file, FORM));
GALLEY_STRUCT(uploaded,
    (galley_str, filename),
    (galley_str, content_type, NULLABLE),
    (int64_t,    lines));

static int count_lines(galley_async *co, const struct upload_in *in, struct uploaded *out)
{
    char piece[1024];
    ssize_t n;
    *out = (struct uploaded){.filename = in->file.filename, .content_type = in->file.content_type};
    for (uint64_t at = 0; (n = galley_upload_read(&in->file, at, piece, sizeof piece)) > 0;
         at += (uint64_t)n)
        for (ssize_t i = 0; i < n; i++)
            out->lines += piece[i] == '\n';
    return (int)n;
}

/* Several files, and an ordinary field beside them. */
GALLEY_STRUCT(album_in,
    (galley_str,         title, FORM, .min_length = 1),
    (galley_upload_list, files, FORM));
GALLEY_STRUCT(album, (galley_str, title), (galley_str_list, files));

static int create_album(galley_async *co, const struct album_in *in, struct album *out)
{
    galley_str *names = galley_alloc(co, in->files.count * sizeof *names);
    if (names == NULL)
        return galley_fail(co, 503, "no memory");
    for (size_t i = 0; i < in->files.count; i++)
        names[i] = in->files.at[i].filename;
    *out = (struct album){.title = in->title, .files = {names, in->files.count}};
    return 0;
}

GALLEY_APP(.title = "Request files",
           .routes = GALLEY_ROUTES(
               GALLEY_POST("/size", measure, bytes_in, size),
               GALLEY_POST("/lines", count_lines, upload_in, uploaded),
               GALLEY_POST("/albums", create_album, album_in, album)));
