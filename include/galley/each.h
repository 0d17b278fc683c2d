/* each.h - GALLEY__EACH(m, t, (a, ...), (b, ...)): m(t, (a, ...)) m(t, (b, ...)), for up to 64 tuples.
 * Does:     walk a list of parenthesised tuples at compile time, eight at a time, so that a mistake in one is told in few
 *           lines and on the user's.
 * Does not: mean anything to applications; model.h is built on it. */
#ifndef GALLEY_EACH_H
#define GALLEY_EACH_H

/* clang-format off */
#define GALLEY__UNWRAP(...)  __VA_ARGS__
#define GALLEY__EACH(m, t, ...) __VA_OPT__(GALLEY__EACH_N(GALLEY__COUNT(__VA_ARGS__), m, t, __VA_ARGS__))
#define GALLEY__EACH_N(n, ...)  GALLEY__EACH_N_(n, __VA_ARGS__)
#define GALLEY__EACH_N_(n, ...) GALLEY__EACH_##n(__VA_ARGS__)

#define GALLEY__COUNT(...) GALLEY__COUNT_(__VA_ARGS__, \
    64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, \
    37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, \
    10, 9, 8, 7, 6, 5, 4, 3, 2, 1, )
#define GALLEY__COUNT_( \
    a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, \
    a24, a25, a26, a27, a28, a29, a30, a31, a32, a33, a34, a35, a36, a37, a38, a39, a40, a41, a42, a43, a44, a45, \
    a46, a47, a48, a49, a50, a51, a52, a53, a54, a55, a56, a57, a58, a59, a60, a61, a62, a63, a64, n, ...) n

#define GALLEY__EACH_1(m, t, a) m(t, a)
#define GALLEY__EACH_2(m, t, a, b) m(t, a) m(t, b)
#define GALLEY__EACH_3(m, t, a, b, c) m(t, a) m(t, b) m(t, c)
#define GALLEY__EACH_4(m, t, a, b, c, d) m(t, a) m(t, b) m(t, c) m(t, d)
#define GALLEY__EACH_5(m, t, a, b, c, d, e) m(t, a) m(t, b) m(t, c) m(t, d) m(t, e)
#define GALLEY__EACH_6(m, t, a, b, c, d, e, f) m(t, a) m(t, b) m(t, c) m(t, d) m(t, e) m(t, f)
#define GALLEY__EACH_7(m, t, a, b, c, d, e, f, g) m(t, a) m(t, b) m(t, c) m(t, d) m(t, e) m(t, f) m(t, g)
#define GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) m(t, a) m(t, b) m(t, c) m(t, d) m(t, e) m(t, f) m(t, g) m(t, h)
#define GALLEY__EACH_9(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_1(m, t, __VA_ARGS__)
#define GALLEY__EACH_10(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_2(m, t, __VA_ARGS__)
#define GALLEY__EACH_11(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_3(m, t, __VA_ARGS__)
#define GALLEY__EACH_12(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_4(m, t, __VA_ARGS__)
#define GALLEY__EACH_13(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_5(m, t, __VA_ARGS__)
#define GALLEY__EACH_14(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_6(m, t, __VA_ARGS__)
#define GALLEY__EACH_15(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_7(m, t, __VA_ARGS__)
#define GALLEY__EACH_16(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_8(m, t, __VA_ARGS__)
#define GALLEY__EACH_17(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_9(m, t, __VA_ARGS__)
#define GALLEY__EACH_18(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_10(m, t, __VA_ARGS__)
#define GALLEY__EACH_19(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_11(m, t, __VA_ARGS__)
#define GALLEY__EACH_20(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_12(m, t, __VA_ARGS__)
#define GALLEY__EACH_21(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_13(m, t, __VA_ARGS__)
#define GALLEY__EACH_22(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_14(m, t, __VA_ARGS__)
#define GALLEY__EACH_23(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_15(m, t, __VA_ARGS__)
#define GALLEY__EACH_24(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_16(m, t, __VA_ARGS__)
#define GALLEY__EACH_25(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_17(m, t, __VA_ARGS__)
#define GALLEY__EACH_26(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_18(m, t, __VA_ARGS__)
#define GALLEY__EACH_27(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_19(m, t, __VA_ARGS__)
#define GALLEY__EACH_28(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_20(m, t, __VA_ARGS__)
#define GALLEY__EACH_29(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_21(m, t, __VA_ARGS__)
#define GALLEY__EACH_30(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_22(m, t, __VA_ARGS__)
#define GALLEY__EACH_31(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_23(m, t, __VA_ARGS__)
#define GALLEY__EACH_32(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_24(m, t, __VA_ARGS__)
#define GALLEY__EACH_33(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_25(m, t, __VA_ARGS__)
#define GALLEY__EACH_34(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_26(m, t, __VA_ARGS__)
#define GALLEY__EACH_35(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_27(m, t, __VA_ARGS__)
#define GALLEY__EACH_36(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_28(m, t, __VA_ARGS__)
#define GALLEY__EACH_37(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_29(m, t, __VA_ARGS__)
#define GALLEY__EACH_38(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_30(m, t, __VA_ARGS__)
#define GALLEY__EACH_39(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_31(m, t, __VA_ARGS__)
#define GALLEY__EACH_40(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_32(m, t, __VA_ARGS__)
#define GALLEY__EACH_41(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_33(m, t, __VA_ARGS__)
#define GALLEY__EACH_42(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_34(m, t, __VA_ARGS__)
#define GALLEY__EACH_43(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_35(m, t, __VA_ARGS__)
#define GALLEY__EACH_44(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_36(m, t, __VA_ARGS__)
#define GALLEY__EACH_45(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_37(m, t, __VA_ARGS__)
#define GALLEY__EACH_46(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_38(m, t, __VA_ARGS__)
#define GALLEY__EACH_47(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_39(m, t, __VA_ARGS__)
#define GALLEY__EACH_48(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_40(m, t, __VA_ARGS__)
#define GALLEY__EACH_49(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_41(m, t, __VA_ARGS__)
#define GALLEY__EACH_50(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_42(m, t, __VA_ARGS__)
#define GALLEY__EACH_51(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_43(m, t, __VA_ARGS__)
#define GALLEY__EACH_52(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_44(m, t, __VA_ARGS__)
#define GALLEY__EACH_53(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_45(m, t, __VA_ARGS__)
#define GALLEY__EACH_54(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_46(m, t, __VA_ARGS__)
#define GALLEY__EACH_55(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_47(m, t, __VA_ARGS__)
#define GALLEY__EACH_56(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_48(m, t, __VA_ARGS__)
#define GALLEY__EACH_57(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_49(m, t, __VA_ARGS__)
#define GALLEY__EACH_58(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_50(m, t, __VA_ARGS__)
#define GALLEY__EACH_59(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_51(m, t, __VA_ARGS__)
#define GALLEY__EACH_60(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_52(m, t, __VA_ARGS__)
#define GALLEY__EACH_61(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_53(m, t, __VA_ARGS__)
#define GALLEY__EACH_62(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_54(m, t, __VA_ARGS__)
#define GALLEY__EACH_63(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_55(m, t, __VA_ARGS__)
#define GALLEY__EACH_64(m, t, a, b, c, d, e, f, g, h, ...) GALLEY__EACH_8(m, t, a, b, c, d, e, f, g, h) GALLEY__EACH_56(m, t, __VA_ARGS__)
/* clang-format on */

#endif
