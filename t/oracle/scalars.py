#!/usr/bin/env python3
# scalars.py - asks Pydantic what becomes of scalar values, and prints the rows of t/unit/worker/app/scalar.def.
# Does:     every kind with inputs chosen by hand, and (with --random N SEED) N made at random for comparing at large.
# Does not: invent answers, but for the deviations that stand in deviate().
# Usage:    python3 t/oracle/scalars.py > t/unit/worker/app/scalar.def       (needs pydantic 2.14)
#           python3 t/oracle/scalars.py --patterns > t/unit/worker/app/pattern.def
import base64
import datetime as dt
import enum
import json
import math
import random
import sys
import uuid
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError


class Color(str, enum.Enum):
    RED = "red"
    ITS = "it's"
    ODD = "é\n\\"


class Size(enum.IntEnum):
    ONE = 1
    TWO = 2
    LESS = -5


KINDS = {"bool": bool, "int": int, "float": float, "str": str, "color": Color, "size": Size,
         "letter": Literal["a", "b\"'"], "uuid": uuid.UUID, "datetime": dt.datetime, "date": dt.date,
         "time": dt.time}
nan, inf = float("nan"), float("inf")
ANY = [None, True, False, 0, 1, 2, -1, 0.0, 1.0, -0.0, 0.5, 2.0, -1.5, 1e300, -1e300, nan, inf, -inf, 2**63 - 1, -2**63,
       2**63, -2**63 - 1, 10**30, 9223372036854774784.0, 9223372036854775808.0, -9223372036854775808.0, "", "1", "0", "x",
       " 1", [], {}]
WORDS = {
    "bool": "t f T F y n Y N on off On OFF yes no YES true false TRUE tRuE tru yess 1.0 01 2 -0 null".split(),
    "int": ["+1", "-1", "1_0", "1__0", "1.0", "1.5", "1.", ".0", "007", "-007", "9223372036854775807",
            "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1e3", "0x1", "é", "1\n", "\t1 ",
            "9" * 30, "-0", "--1", "1,0"],
    "float": [".5", "5.", "1e3", "1E-3", "nan", "-inf", "Infinity", "+1.5", "1_0.5", "1__0", "0x1", "1e400", "-1e400",
              "1e-400", " 1.5 ", "1.5.5", "e5", "1e", "5e-324", "123456789012345678", "0.1", "é", "1,5",
              "1.7976931348623157e308", "1.7976931348623159e308", 1e-07, 5e-324, 1e22, 10**400, 2**53 + 1, 1e16, 123456.789],
    "str": ["é", "\x00", "a\"b\\\n", "\U0001f600", "a" * 100],
    "color": ["red", "Red", "it's", "é\n\\", "red ", 7],
    "size": ["2", "-5", "1.0", " 1 ", "+1", "01", "1_0", "9" * 30, 2.0, -5.0, 2.5, "x1"],
    "letter": ["a", "b\"'", "A", "b"],
}
H, S = "12345678-1234-5678-1234-567812345678", "abcdefABCDEF56781234567812345678"
UUIDS = [H, H.upper(), S, "{" + H + "}", "{" + S + "}", "urn:uuid:" + H, "urn:uuid:" + S, "URN:UUID:" + H, "urn:uuid:", "{", "}",
         "{}", "----", "-" * 36, " " + H, H + " ", H + "}", "{" + H, S[:-1], S + "1", H[:-1], H + "1", "g" + S[1:], S[:31] + "g",
         "g" + H[1:], H[:35] + "g", H[:8] + "_" + H[9:], H.replace("-", "_"), "1234567-81234-5678-1234-567812345678",
         "123456789-234-5678-1234-567812345678", "12345678-123-45678-1234-567812345678", "12345678-1234-567-81234-567812345678",
         "12345678-1234-5678-123-4567812345678", "12345678-1234-5678-12345-67812345678", "12345678-1234-5678-1234567812345678",
         "12345678-1234-5678-1234-5678-1234567", "1234-1234-1234", "a-b-c-d-e", "é" * 16, "é", "é" * 23, H[:10] + "é" + H[12:],
         S[:10] + "é" + S[12:], "{12345x78-1234-5678-1234-567812345678}", "urn:uuid:x" + H[1:], "urn:uuid:xyz", "{xyz}", "x" * 45,
         "x" * 46, "1" * 36, "1" * 37, "1" * 38, "1" * 45, "1" * 46, "\u20ac123", "\U0001f600", "\u0131", "\u2d2d", "\uff11",
         "{" + H[:-1] + "}", "{12345678-1234-567-81234-567812345678}", "urn:uuid:{" + H + "}", "1" * 31 + "-", "\x00" * 32,
         "12345678\x00234", "12345678-1234-5678-1234-567812345678\n", "urn:uuid", "urn:uuid:12345678-1234-567-81234-567812345678"]
