/* each.h - GALLEY__EACH(m, t, (a, ...), (b, ...)): m(t, (a, ...)) m(t, (b, ...)), for up to 64 tuples.
 * Does:     walk a list of parenthesised tuples at compile time (the __VA_OPT__ rescan technique).
 * Does not: mean anything to applications; model.h is built on it. */
#ifndef GALLEY_EACH_H
#define GALLEY_EACH_H

#define GALLEY__PARENS      ()
#define GALLEY__EXPAND(...) GALLEY__E4(GALLEY__E4(GALLEY__E4(GALLEY__E4(__VA_ARGS__))))
#define GALLEY__E4(...)     GALLEY__E3(GALLEY__E3(GALLEY__E3(GALLEY__E3(__VA_ARGS__))))
#define GALLEY__E3(...)     GALLEY__E2(GALLEY__E2(GALLEY__E2(GALLEY__E2(__VA_ARGS__))))
#define GALLEY__E2(...)     GALLEY__E1(GALLEY__E1(__VA_ARGS__))
#define GALLEY__E1(...)     __VA_ARGS__

#define GALLEY__EACH(m, t, ...) __VA_OPT__(GALLEY__EXPAND(GALLEY__NEXT(m, t, __VA_ARGS__)))
#define GALLEY__NEXT(m, t, a, ...)                                                                 \
    m(t, a) __VA_OPT__(GALLEY__AGAIN GALLEY__PARENS(m, t, __VA_ARGS__))
#define GALLEY__AGAIN() GALLEY__NEXT

#define GALLEY__UNWRAP(...) __VA_ARGS__

#endif
