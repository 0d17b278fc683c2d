/* galley.h - everything an application needs: typed endpoints on a prefork server. See docs/ and examples/. */
#ifndef GALLEY_H
#define GALLEY_H

#include <galley/app.h>
#include <galley/model.h>
#include <galley/output.h>
#include <galley/request.h>
#include <galley/value.h>
#include <galley/wait.h>

#endif