NUMBERS = [1654619320123.5, 1654619320.1234567, -1.5, -1654619320123.5, -1e-07, 1.9999996, 20000000000, 20000000001, 20000000000.5,
           -20000000000, -20000000001, -20000000000.5, -62135596800, -62135596800000, -62135596801000, -62167219200000,
           -62167219200001, 253402300799, 253402300799000, 253402300799999, 253402300800000, 253402300799999.5, 253402300800000.5,
           86400, 86400.0, -86400, 86399, 86399.5, 86399.9999996, 86399.9999994, 3723.000001, 3723.0000005, 253402214400000,
           -86400000000000, 1e11, 1e18, 9e18, -9e18, 43200, 0.000001, 0.0000004, 0.9999999]
NUMERALS = ["1.5", "-1.5", "+1.5", "1.", ".5", "1e3", "1.0e3", "1e3.0", "nan", "inf", "nan.", "1654619320123.5", "+1", "-0", "00001",
            "1_000", " 1", "1 ", "1.5.5", ".", "-.5", "+.5", "1.e5", "1.5e", "1.5E3", "1.5e+3", "1.5e400", "-1.5e400", "9" * 20,
            "9" * 20 + ".0", "1234567890.123456789", "20000000001.25", "-20000000001.25", "9223372036854775807", "-9223372036854775807",
            "-9223372036854775808", "9223372036854775808", "253402300800000", "253402300800000000", "-62167219200001", "86400", "86400.0",
            "86401", "-", "+", "--1", "1234567890", "12345678901", "0000000000", "-62135596800000", "-62167219200000",
            "-62167219200000.0", "20200101", "2020.0101", "1.2345678901234567890123456789"]
TEXTS = ["2020-01-01", "2020-02-29", "2021-02-29", "1900-02-29", "2000-02-29", "2020-13-01", "2020-00-01", "2020-01-00", "2020-01-32",
         "2020-04-31", "0000-01-01", "0001-01-01", "9999-12-31", "2020-1-01", "2020-1-1", "2020/01/01", "2020-01/01", "x020-01-01",
         "2020-x1-01", "2020-01-x1", "20x0-01-01", "2020-01-01x", "2020-01-01 ", " 2020-01-01", "2020-01-01T", "2020-01-01T00",
         "2020-01-01T00:00", "2020-01-01T00:00Z", "2020-01-01t12:34z", "2020-01-01 12:34:56", "2020-01-01_12:34:56.5",
         "2020-01-01X12:34", "2020-01-01T12:34:56.", "2020-01-01T12:34:56,25", "2020-01-01T12:34:56.1234567",
         "2020-01-01T12:34:56.000000999Z", "2020-01-01T24:00", "2020-01-01T23:60", "2020-01-01T23:59:60", "2020-01-01T12:34+0130",
         "2020-01-01T12:34-01:30", "2020-01-01T12:34\u221201:30", "2020-01-01T12:34\u2212", "2020-01-01T12:34+01",
         "2020-01-01T12:34+1:30", "2020-01-01T12:34+24:00", "2020-01-01T12:34+23:59", "2020-01-01T12:34-23:59",
         "2020-01-01T12:34+00:60", "2020-01-01T12:34+00:99", "2020-01-01T12:34 Z", "2020-01-01T12:34-00:00", "2020-01-01T12:34Zx",
         "2020-01-01T12:34+01:00x", "2020-01-01T12:34:5", "2020-01-01T12:34:", "2020-01-01T1:34", "2020-01-01Tx2:34",
         "2020-01-01T12x34", "2020-01-01T12:x4", "2020-01-01T12:34:x6", "2020-01-01T12:34+x1:00", "2020-01-01T12:34+01:x0",
         "2020-01-01T12:34+01:0", "0000-01-01T00:00", "0000-12-31T23:59:59Z", "0001-01-01T00:00+01:00", "9999-12-31T23:59-01:00",
         "9999-12-31T23:59:59.999999Z", "2020-01-01T00:00:00.1", "2020-01-01T00:00+05:00", "2020-01-01T00:00:00.0000001",
         "2020-01-01T05:00+05:00", "2020-06-30T23:59:59.5+05:45", "1969-12-31T23:59:59.5", "1600-02-29T01:02:03Z", "0000-01-01T00:00:00x",
         "\u0662020-01-01", "2020-01-01T12:34:56.\u0661"]
