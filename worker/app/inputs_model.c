/* inputs_model.c - a model that is filled from all that one place has; see inputs.h.
 * Does:     read its members as parameters; refuse what it does not know, if it forbids that; show all that was sent, as an
 *           object, where something is missing.
 * Does not: cost more than its members where nothing is wrong.
 * See:      inputs.c */
#include <errno.h>
#include <string.h>

#include "worker/app/input_slot.h"
#include "worker/http/text.h"

/* ---- what it does not know ---- */

/* What came and is no member: each name once, its entries chained in the order in which they came. */
struct extra {
    struct entry entry;
    struct extra *next_name, *next_entry, *last_entry, *next_in_bucket;
};
struct extras {
    struct extra *first, *last;
    size_t count;
    bool is_cut; /* there are more, but a third of the memory was enough */
};

static bool is_own(const struct reading *r, const struct slot_model *model, galley_str name)
{
    for (size_t i = model->first; i < model->end; i++) {
        const struct slot *slot = &r->inputs->slots[i];
        if (slot_is_named(model->in, name, slot->name) ||
            (model->in == GALLEY_IN_HEADER && slot_is_named(model->in, name, slot->member->name)))
            return true;
    }
    return false;
}

static size_t hash_of(galley_str name)
{
    size_t hash = 5381;
    for (size_t i = 0; i < name.len; i++)
        hash = hash * 33 ^ (unsigned char)name.data[i];
    return hash;
}

enum { BUCKETS = 256 };

/* Add an entry to its name's chain; `buckets` finds that. */
static void add_extra(struct extras *extras, struct extra **buckets, struct extra *extra)
{
    struct extra **bucket = &buckets[hash_of(extra->entry.name) % BUCKETS], *same = *bucket;
    while (same != NULL && !text_is_same(same->entry.name, extra->entry.name))
        same = same->next_in_bucket;
    if (same != NULL) {
        same->last_entry->next_entry = extra;
        same->last_entry = extra;
        return;
    }
    extra->last_entry = extra;
    extra->next_in_bucket = *bucket;
    *bucket = extra;
    if (extras->last != NULL)
        extras->last->next_name = extra;
    else
        extras->first = extra;
    extras->last = extra;
    extras->count++;
}

static int find_extras(const struct reading *r, const struct slot_model *model,
                       struct extras *extras)
{
    struct cursor cursor = {.in = model->in};
    struct extra **buckets = NULL;
    struct entry entry;
    int rc;
    *extras = (struct extras){0};
    size_t enough = arena_room(&r->req->arena) / 3 * 2;
    while ((rc = inputs_next(r, &cursor, &entry)) == 1) {
        if (is_own(r, model, entry.name))
            continue;
        struct extra *extra = arena_alloc(&r->req->arena, sizeof *extra);
        if (buckets == NULL) {
            buckets = arena_alloc(&r->req->arena, BUCKETS * sizeof(struct extra *));
            if (buckets != NULL)
                memset(buckets, 0, BUCKETS * sizeof(struct extra *));
        }
        extras->is_cut = extra == NULL || buckets == NULL || arena_room(&r->req->arena) < enough;
        r->req->arena.is_full |= extras->is_cut && extra != NULL && buckets != NULL;
        if (extras->is_cut)
            return extras->first != NULL ? 0 : -ENOMEM;
        *extra = (struct extra){.entry = entry};
        add_extra(extras, buckets, extra);
    }
    return rc;
}

/* ---- shown as an object ---- */

/* The value of a name that came once or more often. */
static int show_entries(const struct reading *r, const struct slot_model *model,
                        const struct extra *extra, struct json_out *json)
{
    if (model->in == GALLEY_IN_COOKIE) /* cookies are a dictionary: the last one is all there is */
        return inputs_show(r, model->in, &extra->last_entry->entry, json);
    bool is_list = extra->next_entry != NULL;
    if (is_list)
        json_literal(json, "[");
    int rc = 0;
    for (const struct extra *at = extra; at != NULL && rc == 0; at = at->next_entry) {
        if (at != extra)
            json_literal(json, ",");
        rc = inputs_show(r, model->in, &at->entry, json);
    }
    if (is_list)
        json_literal(json, "]");
    return rc;
}

int inputs_show_list(const struct reading *r, const struct slot *slot, struct json_out *json)
{
    struct cursor cursor = {.in = slot->in};
    struct entry entry;
    int rc;
    size_t count = 0;
    json_literal(json, "[");
    while ((rc = inputs_next_of(r, slot, &cursor, &entry)) == 1) {
        if (count++ > 0)
            json_literal(json, ",");
        if (inputs_show(r, slot->in, &entry, json) < 0)
            return -ENOMEM;
    }
    json_literal(json, "]");
    return rc;
}

static int show_slot(const struct reading *r, size_t index, struct json_out *json)
{
    const struct slot *slot = &r->inputs->slots[index];
    struct entry entry = {0};
    json_string(json, slot->member->name);
    json_literal(json, ":");
    if (slot->is_list)
        return inputs_show_list(r, slot, json);
    if (slot->in == GALLEY_IN_FORM)
        entry.field = r->sent[index - r->inputs->form_at];
    else
        entry.raw = r->raw[index];
    if (entry.field != NULL)
        entry.raw = entry.field->text;
    return inputs_show(r, slot->in, &entry, json);
}

