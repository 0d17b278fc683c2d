/* backtrace.c - walks a stack that belongs to code with frame pointers and code without.
 * Does:     one step at a time, from (ip, fp, lowest word not yet looked at) to its caller.
 * Does not: trust a word because it looks like an address. A return address stands behind a call; where that call names
 *           its target, the target must lie shortly before the place that was called. What older calls left on the stack
 *           fails that, as a rule; where a call went by a pointer, the walk may be wrong.
 * See:      backtrace.h */
#include "worker/coro/backtrace.h"

#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "worker/coro/sanitize.h"

enum {
    OURS_MAX = 8,
    TEXTS_MAX = 192,
    SCAN_BYTES = 64 << 10,  /* how far the caller of foreign code is looked for */
    BETTER_BYTES = 4 << 10, /* how far behind a likely caller a better one is looked for */
    FUNCTION_BYTES = 16384, /* how far behind its beginning a function may stand */
    WORD = sizeof(uintptr_t)
};

struct text {
    uintptr_t low, high;
    bool is_ours;
};

/* Walks run in signal handlers, which have no argument of ours. A new table is filled aside, then shown. */
static struct texts {
    struct text at[TEXTS_MAX];
    size_t count;
} tables[2];
static struct texts *_Atomic texts = &tables[0];
static const void *ours_known[OURS_MAX];
static size_t ours_count;

/* ---- code ---- */

static int note_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct texts *out = arg;
    bool is_ours = false;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + part->p_vaddr;
        for (size_t k = 0; part->p_type == PT_LOAD && k < ours_count; k++)
            is_ours |= (uintptr_t)ours_known[k] - low < part->p_memsz;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) && out->count < TEXTS_MAX)
            out->at[out->count++] = (struct text){low, low + part->p_memsz, is_ours};
    }
    return 0;
}

static void know(const void *address)
{
    for (size_t i = 0; i < ours_count; i++)
        if (ours_known[i] == address)
            return;
    if (ours_count < OURS_MAX)
        ours_known[ours_count++] = address;
}

void backtrace_know(const void *ours)
{
    struct texts *next = atomic_load(&texts) == &tables[0] ? &tables[1] : &tables[0];
    know(tables);
    if (ours != NULL)
        know(ours);
    next->count = 0;
    dl_iterate_phdr(note_object, next);
    atomic_store(&texts, next);
}

/* The code that `address` is in; NULL: in none that is known of. */
static const struct text *text_of(uintptr_t address)
{
    const struct texts *table = atomic_load_explicit(&texts, memory_order_acquire);
    for (size_t i = 0; i < table->count; i++)
        if (address - table->at[i].low < table->at[i].high - table->at[i].low)
            return &table->at[i];
    return NULL;
}

static bool is_ours_at(uintptr_t address)
{
    const struct text *text = text_of(address);
    return text != NULL && text->is_ours;
}

bool backtrace_is_ours(const void *address)
{
    return is_ours_at((uintptr_t)address);
}

/* ---- calls ---- */

/* What stands before a return address: no call; one whose target cannot be read off it; or its target. */
enum { NO_CALL = 0, CALL_ANYWHERE = 1 };

static __attribute__((no_sanitize("address", "thread"))) uintptr_t word_at(uintptr_t address)
{
    uintptr_t word = *(const volatile uintptr_t *)address;
    VALGRIND_MAKE_MEM_DEFINED(&word, sizeof word); /* much of a stack was never written to */
    return word;
}

#if defined(__x86_64__)
static int32_t distance_at(const uint8_t *code)
{
    int32_t distance;
    memcpy(&distance, code, sizeof distance);
    return distance;
}

/* A stub of the procedure linkage table jumps by a pointer: [endbr64] [bnd] jmp *pointer(%rip). Else the target itself. */
static __attribute__((no_sanitize("address"))) uintptr_t through_stub(uintptr_t target)
{
    const struct text *text = text_of(target);
    const uint8_t *code = (const uint8_t *)target;
    if (text == NULL || text->high - target < 16)
        return target;
    if (memcmp(code, "\xf3\x0f\x1e\xfa", 4) == 0)
        code += 4;
    if (*code == 0xf2)
        code++;
    if (code[0] != 0xff || code[1] != 0x25)
        return target;
    return word_at((uintptr_t)(code + 6) + (uintptr_t)(intptr_t)distance_at(code + 2));
}

