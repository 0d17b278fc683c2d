/* bodies.c - an order service: JSON request bodies, nested models, and what is left out of answers.
 * The same service as in FastAPI: its recorded answers are t/oracle/cases/bodies.jsonl, compared by t/75-oracle.t. */
#include <errno.h>

#include <galley.h>
/* clang-format off */

GALLEY_ENUM(color, (RED, "red"), (GREEN, "green"), (BLUE, "blue"));

GALLEY_STRUCT(address,
    (galley_str, street,   .min_length = 1),
    (galley_str, city),
    (galley_str, postcode, .pattern = "^[0-9]{5}$"),
    (galley_str, country,  DEFAULT("SE"), .min_length = 2, .max_length = 2));

GALLEY_STRUCT(contact, (MODEL, .extra = GALLEY_FORBID),
    (galley_str, name,  .min_length = 2, .max_length = 40),
    (galley_str, mail,  OPTIONAL),
    (galley_str, phone, OPTIONAL, .pattern = "^[+0-9 ]+$"));

GALLEY_STRUCT(line,
    (galley_str, sku,   .min_length = 3, .max_length = 12),
    (int64_t,    qty,   .ge = 1, .le = 1000),
    (double,     price, .gt = 0),
    (galley_str, note,  OPTIONAL),
    (enum color, color, ENUM(color), DEFAULT("red")));

GALLEY_STRUCT(order,
    (galley_uuid,      id),
    (galley_time,      placed_at),
    (galley_date *,    due,        OPTIONAL),
    (struct contact,   customer,   OBJECT(contact)),
    (struct address,   ship_to,    OBJECT(address)),
    (struct address *, bill_to,    OBJECT(address), OPTIONAL),
    (struct line_list, lines,      LIST_OF(line), .min_length = 1, .max_length = 4),
    (galley_str_list,  tags,       DEFAULT([])),
    (galley_int_map,   attributes, DEFAULT({})),
    (bool,             gift,       DEFAULT(false)),
    (double,           weight,     DEFAULT(0.0)));
GALLEY_STRUCT(order_in, (struct order, order, BODY(order)));
static int create_order(galley_async *co, const struct order_in *in, struct order *out)
{
    *out = in->order;
    return 0;
}

GALLEY_STRUCT(quote, (int64_t, count), (int64_t, pieces), (double, total));
GALLEY_STRUCT(quote_in, (struct line_list, lines, BODY(line), LIST));
static int quote(galley_async *co, const struct quote_in *in, struct quote *out)
{
    out->count = (int64_t)in->lines.count;
    for (const struct line *line = in->lines.at; line < in->lines.at + in->lines.count; line++) {
        out->pieces += line->qty;
        out->total += (double)line->qty * line->price;
    }
    return 0;
}

GALLEY_STRUCT(line_in, (struct line, line, BODY(line)));
static int echo_line(galley_async *co, const struct line_in *in, struct line *out)
{
    *out = in->line;
    return 0;
}

GALLEY_STRUCT(customer, (galley_str, name), (bool, vip, DEFAULT(false)));
GALLEY_STRUCT(placed,
    (int64_t, line_id), (struct line, line, OBJECT(line)), (struct customer, customer, OBJECT(customer)),
    (int64_t, priority), (bool, dry_run));
GALLEY_STRUCT(put_line_in,
    (int64_t,         line_id,  PATH, .ge = 1),
    (struct line,     line,     BODY(line)),
    (struct customer, customer, BODY(customer)),
    (int64_t,         priority, BODY(), .gt = 0, .lt = 10),
    (bool,            dry_run,  QUERY, DEFAULT(false)));
static int put_line(galley_async *co, const struct put_line_in *in, struct placed *out)
{
    *out = (struct placed){.line_id = in->line_id, .line = in->line, .customer = in->customer,
                           .priority = in->priority, .dry_run = in->dry_run};
    return 0;
}

GALLEY_STRUCT(embedded_in, (struct customer, customer, BODY(customer), EMBED));
static int embedded(galley_async *co, const struct embedded_in *in, struct customer *out)
{
    *out = in->customer;
    return 0;
}

GALLEY_STRUCT(level, (int64_t, level));
GALLEY_STRUCT(set_level_in, (int64_t, level, BODY(), .ge = 0));
static int set_level(galley_async *co, const struct set_level_in *in, struct level *out)
{
    out->level = in->level;
    return 0;
}

GALLEY_STRUCT(set_level_embedded_in, (int64_t, level, BODY(), EMBED));
static int set_level_embedded(galley_async *co, const struct set_level_embedded_in *in, struct level *out)
{
    out->level = in->level;
    return 0;
}

GALLEY_STRUCT(maybe_in, (struct customer *, customer, BODY(customer), OPTIONAL));
GALLEY_ROOT(maybe_customer, (struct customer *, customer, OBJECT(customer)));
static int maybe(galley_async *co, const struct maybe_in *in, struct maybe_customer *out)
{
    out->customer = in->customer;
    return 0;
}