/* All that was sent, as the object that the model would be made of: members first, then what it does not know. */
static int show_all(const struct reading *r, const struct slot_model *model,
                    const struct extras *extras, galley_str *shown)
{
    struct json_out json;
    bool is_first = true;
    int rc = 0;
    inputs_begin(r, &json);
    json_literal(&json, "{");
    for (size_t i = model->first; i < model->end && rc == 0; i++) {
        if (!inputs_has(r, i))
            continue;
        if (!is_first)
            json_literal(&json, ",");
        is_first = false;
        rc = show_slot(r, i, &json);
    }
    for (const struct extra *extra = extras->first; extra != NULL && rc == 0;
         extra = extra->next_name) {
        if (!is_first)
            json_literal(&json, ",");
        is_first = false;
        json_string(&json, extra->entry.name);
        json_literal(&json, ":");
        rc = show_entries(r, model, extra, &json);
    }
    json_literal(&json, "}");
    if (rc < 0) {
        json_out_release(&json);
        return rc;
    }
    return inputs_keep(r, &json, shown);
}

/* ---- read ---- */

static int complain_extra(struct reading *r, const struct slot_model *model,
                          const struct extra *extra)
{
    struct loc root = {NULL, problems_place(model->in), 0};
    struct loc loc = {&root, extra->entry.name, 0};
    struct problem problem = {.kind = PROBLEM_EXTRA_FORBIDDEN, .input_kind = INPUT_JSON};
    struct json_out json;
    inputs_begin(r, &json);
    int rc = show_entries(r, model, extra, &json);
    if (rc < 0)
        json_out_release(&json);
    else
        rc = inputs_keep(r, &json, &problem.input);
    if (rc == 0)
        problems_add(r->problems, &problem, &loc);
    return rc;
}

static bool misses_any(const struct reading *r, const struct slot_model *model)
{
    for (size_t i = model->first; i < model->end; i++)
        if (r->inputs->slots[i].member->is_required && !inputs_has(r, i))
            return true;
    return false;
}

/* Whether anything of the model's came, be it empty. */
static int is_supplied(const struct reading *r, const struct slot_model *model)
{
    struct cursor cursor = {.in = model->in};
    struct entry entry;
    int rc;
    while ((rc = inputs_next(r, &cursor, &entry)) == 1)
        if (model->shape->forbids_extra || is_own(r, model, entry.name))
            return 1;
    return rc;
}

/* Where the model's struct is to be made: 1 with `base`; 0 nothing of it came, and that is all right or was said. */
static int place_model(struct reading *r, const struct slot_model *model, char **base)
{
    const struct member *member = model->member;
    struct loc root = {NULL, problems_place(model->in), 0};
    const struct problem missing = {.kind = PROBLEM_MISSING};
    *base = r->in + member->offset;
    if (!member->is_pointer) {
        memcpy(*base, model->shape->absent, model->shape->bytes);
        return 1;
    }
    int rc = is_supplied(r, model);
    if (rc <= 0) {
        if (rc == 0 && member->is_required)
            problems_add(r->problems, &missing, &root);
        return rc;
    }
    char *made = arena_alloc(&r->req->arena, model->shape->bytes);
    if (made == NULL)
        return -ENOMEM;
    memcpy(made, model->shape->absent, model->shape->bytes);
    memcpy(*base, &made, sizeof made);
    *base = made;
    return 1;
}

/* Ask the checks of the member and of its model, which want to see the whole. */
static int check_model(struct reading *r, const struct slot_model *model, const char *base,
                       galley_str shown)
{
    struct loc root = {NULL, problems_place(model->in), 0};
    galley_check *const checks[] = {model->shape->check, model->member->check};
    struct extras extras;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        size_t count = r->problems->count;
        if (checks[i] == NULL)
            continue;
        if (shown.data == NULL) {
            int rc = find_extras(r, model, &extras);
            rc = rc < 0 ? rc : show_all(r, model, &extras, &shown);
            if (rc < 0)
                return rc;
        }
        inputs_check(r, checks[i], base, &root, INPUT_JSON, shown);
        if (r->problems->count > count)
            break;
    }
    return 0;
}

int inputs_read_model(struct reading *r, const struct slot_model *model)
{
    struct extras extras = {0};
    galley_str shown = {0};
    char *base;
    size_t problem_count = r->problems->count;
    int rc = place_model(r, model, &base);
    if (rc <= 0)
        return rc;
    bool is_incomplete = misses_any(r, model);
    rc = is_incomplete || model->shape->forbids_extra ? find_extras(r, model, &extras) : 0;
    if (rc == 0 && is_incomplete)
        rc = show_all(r, model, &extras, &shown);
    for (size_t i = model->first; i < model->end && rc == 0; i++)
        rc = inputs_read_slot(r, i, base, shown);
    if (model->shape->forbids_extra)
        for (const struct extra *extra = extras.first;
             extra != NULL && rc == 0 && !problems_has_ended(r->problems); extra = extra->next_name)
            rc = complain_extra(r, model, extra);
    if (rc == 0 && extras.is_cut)
        problems_end(r->problems);
    shape_mark_sent(r->inputs->shape, r->in, model->member->index);
    return rc == 0 && r->problems->count == problem_count ? check_model(r, model, base, shown) : rc;
}
