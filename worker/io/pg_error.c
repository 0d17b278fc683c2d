/* pg_error.c - what PostgreSQL and libpq say, as errors of galley/error.h with a sentence.
 * Does:     map SQLSTATEs by a table, failures to connect by what libpq says of them; one line each.
 * Does not: log.
 * See:      PostgreSQL's documentation: error codes */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include <galley/error.h>

#include "worker/io/pg.h"

enum { TEXT_BYTES = 224, STATE_CHARS = 5 };

int pg_error_of_state(const char *state)
{
    /* The first that fits. */
    static const struct {
        const char *prefix;
        int error;
    } table[] = {
        {"23", GALLEY_ECONSTRAINT},
        {"40001", GALLEY_ECONFLICT},
        {"40P01", GALLEY_ECONFLICT},
        {"55P03", GALLEY_ECONFLICT}, /* a lock with nowait, or lock_timeout */
        {"57P01", GALLEY_ENOT_READY},
        {"57P02", GALLEY_ENOT_READY},
        {"57P03", GALLEY_ENOT_READY},
        {"53300", GALLEY_ENOT_READY},
        {"08", GALLEY_ELOST},
        {"57014", ETIMEDOUT},    /* statement_timeout */
        {"57P05", GALLEY_ELOST}, /* idle_session_timeout */
        {"25P03", GALLEY_ELOST}, /* idle_in_transaction_session_timeout */
    };
    for (size_t i = 0; state && i < sizeof table / sizeof table[0]; i++) {
        if (strncmp(state, table[i].prefix, strlen(table[i].prefix)) == 0)
            return -table[i].error;
    }
    return -GALLEY_EREFUSED;
}

/* The first line, which says it; libpq's guesses come after. */
static const char *first_line(char text[TEXT_BYTES], const char *message)
{
    size_t len = message ? strcspn(message, "\n") : 0;
    if (len >= TEXT_BYTES)
        len = TEXT_BYTES - 1;
    if (len > 0)
        memcpy(text, message, len);
    text[len] = '\0';
    return text;
}

int pg_fail_result(galley_async *co, const PGresult *result, const char *here)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    char text[TEXT_BYTES];
    if (primary == NULL) /* libpq's own */
        return coro_fail(co, GALLEY_ELOST, here, "%s",
                         first_line(text, PQresultErrorMessage(result)));
    return coro_fail(co, pg_error_of_state(state), here, "%s%s%s (SQLSTATE %s)", primary,
                     detail ? ": " : "", detail ?: "", state ?: "?");
}

static bool says(const char *message, const char *text)
{
    return message && strstr(message, text) != NULL;
}

/* libpq gave the connection up: the other side left, or it was not understood. */
static bool is_garbled(const char *message)
{
    static const char *const texts[] = {
        "lost synchronization",
        "message contents do not agree",
        "unexpected response",
        "insufficient data in",
        "extraneous data in",
        "invalid response to SSL",
        "expected authentication",
        "unexpected message",
        "unexpected field count",
        "protocol version",
        "invalid string in message",
        "arrived from server while idle",
        "unexpected character in",
        "received invalid",
        "protocol error",
        "authentication method",
        "unrecognized message type",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (says(message, texts[i]))
            return true;
    }
    return false;
}

int pg_fail_lost(galley_async *co, const struct pg_session *session, const char *here)
{
    char text[TEXT_BYTES];
    const char *message = PQerrorMessage(session->pg);
    return coro_fail(co, is_garbled(message) ? GALLEY_EGARBLED : GALLEY_ELOST, here, "%s: %s",
                     session->base.db->name, first_line(text, message));
}

/* The SQLSTATE in "FATAL:  57P03: the database system is starting up"; NULL. */
static const char *state_in(const char *message, char state[STATE_CHARS + 1])
{
    const char *at = message ? strstr(message, "FATAL:  ") : NULL;
    if (at == NULL || strlen(at) < 8 + STATE_CHARS || at[8 + STATE_CHARS] != ':')
        return NULL;
    memcpy(state, at + 8, STATE_CHARS);
    state[STATE_CHARS] = '\0';
    return state;
}

static int error_of_opening(const char *message)
{
    static const struct {
        int number, error;
    } system_errors[] = {{ECONNREFUSED, ECONNREFUSED}, {ENOENT, ECONNREFUSED},
                         {EHOSTUNREACH, EHOSTUNREACH}, {ENETUNREACH, EHOSTUNREACH},
                         {ETIMEDOUT, ETIMEDOUT},       {ECONNRESET, ECONNRESET},
                         {EAGAIN, ECONNREFUSED},       {EACCES, ECONNREFUSED}};
    char state[STATE_CHARS + 1];
    if (state_in(message, state))
        return pg_error_of_state(state);
    if (says(message, "SSL error: "))
        return GALLEY_ETLS;
    if (is_garbled(message))
        return GALLEY_EGARBLED;
    for (size_t i = 0; i < sizeof system_errors / sizeof system_errors[0]; i++) {
        if (says(message, strerrordesc_np(system_errors[i].number)))
            return system_errors[i].error;
    }
    if (says(message, "certificate") || says(message, "SSL"))
        return GALLEY_ETLS;
    return says(message, "closed the connection") ? GALLEY_ENOT_READY : GALLEY_EREFUSED;
}

int pg_fail_open(galley_async *co, const struct sql_db *db, const PGconn *pg, const char *here)
{
    char text[TEXT_BYTES];
    const char *message = PQerrorMessage(pg);
    /* "connection to server at ... failed: " says what our own words say */
    const char *reason = message ? strstr(message, "failed: ") : NULL;
    return coro_fail(co, error_of_opening(message), here, "cannot reach %s: %s", db->name,
                     first_line(text, reason ? reason + 8 : message));
}