GALLEY_STRUCT(counts_in, (galley_int_map, body, BODY()));
GALLEY_ROOT(counts, (galley_int_map, counts));
static int counts(galley_async *co, const struct counts_in *in, struct counts *out)
{
    out->counts = in->body;
    return 0;
}

GALLEY_STRUCT(numbers_in, (galley_float_list, numbers, BODY()));
GALLEY_ROOT(numbers, (galley_float_list, numbers));
static int number_list(galley_async *co, const struct numbers_in *in, struct numbers *out)
{
    out->numbers = in->numbers;
    return 0;
}

GALLEY_STRUCT(contact_in, (struct contact, c, BODY(contact)));
static int contact(galley_async *co, const struct contact_in *in, struct contact *out)
{
    *out = in->c;
    return 0;
}

GALLEY_STRUCT(scalars,
    (galley_sent, sent), (int64_t *, i, OPTIONAL), (double *, f, OPTIONAL), (bool *, b, OPTIONAL),
    (galley_str, s, OPTIONAL), (enum color *, e, ENUM(color), OPTIONAL));
GALLEY_STRUCT(scalars_in, (struct scalars, v, BODY(scalars)));
static int scalars(galley_async *co, const struct scalars_in *in, struct scalars *out)
{
    *out = in->v;
    return 0;
}

GALLEY_STRUCT(times, (galley_time *, at, OPTIONAL), (galley_date *, day, OPTIONAL), (galley_uuid *, id, OPTIONAL));
GALLEY_STRUCT(times_in, (struct times, v, BODY(times)));
static int times(galley_async *co, const struct times_in *in, struct times *out)
{
    *out = in->v;
    return 0;
}

GALLEY_STRUCT(limits,
    (int64_t,         gt,    DEFAULT(1), .gt = 0),
    (int64_t,         ge,    DEFAULT(1), .ge = 0),
    (double,          lt,    DEFAULT(1.0), .lt = 10),
    (double,          le,    DEFAULT(1.0), .le = 10.5),
    (int64_t,         step,  DEFAULT(5), .multiple_of = 5),
    (galley_str,      text,  DEFAULT("abc"), .min_length = 2, .max_length = 4),
    (galley_str,      code,  DEFAULT("ab"), .pattern = "^[a-z]+$"),
    (galley_int_list, items, DEFAULT([1]), .min_length = 1, .max_length = 3));
GALLEY_STRUCT(limits_in, (struct limits, v, BODY(limits)));
static int limits(galley_async *co, const struct limits_in *in, struct limits *out)
{
    *out = in->v;
    return 0;
}

GALLEY_STRUCT(node, (galley_str, name), (struct node_list, children, LIST_OF(node), DEFAULT([])));
GALLEY_STRUCT(nodes_in, (struct node, root, BODY(node)));
static int nodes(galley_async *co, const struct nodes_in *in, struct node *out)
{
    *out = in->root;
    return 0;
}

/* ---- profiles: what comes in is not what goes out ---- */

GALLEY_STRUCT(profile_in,
    (galley_str,      name),
    (galley_str,      password, .min_length = 6),
    (galley_str,      bio,      OPTIONAL),
    (int64_t *,       age,      OPTIONAL, .ge = 0, .le = 150),
    (galley_str_list, langs,    DEFAULT([])));
GALLEY_STRUCT(profile_out,
    (galley_str, name), (galley_str, bio, OPTIONAL), (int64_t *, age, OPTIONAL), (galley_str_list, langs, DEFAULT([])));
GALLEY_STRUCT(profile_patch,
    (galley_sent,     sent),
    (galley_str,      name,  OPTIONAL),
    (galley_str,      bio,   OPTIONAL),
    (int64_t *,       age,   OPTIONAL, .ge = 0, .le = 150),
    (galley_str_list, langs, OPTIONAL, NULLABLE));

static struct profile_out without_password(const struct profile_in *profile)
{
    return (struct profile_out){.name = profile->name, .bio = profile->bio, .age = profile->age, .langs = profile->langs};
}

static struct profile_out stored(void)
{
    static int64_t age = 36;
    static galley_str langs[] = {GALLEY_STR("en")};
    static const struct profile_in ada = {
        .name = GALLEY_STR("Ada"), .password = GALLEY_STR("secret1"), .age = &age, .langs = {langs, 1}};
    return without_password(&ada);
}

GALLEY_STRUCT(create_profile_in, (struct profile_in, profile, BODY(profile_in)));
static int create_profile(galley_async *co, const struct create_profile_in *in, struct profile_out *out)
{
    *out = without_password(&in->profile);
    return 0;
}

GALLEY_STRUCT(profile_id, (int64_t, pid, PATH));
static int get_profile(galley_async *co, const struct profile_id *in, struct profile_out *out)
{
    *out = stored();
    return 0;
}

static int get_profile_sparse(galley_async *co, const struct profile_id *in, struct profile_out *out)
{
    *out = stored();
    return 0;
}

