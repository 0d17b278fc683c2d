/* symbols.c - names of addresses, from the dynamic linker and from ELF symbol tables.
 * Does:     believe a file only if it begins with the same bytes as the object in memory: one that was built anew since it was
 *           loaded has other symbols.
 * Does not: read DWARF: file and line are for addr2line and gdb.
 * See:      symbols.h */
#include "common/symbols.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    SECTIONS_MAX = 1024,
    SYMBOLS_MAX = 1 << 20,
    SYMBOLS_AT_ONCE = 128,
    SAME_BYTES = 1024 /* header, program headers, and the build's id as a rule */
};

static bool read_at(int fd, void *into, size_t size, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, into, size, (off_t)offset) == (ssize_t)size;
}

static bool is_same_object(int fd, const void *base)
{
    unsigned char bytes[SAME_BYTES];
    const ElfW(Ehdr) *header = base;
    size_t size = header->e_phoff + (size_t)header->e_phnum * sizeof(ElfW(Phdr));
    size = size + SAME_BYTES / 4 < SAME_BYTES ? size + SAME_BYTES / 4 : size;
    return size <= sizeof bytes && read_at(fd, bytes, size, 0) && memcmp(bytes, base, size) == 0 &&
           header->e_shentsize == sizeof(ElfW(Shdr)) && header->e_shnum <= SECTIONS_MAX;
}

/* The section of symbols, and that of their names. */
static bool find_sections(int fd, const ElfW(Ehdr) * header, ElfW(Shdr) * table, ElfW(Shdr) * names)
{
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (!read_at(fd, table, sizeof *table, header->e_shoff + i * sizeof *table))
            return false;
        if (table->sh_type != SHT_SYMTAB)
            continue;
        return table->sh_entsize == sizeof(ElfW(Sym)) &&
               table->sh_size / sizeof(ElfW(Sym)) <= SYMBOLS_MAX &&
               table->sh_link < header->e_shnum &&
               read_at(fd, names, sizeof *names, header->e_shoff + table->sh_link * sizeof *names);
    }
    return false;
}

/* The function around `offset`; false: none. */
static bool find_function(int fd, const ElfW(Shdr) * table, uintptr_t offset, ElfW(Sym) * found)
{
    ElfW(Sym) some[SYMBOLS_AT_ONCE];
    size_t count = table->sh_size / sizeof some[0];
    for (size_t first = 0; first < count; first += SYMBOLS_AT_ONCE) {
        size_t n = count - first < SYMBOLS_AT_ONCE ? count - first : SYMBOLS_AT_ONCE;
        if (!read_at(fd, some, n * sizeof some[0], table->sh_offset + first * sizeof some[0]))
            return false;
        for (size_t i = 0; i < n; i++) {
            *found = some[i];
            if ((found->st_info & 0xf) == STT_FUNC && found->st_shndx != SHN_UNDEF &&
                offset - found->st_value < found->st_size)
                return true;
        }
    }
    return false;
}

static void read_name(int fd, const ElfW(Shdr) * names, const ElfW(Sym) * symbol, char *name)
{
    if (symbol->st_name >= names->sh_size)
        return;
    size_t size = names->sh_size - symbol->st_name;
    if (size > SYMBOL_NAME_BYTES - 1)
        size = SYMBOL_NAME_BYTES - 1;
    bool is_read = read_at(fd, name, size, names->sh_offset + symbol->st_name);
    name[is_read ? size : 0] = '\0';
}

static void look_into_file(const char *path, const Dl_info *info, struct symbol *out)
{
    ElfW(Shdr) table, names;
    ElfW(Sym) symbol;
    const ElfW(Ehdr) *header = info->dli_fbase;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return;
    /* Of a program that is not position-independent, addresses are what the file says. */
    uintptr_t address =
        header->e_type == ET_EXEC ? (uintptr_t)info->dli_fbase + out->offset : out->offset;
    if (is_same_object(fd, header) && find_sections(fd, header, &table, &names) &&
        find_function(fd, &table, address, &symbol))
        read_name(fd, &names, &symbol, out->name);
    close(fd);
}

bool symbol_find(uintptr_t address, struct symbol *out)
{
    Dl_info info;
    struct link_map *map = NULL;
    out->name[0] = '\0';
    if (dladdr1((const void *)address, &info, (void **)&map, RTLD_DL_LINKMAP) == 0)
        return false;
    const char *path = map != NULL && map->l_name[0] == '\0' ? "/proc/self/exe" : info.dli_fname;
    const char *slash = strrchr(info.dli_fname, '/');
    out->object = slash != NULL ? slash + 1 : info.dli_fname;
    out->offset = address - (uintptr_t)info.dli_fbase;
    look_into_file(path, &info, out);
    if (out->name[0] == '\0' && info.dli_sname != NULL)
        snprintf(out->name, sizeof out->name, "%s", info.dli_sname);
    return true;
}

void symbol_write(const struct symbol *symbol, char *text, size_t size)
{
    bool has_name = symbol->name[0] != '\0';
    snprintf(text, size, "%s%s%s+0x%zx%s", symbol->name, has_name ? " (" : "", symbol->object,
             (size_t)symbol->offset, has_name ? ")" : "");
}