CLOCKS = ["00:00", "12:34", "23:59:59", "12:34:56.5", "12:34:56.1234567", "12:34:56.123456789+05:30", "12:34Z", "12:34z", "12:34+01:00",
          "12:34-0130", "24:00", "23:60", "23:59:60", "1:34", "12-34", "x2:34", "12:x4", "12:34:x6", "12:34:5", "12:34:", "12:34:56.",
          "12:34x", "12:34 +01:00", "T12:34", "123", "12345", "40000.25", "-12345", "+1234", "12:34+25:00", "12:34+24:00", "12:34+01:60",
          "12:34+01", "12:34+1", "12:34+", "12:34Zx", "12:34:56,5", "00:00:00.000001", "23:59:59.999999-23:59", "12:34\u221201:00", "12:34\u2212",
          "2020-01-01T12:34", "2020-01-01"]
BOUNDED = {
    "int ge=-5": [-6, -5, "-6", 5.0, True], "int gt=1": [1, 2], "int le=10": [11, 10], "int lt=10": [10, 9],
    "int multiple_of=5": [7, -5, 0, -7, 5.0], "int multiple_of=1": [-2**63], "int multiple_of=3 le=100": [101, 102, 99],
    "int ge=9223372036854775807": [2**63 - 1, 2**63 - 2], "int le=-9223372036854775808": [-2**63, -2**63 + 1],
    "int gt=9223372036854775806": [2**63 - 1, 2**63 - 2, "9223372036854775806"], "int le=9007199254740993": [9007199254740993, 9007199254740994],
    "float gt=0": [0, 1e-300, -1], "float ge=10.5": [10, 10.5], "float lt=1e-07": [1e-07, 1e-08], "float le=1e22": [1e23, 1e22],
    "float ge=1e16": [0], "float le=-0.00001": [0], "float lt=1.5": [1.5, 1], "float ge=123456789.125": [0],
    "float multiple_of=0.1": [0.3, 0.35, -0.3, 1e300, 0, 1, 2.2], "float multiple_of=2.5": [7.5, 7, "5"], "float multiple_of=0.01": [1.15, 1.155, 19.99, 1e6 + 0.01],
    "float multiple_of=1": [3, 3.5, 1e-10], "float multiple_of=1e-05": [1e-05, 1.5e-05], "float multiple_of=3 ge=0": [-3, -2, 4],
    "str min_length=1": ["", "a"], "str min_length=3": ["ab", "éé", "ééé", "abc"], "str max_length=1": ["", "a", "é", "ab", "éé"],
    "str max_length=3": ["abcd", "éééé", "\U0001f600" * 3], "str min_length=2 max_length=2": ["a", "ab", "abc"],
    "str pattern=^[a-z]+$": ["abc", "abc\n", "Abc", ""], "str pattern=b": ["abc", "ac"], "str pattern=\\d{2} min_length=2": ["1", "12", "\u0661\u0662", "ab"],
    "str pattern=^\"\\\\'$": ["\"\\'", "x"], "str pattern=é max_length=1": ["éé", "e", "é"],
}


def c_text(text):
    out = []
    for byte in text.encode():
        if byte in b'"\\?':
            out.append("\\" + chr(byte))
        elif 32 <= byte < 127:
            out.append(chr(byte))
        else:
            out.append("\\%03o" % byte)
    return '"' + "".join(out) + '"'


