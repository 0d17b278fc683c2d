/* galley.h - everything an application needs: typed endpoints on a prefork server. See docs/ and examples/.
 * Does:     make errors of four warnings, from here to the end of the file that includes it, because a result of Galley
 *           that is dropped, or a handler's argument of the wrong color, is a bug each time. GALLEY_LENIENT, defined
 *           before, leaves them warnings. And silence -Wunused-parameter: Galley gives a handler its parameters, whether
 *           it needs them or not. */
#ifndef GALLEY_H
#define GALLEY_H

#include <galley/app.h>
#include <galley/channel.h>
#include <galley/error.h>
#include <galley/http.h>
#include <galley/json.h>
#include <galley/lock.h>
#include <galley/model.h>
#include <galley/output.h>
#include <galley/redis.h>
#include <galley/request.h>
#include <galley/sql.h>
#include <galley/value.h>
#include <galley/wait.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"
#ifndef GALLEY_LENIENT
#pragma GCC diagnostic error "-Wunused-result"
#pragma GCC diagnostic error "-Wincompatible-pointer-types"
#pragma GCC diagnostic error "-Wint-conversion"
#pragma GCC diagnostic error "-Wimplicit-function-declaration"
#endif

#endif
