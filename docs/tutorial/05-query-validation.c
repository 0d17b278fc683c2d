/* 05-query-validation.c - limits of strings: lengths, patterns, names of their own, lists. */
#include <galley.h>

GALLEY_STRUCT(search_in,
    (galley_str, q, QUERY, OPTIONAL, .min_length = 3, .max_length = 50,
     .title = "Query string", .description = "What to look for."));
GALLEY_STRUCT(found, (galley_str, q, NULLABLE));

static int search(galley_async *co, const struct search_in *in, struct found *out)
{
    out->q = in->q;
    return 0;
}

GALLEY_STRUCT(code_in, (galley_str, code, QUERY, .pattern = "^[A-Z]{2}-[0-9]+$"));
GALLEY_STRUCT(code, (galley_str, code));

static int read_code(galley_async *co, const struct code_in *in, struct code *out)
{
    out->code = in->code;
    return 0;
}

/* A name that C cannot have; and one that still works, but should not be used any more. */
GALLEY_STRUCT(named_in,
    (galley_str, item_query, QUERY, OPTIONAL, .alias = "item-query"),
    (galley_str, q,          QUERY, OPTIONAL, .deprecated = true));
GALLEY_STRUCT(named, (galley_str, item_query, NULLABLE), (galley_str, q, NULLABLE));

static int read_named(galley_async *co, const struct named_in *in, struct named *out)
{
    *out = (struct named){.item_query = in->item_query, .q = in->q};
    return 0;
}

/* A list takes the parameter as often as it comes. */
GALLEY_STRUCT(tagged_in, (galley_str_list, tag, QUERY, DEFAULT(["new"]), .max_length = 3));
GALLEY_STRUCT(tagged, (galley_str_list, tags));

static int read_tagged(galley_async *co, const struct tagged_in *in, struct tagged *out)
{
    out->tags = in->tag;
    return 0;
}

/* What no limit can say is a function: NULL, or what is wrong. */
static const char *check_isbn(const void *value)
{
    const galley_str *text = value;
    return text->len == 10 || text->len == 13 ? NULL : "an ISBN has 10 or 13 characters";
}
GALLEY_STRUCT(book_in, (galley_str, isbn, QUERY, .check = check_isbn));
GALLEY_STRUCT(book, (galley_str, isbn));

static int read_book(galley_async *co, const struct book_in *in, struct book *out)
{
    out->isbn = in->isbn;
    return 0;
}

GALLEY_APP(.title = "Query validation",
           .routes = GALLEY_ROUTES(
               GALLEY_GET("/search", search, search_in, found),
               GALLEY_GET("/codes", read_code, code_in, code),
               GALLEY_GET("/named", read_named, named_in, named),
               GALLEY_GET("/tagged", read_tagged, tagged_in, tagged),
               GALLEY_GET("/books", read_book, book_in, book)));