def adapter(spec):
    kind, *options = spec.split(" ")
    fields = {}
    for option in options:
        name, value = option.split("=", 1)
        fields[name] = value if name == "pattern" else float(value) if kind == "float" else int(value)
    return TypeAdapter(Annotated[KINDS[kind], Field(**fields)] if fields else KINDS[kind])


# Where Galley answers otherwise: whole numbers have 64 bits, floats are finite.
def deviate(kind, value, type_, told, ctx):
    size = ("int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size", "")
    finite = ("finite_number", "Input should be a finite number", "")
    if kind == "int" and not type_ and not -2**63 <= int(told) < 2**63:
        return size
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool) and not -2**63 <= value < 2**63:
        return size
    if kind == "float" and type_ in ("", "greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of"):
        number = float(value.replace("_", "") if isinstance(value, str) else value)
        if not math.isfinite(number):
            return finite
    return type_, told, ctx


def ask(spec, type_adapter, value):
    try:
        result = type_adapter.validate_python(value)
        answer = ("", type_adapter.dump_json(result).decode(), "")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        ctx = first.get("ctx")
        answer = (first["type"], first["msg"], json.dumps(ctx, ensure_ascii=False, separators=(",", ":")) if ctx else "")
    return deviate(spec.split(" ")[0], value, *answer)


def row(spec, type_adapter, value):
    source = '"' + value if isinstance(value, str) else json.dumps(value)
    print("X(%s)" % ", ".join(c_text(text) for text in (spec, source, *ask(spec, type_adapter, value))))


def rows():
    for kind in KINDS:
        moments = {"datetime": NUMBERS + NUMERALS + TEXTS + CLOCKS, "date": NUMBERS + NUMERALS + TEXTS + CLOCKS,
                   "time": NUMBERS + NUMERALS + TEXTS + CLOCKS, "uuid": UUIDS}
        seen = []
        for value in ANY + moments.get(kind, []) + WORDS.get(kind, []):
            if (type(value), repr(value)) not in seen:
                seen.append((type(value), repr(value)))
                row(kind, adapter(kind), value)
    for spec, values in BOUNDED.items():
        for value in values:
            row(spec, adapter(spec), value)


PATTERNS = ["^[a-z]+$", "b", "^$", "", "a|b", "^a|b$", "(?i)^straße$", "(?s)a.b", "a.b", "(?m)^b$", "^\\w+$", "^\\W$", "^[\\w-]+$", "^\\d+$", "^\\D$",
            "^\\s$", "^\\S+$", "\\bcat\\b", "\\Bcat", "^[[:alpha:]]+$", "^[[:upper:][:digit:]_]+$", "^[^[:space:]]+$", "^\\p{L}+$", "^\\P{Lu}+$",
            "^\\p{Greek}$", "^\\pN$", "^\\x41$", "^\\x{1F600}$", "^\\u0041$", "^\\u{e9}$", "^\\U0001F600$", "^a{2}$", "^a{2,}$", "^a{2,3}$",
            "^a{2,3}?$", "^a+?b$", "^(?:ab)+$", "^(?P<n>a)b$", "^(?<n>a)b$", "^(?i:A)b$", "^[]a]+$", "^[^]a]+$", "^[a\\]]+$", "^[a-]+$", "\\.", "^\\$\\^$",
            "^.$", "^..$", "\\Aab\\z", "^\\t\\n\\r\\v\\f$", "^[A-Z]{3}-\\d{4}$", "^(a+)+$", "^(a|a)*$", "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
            "^[^@\\s]+@[^@\\s]+\\.[a-z]{2,}$", "é", "^[à-ÿ]+$", "^\\-\\/$", "x*", "^#a$", "}", "]", "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?>a)",
            "(?P=n)", "(?(1)a)", "(?1)", "\\K", "\\Z", "\\G", "\\Qa\\E", "\\h", "\\R", "\\X", "\\1", "(*ACCEPT)", "a{", "a{x}", "(", ")", "[a", "[z-a]", "*a",
            "\\", "(?P<n>a", "\\p{Nonsense}", "(?#c)a", "[\\b]", "\\u12", "\\x{110000}", "a{3,2}"]
