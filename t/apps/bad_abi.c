/* bad_abi.c - for the tests: an application built for another Galley. */
#include <galley.h>

GALLEY_API const struct galley_app galley_app = {.abi = 99, .title = "Shop"};