static __attribute__((no_sanitize("address"))) uintptr_t called_before(const struct text *text,
                                                                       uintptr_t address)
{
    const uint8_t *code = (const uint8_t *)address;
    if (address - text->low < 8)
        return NO_CALL;
    if (code[-5] == 0xe8)
        return through_stub(address + (uintptr_t)(intptr_t)distance_at(code - 4));
    if (code[-6] == 0xff && code[-5] == 0x15)
        return word_at(address + (uintptr_t)(intptr_t)distance_at(code - 4));
    static const uint8_t lengths[] = {2, 3, 4, 6, 7}; /* call *register, call *memory */
    for (size_t i = 0; i < sizeof lengths; i++)
        if (code[-lengths[i]] == 0xff && (code[1 - lengths[i]] >> 3 & 7) == 2)
            return CALL_ANYWHERE;
    return NO_CALL;
}
#elif defined(__aarch64__)
static __attribute__((no_sanitize("address"))) uintptr_t called_before(const struct text *text,
                                                                       uintptr_t address)
{
    uint32_t code;
    if (address - text->low < 4 || address % 4 != 0)
        return NO_CALL;
    memcpy(&code, (const void *)(address - 4), sizeof code);
    if (code >> 26 == 0x25) { /* bl */
        int32_t distance = (int32_t)(code << 6) >> 4;
        return address - 4 + (uintptr_t)(intptr_t)distance;
    }
    return (code & 0xfffffc1f) == 0xd63f0000 ? CALL_ANYWHERE : NO_CALL; /* blr */
}
#else
static uintptr_t called_before(const struct text *text, uintptr_t address)
{
    (void)text, (void)address;
    return NO_CALL;
}
#endif

/* How badly `address` fits as the place of ours or of others that the function around `ip` returns to: 0 it is where
 * that was called; the distance to what was called there, in the same library; FAR some other call; MISFIT none at all. */
static const uintptr_t NEAR = 1, FAR = UINTPTR_MAX - 1, MISFIT = UINTPTR_MAX;

static uintptr_t misfit_of(uintptr_t address, uintptr_t ip)
{
    const struct text *text = text_of(address);
    uintptr_t target = text == NULL ? NO_CALL : called_before(text, address);
    if (target == NO_CALL)
        return MISFIT;
    if (ip - target < FUNCTION_BYTES && target != CALL_ANYWHERE)
        return 0;
    if (!text->is_ours)
        return MISFIT;
    if (target == CALL_ANYWHERE)
        return FAR;
    const struct text *called = text_of(target);
    if (called != NULL && called->is_ours)
        return MISFIT;
    if (called == NULL || called != text_of(ip))
        return FAR;
    return NEAR + (ip < target ? target - ip : ip - target);
}

/* Whether it is there, or may be: a call by a pointer names nothing. */
static bool returns_from(uintptr_t address, uintptr_t ip)
{
    const struct text *text = text_of(address);
    uintptr_t target = text == NULL ? NO_CALL : called_before(text, address);
    return target == CALL_ANYWHERE || (target != NO_CALL && ip - target < FUNCTION_BYTES);
}

/* ---- steps ---- */

struct walk {
    struct backtrace *trace;
    uintptr_t ip, fp;
    uintptr_t at, high; /* words below `at` are behind us */
};

static void found(struct walk *w, uintptr_t ip)
{
    w->ip = ip;
    w->trace->depth++;
    if (w->trace->count < BACKTRACE_SHOWN)
        w->trace->at[w->trace->count++] = (void *)ip;
}

/* A record {frame of the caller, return address} may be there. */
static bool is_room(const struct walk *w, uintptr_t fp)
{
    return fp >= w->at && fp % WORD == 0 && fp < w->high && w->high - fp >= 2 * WORD;
}

static bool is_record(const struct walk *w, uintptr_t fp)
{
    if (!is_room(w, fp))
        return false;
    uintptr_t back = word_at(fp + WORD);
    const struct text *text = text_of(back);
    return text != NULL && called_before(text, back) != NO_CALL;
}

/* The outermost function's: nobody called it. */
static bool is_end(const struct walk *w, uintptr_t fp)
{
    return is_room(w, fp) && word_at(fp) == 0 && word_at(fp + WORD) == 0;
}

/* In code that keeps frame pointers, with a register that has another use just now, or is not known: the first record of a
 * call of this very function; else the first of a call by a pointer. */
