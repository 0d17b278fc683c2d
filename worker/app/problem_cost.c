/* problem_cost.c - the most bytes that telling a problem takes; see problem_cost.h.
 * Does:     add up its parts by the same tables that problems.c tells them from.
 * Does not: write them to see. */
#include "worker/app/problem_cost.h"

#include <string.h>

/* What one problem takes besides what is its own: keys and braces, its row of problem_kind.h, and numbers in the message
 * and in ctx. */
enum { ENTRY_BYTES = 56, CTX_BYTES = 80 };

static const unsigned char entry_bytes[PROBLEM_COUNT] = {
#define X(kind, type, message, ctx)                                                                \
    [PROBLEM_##kind] = ENTRY_BYTES + sizeof(type) + sizeof(message) +                              \
                       (sizeof(ctx) > 1 ? CTX_BYTES + sizeof(ctx) : 0),
    PROBLEM_KINDS(X)
#undef X
};

/* A float that is written out may grow from 4 bytes ("9e15") to 18. */
enum { EXPONENT_GROWTH_BYTES = 14, CONTROL_GROWTH_BYTES = 5 };

/* What telling the tags of a union takes, and the name of what they stand in. */
static size_t tag_bytes(const struct shape *shape)
{
    galley_str discriminator = {shape->discriminator, strlen(shape->discriminator)};
    size_t bytes = discriminator.len + 64;
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct member *tag = shape_find(shape->members[i].type.of, discriminator);
        if (tag == NULL || tag->type.literals == NULL)
            continue;
        for (const char *const *literal = tag->type.literals; *literal != NULL; literal++)
            bytes += strlen(*literal) + 4;
    }
    return bytes;
}

static size_t list_bytes(const struct problem *problem)
{
    size_t bytes = 0;
    if (problem->kind == PROBLEM_LITERAL)
        for (const char *const *literal = problem->type->literals; *literal != NULL; literal++)
            bytes += strlen(*literal) + 4;
    if (problem->kind == PROBLEM_ENUM)
        for (size_t i = 0; i < problem->type->choices->count; i++) {
            const char *name = problem->type->choices->choices[i].name;
            bytes += (name != NULL ? strlen(name) : 8) + 4;
        }
    if (problem->kind == PROBLEM_TAG_INVALID || problem->kind == PROBLEM_TAG_NOT_FOUND)
        bytes += tag_bytes(problem->type->of);
    return bytes;
}

/* The most that the input takes when it is shown. */
static size_t input_bytes(const struct problem *problem)
{
    size_t bytes = problem->input.len;
    if (problem->input_kind == INPUT_NULL)
        return 4;
    for (size_t i = 0; i < problem->input.len; i++) {
        unsigned char byte = (unsigned char)problem->input.data[i];
        if (problem->input_kind == INPUT_TEXT)
            bytes += byte < 0x20 ? CONTROL_GROWTH_BYTES : byte == '"' || byte == '\\';
        else if (byte == 'e' || byte == 'E')
            bytes += EXPONENT_GROWTH_BYTES;
    }
    return bytes;
}

static size_t loc_bytes(const struct loc *loc)
{
    size_t bytes = 0;
    for (; loc != NULL; loc = loc->parent)
        bytes += loc->key.data != NULL ? loc->key.len + 3 : 8;
    return bytes;
}

size_t problem_text_bytes(const struct problem *problem, const struct loc *loc)
{
    return entry_bytes[problem->kind] + input_bytes(problem) + loc_bytes(loc) +
           2 * problem->text.len + 2 * list_bytes(problem);
}
