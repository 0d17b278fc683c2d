/* docs_assets.h - files that are part of the program: scripts and styles of the documentation pages.
 * Does:     embed them, so that an installed galley needs none; a file that could not be had is empty.
 * Does not: serve them (docs.c).
 * See:      scripts/fetch-swagger-ui, pages/ */
#ifndef GALLEY_WORKER_APP_DOCS_ASSETS_H
#define GALLEY_WORKER_APP_DOCS_ASSETS_H

#include <galley/value.h>

enum docs_asset {
    DOCS_SWAGGER_SCRIPT, /* gzip; empty when swagger-ui-dist could not be fetched at build */
    DOCS_SWAGGER_STYLE,  /* gzip */
    DOCS_START_SCRIPT,
    DOCS_REFERENCE_SCRIPT,
    DOCS_REFERENCE_STYLE
};
galley_str docs_asset(enum docs_asset which);

/* Its version, "" without it. */
const char *docs_swagger_version(void);

#endif
