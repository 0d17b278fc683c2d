/* sent.c - galley_was_sent and galley_mark_sent: which members a request has named; see galley/model.h.
 * Does:     find a member's bit in its struct's galley_sent.
 * Does not: set bits while JSON is read (json_read.c does, by shape_mark_sent). */
#include <galley/model.h>

/* The struct's galley_sent, and the bit of the member at `offset` in it; NULL without one or the other. */
static galley_sent *find_sent(const struct galley_model *model, void *value, size_t offset,
                              unsigned *bit)
{
    galley_sent *sent = NULL;
    bool is_known = false;
    for (size_t i = 0; i < model->field_count; i++) {
        const struct galley_field *field = &model->fields[i];
        if (field->kind == GALLEY_SENT)
            sent = (galley_sent *)(void *)((char *)value + field->offset);
        else if (field->offset == offset && !field->internal) {
            *bit = (unsigned)i;
            is_known = true;
        }
    }
    return is_known ? sent : NULL;
}

bool galley__was_sent(const struct galley_model *model, const void *value, size_t offset)
{
    unsigned bit = 0;
    const galley_sent *sent = find_sent(model, (void *)(uintptr_t)value, offset, &bit);
    return sent != NULL && (sent->bits >> bit & 1);
}

void galley__mark_sent(const struct galley_model *model, void *value, size_t offset)
{
    unsigned bit = 0;
    galley_sent *sent = find_sent(model, value, offset, &bit);
    if (sent != NULL)
        sent->bits |= UINT64_C(1) << bit;
}