SUBJECTS = ["", "a", "b", "ab", "abc", "A", "aa", "aaa", "aaaa", "a\nb", "b\n", "a b", "cat", "the cat sat", "concat", "cate\u0301", "STRASSE", "straße", "STRASSE\u1e9e",
            "STRAẞE", "é", "e\u0301", "éa", "\u0661\u0662", "12", "²", "_", "-", "a-b_c", " ", "\u00a0", "\u0085", "\u180e", "\u200b", "Ab1_", "AB_12", "α", "Ω", "\U0001f600",
            "\u200d", "]", "]a", "}", "$^", ".", "\t\n\r\v\f", "ABC-1234", "ABC-\u0661234", "12345678-1234-5678-1234-567812345678", "x@y.org", "x@y", "à", "-/", "#a", "a" * 40 + "!",
            "\x00", "x\x00a", "Kk\u212a"]


def pattern_rows():
    for pattern in PATTERNS:
        try:
            type_adapter = TypeAdapter(Annotated[str, Field(pattern=pattern)])
        except Exception:
            print("X(%s, \"\", PATTERN_REFUSED)" % c_text(pattern))
            continue
        for subject in SUBJECTS:
            try:
                type_adapter.validate_python(subject)
                answer = "PATTERN_FOUND"
            except ValidationError:
                answer = "PATTERN_ABSENT"
            print("X(%s, %s, %s)" % (c_text(pattern), c_text(subject), answer))


def mutate(text, letters):
    text = list(text)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        at = random.randrange(len(text) + 1)
        choice = random.randrange(3)
        if choice == 0:
            text.insert(at, random.choice(letters))
        elif choice == 1 and at < len(text):
            del text[at]
        elif at < len(text):
            text[at] = random.choice(letters)
    return "".join(text)


def random_number():
    size = 10 ** random.uniform(-7, 20)
    return random.choice((1, -1)) * random.choice((round(size), size, round(size, 3), round(size) + 0.5, float(round(size))))


def random_rows(count):
    adapters = {spec: adapter(spec) for spec in [*KINDS, "float multiple_of=0.1", "float multiple_of=0.01", "float multiple_of=3",
                                                "float multiple_of=1e-07", "float multiple_of=1e10"]}
    texts = {"uuid": (UUIDS, "0af-{}gé\u0130"), "datetime": (TEXTS + NUMERALS, "0123459-+:.TZ e,_"), "date": (TEXTS + NUMERALS, "0123459-+:.TZ e"),
             "time": (CLOCKS, "012345:+-.Z e"), "float": (WORDS["float"], "0159_+-.einf "), "int": (WORDS["int"], "019_+-. e"), "size": (WORDS["size"], "0125_+-. "), "bool": (WORDS["bool"], "10tfyno")}
    texts = {kind: ([word for word in words if isinstance(word, str)], letters) for kind, (words, letters) in texts.items()}
    for _ in range(count):
        spec = random.choice(list(adapters))
        kind = spec.split(" ")[0]
        if kind in texts and random.random() < 0.6:
            value = mutate(random.choice(texts[kind][0]), texts[kind][1])
        elif "multiple" in spec:
            step = float(spec.split("=")[1])
            value = random.choice((random.randrange(10 ** random.randrange(1, 12)) * step, round(random.uniform(-1e6, 1e6), random.randrange(6)), random_number()))
        else:
            value = random_number()
        row(spec, adapters[spec], value)


if len(sys.argv) > 2 and sys.argv[1] == "--random":
    random.seed(int(sys.argv[3]))
    random_rows(int(sys.argv[2]))
elif sys.argv[1:] == ["--patterns"]:
    print("""/* pattern.def - where patterns are found, as Pydantic 2.14 has it (Rust's regex), printed by t/oracle/scalars.py --patterns.
 * Does:     one row a pattern and a text; a pattern that Rust refuses has one row.
 * Does not: hold what only Galley refuses: that stands in pattern.c. */""")
    pattern_rows()
else:
    print("""/* scalar.def - what Pydantic 2.14 answered in its lax mode, printed by t/oracle/scalars.py.
 * Does:     one row a value: what it is read as, its JSON (or " and the text), the problem's type, msg and ctx, or "" and
 *           the value as it is written. Where Galley deviates (64-bit integers, finite floats), the row is Galley's.
 * Does not: hold what Pydantic was not asked: that stands in scalar.c. */""")
    rows()