static bool find_record(struct walk *w)
{
    uintptr_t end = w->high - w->at > SCAN_BYTES ? w->at + SCAN_BYTES : w->high, least = MISFIT;
    for (uintptr_t p = w->at; p + 2 * WORD <= end && least > 0; p += WORD) {
        uintptr_t outer = word_at(p), back = word_at(p + WORD);
        if (back == 0 || !returns_from(back, w->ip))
            continue;
        /* A foreign caller may have used the register for anything. */
        bool is_linked = outer == 0 || !is_ours_at(back) ||
                         (outer > p && (is_record(w, outer) || is_end(w, outer)));
        uintptr_t misfit = misfit_of(back, w->ip) == 0 ? 0 : FAR;
        if (!is_linked || misfit >= least)
            continue;
        if (least == MISFIT && end - p > BETTER_BYTES)
            end = p + BETTER_BYTES;
        least = misfit;
        w->fp = p;
    }
    return least != MISFIT;
}

/* From code that keeps no frame pointers, to what it returns to: a call that has just this function as its target; else (it
 * was called by a pointer, or jumped to) the place of ours that called what is nearest to it. The frame of that function is
 * in the register still, or was saved on the way. */
static bool step_by_scan(struct walk *w)
{
    uintptr_t end = w->high - w->at > SCAN_BYTES ? w->at + SCAN_BYTES : w->high;
    uintptr_t saved = 0, next_at = 0, next_fp = 0, least = MISFIT;
    for (uintptr_t p = w->at; p + WORD <= end && least > 0; p += WORD) {
        uintptr_t word = word_at(p);
        if (word > p && word < w->high && is_record(w, word))
            saved = word;
        uintptr_t misfit = misfit_of(word, w->ip);
        if (misfit >= least)
            continue;
        if (least == MISFIT && end - p > BETTER_BYTES)
            end = p + BETTER_BYTES;
        least = misfit;
        next_at = p;
        next_fp = saved;
    }
    if (least == MISFIT)
        return false;
    w->at = next_at + WORD;
    if (!is_record(w, w->fp))
        w->fp = next_fp;
    found(w, word_at(next_at));
    return true;
}

static bool step(struct walk *w)
{
    if (!is_ours_at(w->ip))
        return step_by_scan(w);
    if (is_end(w, w->fp) || (!is_record(w, w->fp) && !find_record(w)))
        return false;
    uintptr_t fp = w->fp;
    w->at = fp + 2 * WORD;
    w->fp = word_at(fp);
    found(w, word_at(fp + WORD));
    return true;
}

/* The first step has a case of its own: at the very beginning of a function its record is not made yet. */
static bool first_step(struct walk *w, uintptr_t link)
{
    if (is_ours_at(w->ip) && is_record(w, w->fp) && returns_from(word_at(w->fp + WORD), w->ip))
        return step(w);
    uintptr_t back = link != 0 ? link : word_at(w->at);
    if (misfit_of(back, w->ip) != 0)
        return step(w);
    if (link == 0)
        w->at += WORD;
    found(w, back);
    return true;
}

void backtrace_take(struct backtrace *trace, const struct backtrace_from *from)
{
    struct walk w = {.trace = trace, .fp = from->fp, .high = from->high & ~(uintptr_t)(WORD - 1)};
    uintptr_t at = from->sp > from->low ? from->sp : from->low;
    trace->count = trace->depth = 0;
    w.at = (at + WORD - 1) & ~(uintptr_t)(WORD - 1);
    found(&w, from->ip);
    if (w.at >= w.high)
        return;
    bool is_on = first_step(&w, from->link);
    while (is_on && trace->depth < BACKTRACE_DEEP)
        is_on = step(&w);
}

void backtrace_own_stack(uintptr_t *low, uintptr_t *high)
{
    pthread_attr_t attr;
    void *at = NULL;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return;
    pthread_attr_getstack(&attr, &at, &bytes);
    pthread_attr_destroy(&attr);
    *low = (uintptr_t)at;
    *high = *low + bytes;
}

void backtrace_registers(struct backtrace_from *from, const ucontext_t *uc)
{
    from->link = 0;
#if defined(__x86_64__)
    from->ip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    from->sp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
    from->fp = (uintptr_t)uc->uc_mcontext.gregs[REG_RBP];
#elif defined(__aarch64__)
    from->ip = (uintptr_t)uc->uc_mcontext.pc;
    from->sp = (uintptr_t)uc->uc_mcontext.sp;
    from->fp = (uintptr_t)uc->uc_mcontext.regs[29];
    from->link = (uintptr_t)uc->uc_mcontext.regs[30];
#else
    (void)uc;
    from->ip = from->sp = from->fp = 0;
#endif
}