GALLEY_STRUCT(put_profile_in, (int64_t, pid, PATH), (struct profile_in, profile, BODY(profile_in)));
static int put_profile(galley_async *co, const struct put_profile_in *in, struct profile_out *out)
{
    *out = without_password(&in->profile);
    return 0;
}

GALLEY_STRUCT(patch_in, (int64_t, pid, PATH), (struct profile_patch, patch, BODY(profile_patch)));
GALLEY_STRUCT(patched, (galley_str_list, sent), (struct profile_out, profile, OBJECT(profile_out)));
static int patch_profile(galley_async *co, const struct patch_in *in, struct patched *out)
{
    const struct profile_patch *patch = &in->patch;
    struct profile_out *profile = &out->profile;
    galley_str *sent = out->sent.at = galley_alloc(co, 4 * sizeof *sent);
    if (sent == NULL)
        return -ENOMEM;
    *profile = stored();
    if (galley_was_sent(profile_patch, patch, age)) {
        *sent++ = GALLEY_STR("age");
        profile->age = patch->age;
    }
    if (galley_was_sent(profile_patch, patch, bio)) {
        *sent++ = GALLEY_STR("bio");
        profile->bio = patch->bio;
    }
    if (galley_was_sent(profile_patch, patch, langs)) {
        *sent++ = GALLEY_STR("langs");
        profile->langs = patch->langs;
    }
    if (galley_was_sent(profile_patch, patch, name)) {
        *sent++ = GALLEY_STR("name");
        profile->name = patch->name.data != NULL ? patch->name : GALLEY_STR("");
    }
    out->sent.count = (size_t)(sent - out->sent.at);
    return 0;
}

static int echo_patch(galley_async *co, const struct patch_in *in, struct profile_patch *out)
{
    *out = in->patch;
    return 0;
}

static int delete_profile(galley_async *co, const struct profile_id *in, struct galley_none *out)
{
    return 0;
}

static int touch_profile(galley_async *co, const struct profile_id *in, struct level *out)
{
    galley_set_header(co, "X-Touched", galley_format(co, "%lld", (long long)in->pid).data);
    if (in->pid == 1)
        galley_set_status(co, 208);
    out->level = in->pid;
    return 0;
}

static int broken(galley_async *co, const struct galley_none *in, struct customer *out)
{
    out->vip = true; /* and no name */
    return 0;
}

GALLEY_APP(.title = "Orders", .version = "2.0.0",
    .routes = GALLEY_ROUTES(
        GALLEY_POST("/orders", create_order, order_in, order, .status = 201),
        GALLEY_POST("/quotes", quote, quote_in, quote, .description = "The whole body is a list."),
        GALLEY_POST("/lines", echo_line, line_in, line),
        GALLEY_PUT("/lines/{line_id}", put_line, put_line_in, placed,
                   .description = "Several body parameters: each becomes a key of one object."),
        GALLEY_POST("/embedded", embedded, embedded_in, customer),
        GALLEY_POST("/level", set_level, set_level_in, level, .description = "One number is the whole body."),
        GALLEY_POST("/level/embedded", set_level_embedded, set_level_embedded_in, level),
        GALLEY_POST("/maybe", maybe, maybe_in, maybe_customer),
        GALLEY_POST("/counts", counts, counts_in, counts),
        GALLEY_POST("/numbers", number_list, numbers_in, numbers),
        GALLEY_POST("/contacts", contact, contact_in, contact),
        GALLEY_POST("/scalars", scalars, scalars_in, scalars, .exclude_unset = true),
        GALLEY_POST("/times", times, times_in, times, .exclude_none = true),
        GALLEY_POST("/limits", limits, limits_in, limits, .exclude_defaults = true),
        GALLEY_POST("/nodes", nodes, nodes_in, node),
        GALLEY_POST("/profiles", create_profile, create_profile_in, profile_out, .status = 201,
                    .description = "The password is not in the answer: the response model has no such field."),
        GALLEY_GET("/profiles/{pid}", get_profile, profile_id, profile_out),
        GALLEY_GET("/profiles/{pid}/sparse", get_profile_sparse, profile_id, profile_out, .exclude_none = true),
        GALLEY_PUT("/profiles/{pid}", put_profile, put_profile_in, profile_out,
                   .description = "Replaces everything: fields that were not sent fall back to their defaults."),
        GALLEY_PATCH("/profiles/{pid}", patch_profile, patch_in, patched,
                     .description = "Only the fields that were sent change; an explicit null counts as sent."),
        GALLEY_PATCH("/profiles/{pid}/echo", echo_patch, patch_in, profile_patch, .exclude_unset = true),
        GALLEY_DELETE("/profiles/{pid}", delete_profile, profile_id, galley_none, .status = 204),
        GALLEY_POST("/profiles/{pid}/touch", touch_profile, profile_id, level, .status = 202),
        GALLEY_POST("/broken", broken, galley_none, customer,
                    .description = "The answer does not fit its model: a bug of the server, so 500.")));
