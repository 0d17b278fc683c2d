/* symbols.h - the names of addresses in code.
 * Does:     ask the dynamic linker; for a static function, which it does not know, read the symbol table of the object's file,
 *           where there is one (an object that was not stripped).
 * Does not: allocate, cache, or read more than a few pages at a time. Not for signal handlers that must come back: the linker
 *           may hold a lock.
 * See:      t/unit/common/symbols.c */
#ifndef GALLEY_COMMON_SYMBOLS_H
#define GALLEY_COMMON_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYMBOL_NAME_BYTES = 128 };

struct symbol {
    char name[SYMBOL_NAME_BYTES]; /* of the function around it; "" if it is not known */
    const char *object;           /* its file's name without folders; the linker's memory */
    uintptr_t offset;             /* of the address in the object, as addr2line takes it */
};

/* False: in no object. For a return address ask about the byte before it. */
bool symbol_find(uintptr_t address, struct symbol *out);
/* "slow_report (shop.so+0x1234)" or "shop.so+0x1234", cut to size - 1 bytes. */
void symbol_write(const struct symbol *symbol, char *text, size_t size);

#endif
