/* docs_assets.c - the files that the assembler takes in; see docs_assets.h.
 * Does:     give each its start and end. The Makefile says where the fetched ones are.
 * Does not: unpack what is compressed. */
#include "worker/app/docs_assets.h"

#ifndef GALLEY_SWAGGER_UI
#define GALLEY_SWAGGER_UI "build/swagger-ui"
#endif

#define EMBED(name, file)                                                                          \
    __asm__(                                                                                       \
        ".pushsection .rodata\n"                                                                   \
        ".hidden docs_" #name "\n.globl docs_" #name "\ndocs_" #name ":\n.incbin \"" file "\"\n"   \
        ".hidden docs_" #name "_end\n.globl docs_" #name "_end\ndocs_" #name "_end:\n.byte 0\n"    \
        ".popsection\n");                                                                          \
    extern const char docs_##name[] __attribute__((visibility("hidden")));                         \
    extern const char docs_##name##_end[] __attribute__((visibility("hidden")))

EMBED(swagger_script, GALLEY_SWAGGER_UI "/swagger-ui-bundle.js.gz");
EMBED(swagger_style, GALLEY_SWAGGER_UI "/swagger-ui.css.gz");
EMBED(swagger_release, GALLEY_SWAGGER_UI "/version");
EMBED(start_script, "worker/app/pages/start.js");
EMBED(reference_script, "worker/app/pages/reference.js");
EMBED(reference_style, "worker/app/pages/reference.css");

#define SLICE(name) ((galley_str){docs_##name, (size_t)(docs_##name##_end - docs_##name)})

galley_str docs_asset(enum docs_asset which)
{
    switch (which) {
    case DOCS_SWAGGER_SCRIPT:
        return SLICE(swagger_script);
    case DOCS_SWAGGER_STYLE:
        return SLICE(swagger_style);
    case DOCS_START_SCRIPT:
        return SLICE(start_script);
    case DOCS_REFERENCE_SCRIPT:
        return SLICE(reference_script);
    case DOCS_REFERENCE_STYLE:
        return SLICE(reference_style);
    }
    return (galley_str){0};
}

const char *docs_swagger_version(void)
{
    return docs_swagger_release;
}
