"""Requests without end for the four programs: valid ones, and what becomes of them when one or two things are wrong."""
import copy
import json
from urllib.parse import quote, quote_plus

from caselib import multipart

NASTY = 1  # how many times more often than usual a body's bytes are damaged

INTS = ["0", "1", "-1", "5", "7", "10", "15", "100", "9999", "+5", "007", "-007", "1_000", "1__0", "_1", "1_", "-_1", " 12 ", "\t5", "5\n", "1.0", "1.", "1.000000", "-1.0", "1.5",
        "1e3", "1E0", "-0", "-0.0", "0x10", "0b1", "\u0663", "\uff11", "", " ", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
        "9" * 30, "1" + "0" * 400, "9" * 4301, "0" * 50 + "7", "1 2", "\u00a012", "\u200912", "true", "1,000", "--1", "+-1", "+ 1", "- 1", "1_000.0", "1.0_0", ".0", "00.0", "1.0e0", "\u00bd", "\u2160", "5\x00", "None", "null",
        "1_2_3", "+1_0", "12.000", "12.0001", "0.0", "+", "-", ".", "1..0", "1.0.0", "9223372036854775807.0", "1_", "1._0"]
FLOATS = ["1.5", "0", "3", "1e3", "1E3", "1e+3", "1e-3", ".5", "5.", "-.5", "+.5", "nan", "NaN", "-nan", "inf", "-inf", "Infinity", "+Infinity", "INFINITY", "iNf", "1e400", "-1e400", "1e-400", "1_0.5", "1__0", "_1.5", "1._5",
          "1_.5", "1.5_", "1e1_0", "1e_1", "1e", "e5", ".", "-", "+", "", " ", " 1.5 ", "\t2\n", "0x1p3", "1.5.5", "1,5", "tall", "12.5", "12.499999999999999", "12.4999999999999999", "0.5", "0.50000000000000001", "2", "2.0000000000000001", "10.5", "0.1", "0.30000000000000004", "1e16", "1e15",
          "123456789012345678", "1e-5", "1e-6", "0.00001", "0.0001", "1e22", "1e21", "5e-324", "1.7976931348623157e308", "1.7976931348623159e308", "\u0663.\u0665", "true", "0.75", "0.76", "-0", "-0.0", "1d5", "1f", "infin", "in", "+nan", "1e5.5", "9" * 400, "0." + "0" * 330 + "1"]
BOOLS = ["true", "false", "True", "FALSE", "1", "0", "yes", "no", "on", "off", "On", "OFF", "t", "f", "T", "y", "n", "Y", "N", "", " true", "true ", "2", "-1", "01", "1.0", "0.0", "maybe", "tru", "yess", "\u0442rue", "oN", "nO", "null", "enabled"]
STRS = ["", "a", "ab", "abc", "Abc", "ABCDEFGH", "ABCDEFGHI", "A\u00e5", "\u00c5b", "x y", "a+b", "a%b", "a/b", "\u00e5\u00e4\u00f6", "\U0001f600", "\U0001f600" * 9, "e\u0301" * 4, "a\x00b", "\u2028", "\ufeff", "'", '"', "\\", "<&>", "a-1", "abc-12", "abcd-1", "abc-1\n", "Ab\n",
        "A" * 300, "kg", "lb", "kg\n", "KG", "sv", "created", "updated", "created\n", "name", "null", "0", "\x7f", "\u200b", "A;b", "A=b", "A&b", "#", "?", "12345", "12345\n", "\u0661\u0662\u0663\u0664\u0665"]
ZONES = ["cold", "dry", "bulk", "Cold", "COLD", "cold ", " dry", "", "wet", "c", "1", "cold\n"]
LEVELS = ["1", "2", "3", "0", "4", "", "1.0", "2.0", " 1", "1 ", "01", "+1", "1_0", "ground", "1.5", "true", "-1", "9" * 25, "one", "\u0661", "1e0"]
DATES = ["2024-01-31", "2024-02-29", "2023-02-29", "2024-02-30", "2024-13-01", "2024-00-10", "2024-01-00", "2024-01-32", "0001-01-01", "0000-01-01", "9999-12-31", "10000-01-01", "2024-1-1", "20240131", "2024/01/31", "2024-01", "2024", "", " ", "today", "2024-01-31T00:00:00", "2024-01-31T00:00:00Z", "2024-01-31 00:00",
         "2024-01-31T00:00:01", "2024-01-31T00:00:00.000001", "2024-01-31T12:00", "2024-01-31T00:00:00+02:00", "1700000000", "1699920000", "0", "-1", "86400", "86401", "1e9", "1699920000000", "1699920000.0", "1699920000.5", " 2024-01-31", "2024-01-31 ", "-2024-01-31", "+2024-01-31", "2024-01-3a", "2024-0a-01", "202a-01-01", "2024-01-31T", "2024-01-31x",
         "nan", "inf", "99999999999999", "253402300799", "253402300800", "-62167219200", "-62167219201", "2024-01-31T25:00:00", "2024-01-31_00:00:00", "\u0662\u0660\u0662\u0664-01-01", "1.5", "19700101", "2024-01-31t00:00:00z", "--1", "+5", "1_0", "0x5", ".5"]
MOMENTS = ["2024-01-31T12:30:45", "2024-01-31T12:30:45Z", "2024-01-31t12:30:45z", "2024-01-31 12:30", "2024-01-31_12:30:45", "2024-01-31T12:30:45.5", "2024-01-31T12:30:45.123456", "2024-01-31T12:30:45.1234567", "2024-01-31T12:30:45.123456789Z", "2024-01-31T12:30:45.", "2024-01-31T12:30:45,5", "2024-01-31T12:30:45+02:30",
           "2024-01-31T12:30:45+0230", "2024-01-31T12:30:45-05:00", "2024-01-31T12:30:45+02", "2024-01-31T12:30:45+24:00", "2024-01-31T12:30:45+23:59", "2024-01-31T12:30:45-23:59", "2024-01-31T12:30:45+02:60", "2024-01-31T12:30:45+2:30", "2024-01-31T24:00:00", "2024-01-31T23:59:60", "2024-01-31T12:60", "2024-01-31T12", "2024-01-31T12:3", "2024-01-31T",
           "2024-01-31", "2024-02-30T00:00", "1700000000", "1700000000.5", "1700000000.123456789", "1700000000000", "17000000000000000", "-1", "0", "-0.5", "1e10", "20000000000", "20000000001", "nan", "inf", "", "now", "2024-01-31T12:30:45 Z", "2024-01-31T12:30:45Zx", "2024-01-31T12:30:45+", " 2024-01-31T12:30", "2024-01-31T12:30 ", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999",
           "0000-01-01T00:00:00", "2024-01-31X12:30", "2024-01-31T1a:30", "2024-01-31T12:3a", "2024-01-31T12:30:4a", "2024-01-31T12:30:45.a", "2024-01-31T12:30:45+0a:00", "2024-01-31T12:30:45-00:00", "2024-01-31T12:30:45+00:00", "2024-01-31T12:30:45\u221202:00", "+1700000000", "1_700_000_000", "2024-01-31T12-30", "1.5.5", ".5", "5.", "253402300799999", "253402300800000", "-62135596800", "-62135596801",
           "-62167219200", "-62167219201", "2024-01-31T12:30:45.000001+14:00"]
UUIDS = ["a2b4c6d8-1234-4abc-8def-0123456789ab", "A2B4C6D8-1234-4ABC-8DEF-0123456789AB", "a2b4c6d812344abc8def0123456789ab", "{a2b4c6d8-1234-4abc-8def-0123456789ab}", "urn:uuid:a2b4c6d8-1234-4abc-8def-0123456789ab", "URN:UUID:a2b4c6d8-1234-4abc-8def-0123456789ab", "a2b4c6d8-1234-4abc-8def-0123456789a", "a2b4c6d8-1234-4abc-8def-0123456789abc",
         "a2b4c6d8-1234-4abc-8def-0123456789ag", "g2b4c6d8-1234-4abc-8def-0123456789ab", "a2b4c6d81234-4abc-8def-0123456789ab", "a2b4c6d-81234-4abc-8def-0123456789ab", "a2b4c6d8-12344-abc-8def-0123456789ab", "a2b4c6d8-1234-4abc8-def-0123456789ab", "a2b4c6d8-1234-4abc-8defa-123456789ab", "a2b4c6d8--1234-4abc-8def-0123456789ab", "", "x", "none", "1234", "a2b4c6d8-1234-4abc-8def",
         "a2b4c6d8_1234_4abc_8def_0123456789ab", " a2b4c6d8-1234-4abc-8def-0123456789ab", "a2b4c6d8-1234-4abc-8def-0123456789ab ", "{a2b4c6d8-1234-4abc-8def-0123456789ab", "a2b4c6d8-1234-4abc-8def-0123456789ab}", "{a2b4c6d812344abc8def0123456789ab}", "urn:uuid:a2b4c6d812344abc8def0123456789ab", "urn:uuid:", "{}", "00000000-0000-0000-0000-000000000000",
         "ffffffffffffffffffffffffffffffff", "a2b4c6d812344abc8def0123456789a", "a2b4c6d812344abc8def0123456789abc", "a2b4c6d812344abc8def0123456789ag", "a2b4c6d8\u00e51234-4abc-8def-0123456789ab", "\u00e5" * 32, "\u00e5" * 16, "\u00e5" * 18, "a2b4c6d8-1234-4abc-8def-0123456789\u00e5b", "-" * 36, "a2b4c6d8-1234-4abc-8def-01234567-9ab", "a2b4c6d8-1234-4abc-8def-0123456789ab-", "urn:uuid:x", "a-b-c-d-e", "a-b-c-d", "-"]
POOL = {"int": INTS, "float": FLOATS, "bool": BOOLS, "str": STRS, "zone": ZONES, "level": LEVELS, "date": DATES, "moment": MOMENTS, "uuid": UUIDS}


def any_text(r, kind):
    if r.random() < 0.08:
        kind = r.choice(sorted(POOL))
    text = r.choice(POOL[kind])
    if r.random() < 0.1 and text:
        i = r.randrange(len(text))
        text = text[:i] + r.choice(["", r.choice("0123456789.-+_eE :TZ\u00e5x"), text[i] * 2]) + text[i + 1:]
    return text


def escaped(r, text, safe=""):
    way = r.random()
    if way < 0.8:
        return quote(text, safe=safe)
    if way < 0.9:
        return "".join("%%%02x" % b if r.random() < 0.3 or b > 126 or b < 33 or chr(b) in "%&+#?/;=" else chr(b) for b in text.encode())
    out = quote(text, safe=safe)
    return out + r.choice(["%FF", "%", "%4", "%zz", "%C3%28", "%00", "%F0%9F%98", "%ED%A0%80"])


# ---- params ----

PATHS = [("/bins/{}", ["int"]), ("/counters/{}", ["int"]), ("/shelves/{}", ["float"]), ("/weights/{}", ["float"]), ("/labels/{}", ["str"]), ("/names/{}", ["str"]), ("/flags/{}", ["bool"]), ("/zones/{}", ["zone"]), ("/levels/{}", ["level"]),
         ("/days/{}", ["date"]), ("/moments/{}", ["moment"]), ("/parcels/{}", ["uuid"]), ("/tree/{}", ["str"]), ("/slots/{}", ["int"]), ("/aisles/{}/slots/{}", ["int", "int"])]
QUERIES = [("/search", [("q", "str"), ("limit", "int"), ("offset", "int"), ("in_stock", "bool"), ("zone", "zone"), ("sort", "str")]), ("/ranges", [("a", "int"), ("b", "int"), ("c", "int"), ("d", "float"), ("e", "float")]),
           ("/texts", [("code", "str"), ("item-query", "str"), ("item_query", "str"), ("short", "str")]), ("/lists", [("tags", "str"), ("ids", "int"), ("zones", "zone"), ("pair", "float")]), ("/lists/required", [("ids", "int")]), ("/switch", [("on", "bool")]),
           ("/times", [("day", "date"), ("at", "moment"), ("parcel", "uuid")]), ("/old", [("page", "int"), ("p", "int"), ("debug", "bool")]), ("/filter", [("limit", "int"), ("order", "str"), ("tags", "str"), ("extra", "str")])]
HEADERS = [("/headers", [("user-agent", "str"), ("x-trace-id", "str"), ("x-tag", "str"), ("odd_name", "str"), ("odd-name", "str"), ("x-depth", "int")]), ("/headers/required", [("x-tenant", "uuid"), ("X-API-Version", "float"), ("api-version", "float")])]
GOOD = {"q": "bolt", "code": "abc-1", "ids": "3", "on": "1", "day": "2024-01-31", "x-tenant": UUIDS[0], "X-API-Version": "1.5"}


def query_of(r, fields):
    pairs = []
    for name, kind in fields:
        if name in GOOD and r.random() < 0.6:
            pairs.append((name, GOOD[name]))
        for _ in range(r.choice([0, 0, 1, 1, 1, 2, 3, 4])):
            pairs.append((name, any_text(r, kind)))
    if r.random() < 0.2:
        r.shuffle(pairs)
    out = []
    for name, value in pairs:
        way = r.random()
        if way < 0.03:
            out.append(quote(name, safe=""))
        elif way < 0.05:
            out.append(quote(name, safe="") + "=" + quote_plus(value) + "=x")
        elif way < 0.08:
            out.append(quote(name.upper(), safe="") + "=" + quote_plus(value))
        else:
            out.append((quote(name, safe="") if r.random() < 0.95 else "".join("%%%02X" % b for b in name.encode())) + "=" + (quote_plus(value) if r.random() < 0.3 else escaped(r, value)))
    if r.random() < 0.05:
        out.insert(r.randrange(len(out) + 1), r.choice(["", "=", "=x", "&", ";a=1", "%20=1", "a[]=1"]))
    return "&".join(out)


def header_text(text):
    return "".join(c for c in text if c not in "\x00\n\r\x7f" and ord(c) < 256).strip(" \t") if True else text


def cookies_of(r, fields):
    parts = []
    for name, kind in fields:
        for _ in range(r.choice([0, 1, 1, 1, 2])):
            value = header_text(any_text(r, kind))
            parts.append(r.choice([name, name, name, name, name.upper(), " " + name, name + " "]) + r.choice(["=", "=", "=", "=", "=", " = ", "=="]) + r.choice([value] * 8 + ['"' + value + '"', value + '"', quote(value), "a,b", "a b", '"a\\"b"', '"\\303\\245"']))
    if r.random() < 0.3:
        parts.insert(r.randrange(len(parts) + 1), r.choice(["", "lonely", "=x", "$Version=1", "a=b", ";", "x=1=2", '"q"=1']))
    return r.choice(["; ", "; ", "; ", ";", " ; ", ", ", ";;"]).join(parts)


def params_case(r):
    way = r.random()
    headers = [["host", "testserver"]]
    if way < 0.4:
        path, kinds = r.choice(PATHS)
        target = path.format(*[escaped(r, any_text(r, k), safe="/" if path.startswith("/tree") and r.random() < 0.7 else "") for k in kinds])
    elif way < 0.75:
        path, fields = r.choice(QUERIES)
        target = path + "?" + query_of(r, fields)
    elif way < 0.87:
        target, fields = r.choice(HEADERS)
        for name, kind in fields:
            if name in GOOD and r.random() < 0.5:
                headers.append([name, GOOD[name]])
            for _ in range(r.choice([0, 0, 1, 1, 2])):
                headers.append([r.choice([name, name.upper(), name.title()]), header_text(any_text(r, kind))])
    elif way < 0.95:
        target, fields = r.choice([("/cookies", [("session", "str"), ("visits", "int")]), ("/cookies/required", [("ads_id", "int")])])
        for _ in range(r.choice([0, 1, 1, 1, 1, 2])):
            headers.append(["cookie", cookies_of(r, fields)])
    else:
        target = "/shops/" + escaped(r, any_text(r, "int")) + "/all?" + query_of(r, [("page", "int")])
        headers.append(["x-unit", header_text(any_text(r, "str"))])
        headers.append(["cookie", cookies_of(r, [("theme", "str")])])
    return {"method": "GET", "target": target, "headers": headers}


# ---- JSON ----

VALUES = [None, True, False, 0, 1, -1, 5, 7, 10, 1000, 1001, 150, 151, 2 ** 31, 2 ** 53, 2 ** 53 + 1, 2 ** 63 - 1, 2 ** 63, -2 ** 63, 10 ** 25, 0.0, 1.0, -0.0, 1.5, 10.5, 9.999999999999999, 0.1, 1e-5, 1e-7, 1e16, 1e22, 1.7e308, 5e-324, 123456.789, 3.0, 1e3, 86400, 1700000000, 1700000000.5, 1700000000000, 0.5,
          "", "a", "ab", "abc", "abcd", "abcde", "red", "Red", "green", "12", " 12 ", "1.0", "1.5", "1e3", "true", "yes", "on", "off", "0", "1", "null", "12345", "nan", "inf", "\u00e5", "\U0001f600", "\u0000", "\"", "\\", "/", "\u2028", "\x7f", "a" * 41, "+46 70", "SE", "sv", [], [1], ["a"], [1, "2", 3.0], [[]], {}, {"a": 1}, {"a": "1"}, {"a": "x", "b": None}, [None], [True], [{"name": "x"}],
          {"name": "ab"}, {"name": "Ada", "vip": 1}, {"n": 1}, {"x": 1}, {"level": 3}]


def any_value(r):
    way = r.random()
    if way < 0.65:
        return copy.deepcopy(r.choice(VALUES))
    return r.choice(POOL[r.choice(["int", "float", "bool", "date", "moment", "uuid", "str"])])


LINE = {"sku": "NUT-1", "qty": 3, "price": 1.5, "note": None, "color": "green"}
ORDER = {"id": UUIDS[0], "placed_at": "2024-01-31T12:30:45Z", "due": "2024-02-10", "customer": {"name": "Ada", "mail": "a@b", "phone": "+46 1"}, "ship_to": {"street": "S", "city": "C", "postcode": "12345", "country": "NO"}, "bill_to": None,
         "lines": [LINE, {"sku": "abc", "qty": "2", "price": 2}], "tags": ["x", "y"], "attributes": {"a": 1, "b": "2"}, "gift": True, "weight": 2.5}
PROFILE = {"name": "Eva", "password": "secret7", "bio": "b", "age": 40, "langs": ["sv", "en"]}
PATCH = {"name": "Eva", "bio": None, "age": 3, "langs": ["x"]}
BODIES = [("POST", "/orders", ORDER), ("POST", "/orders", ORDER), ("POST", "/quotes", [LINE, LINE]), ("POST", "/lines", LINE), ("PUT", "/lines/3?dry_run=1", {"line": LINE, "customer": {"name": "A", "vip": True}, "priority": 3}), ("PUT", "/lines/0?dry_run=x", {"line": LINE, "customer": {"name": "A"}, "priority": 10}),
          ("POST", "/embedded", {"customer": {"name": "A"}}), ("POST", "/level", 3), ("POST", "/level/embedded", {"level": 3}), ("POST", "/maybe", {"name": "A", "vip": False}), ("POST", "/counts", {"a": 1, "b": 2}), ("POST", "/numbers", [1, 2.5, "3"]), ("POST", "/contacts", {"name": "Ada", "mail": "m", "phone": "1"}),
          ("POST", "/scalars", {"i": 1, "f": 1.5, "b": True, "s": "x", "e": "red"}), ("POST", "/scalars", {"i": 1, "f": 1.5, "b": True, "s": "x", "e": "red"}), ("POST", "/times", {"at": "2024-01-31T12:30:45", "day": "2024-01-31", "id": UUIDS[0]}), ("POST", "/times", {"at": 1700000000, "day": 86400, "id": UUIDS[2]}),
          ("POST", "/limits", {"gt": 1, "ge": 0, "lt": 9.5, "le": 10.5, "step": 10, "text": "ab", "code": "abc", "items": [1, 2]}), ("POST", "/limits", {"gt": 2}), ("POST", "/nodes", {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}, {"name": "d"}]}), ("POST", "/profiles", PROFILE), ("PUT", "/profiles/1", PROFILE), ("PATCH", "/profiles/1", PATCH),
          ("PATCH", "/profiles/1/echo", PATCH), ("GET", "/profiles/x", None), ("DELETE", "/profiles/1", None), ("POST", "/profiles/1/touch", None)]
STRICT = {"n": 1, "x": 1.5, "s": "a"}
ERRORS = [("POST", "/reports", {"sensor": {"id": 1, "name": "ab", "unit": "C"}, "samples": [{"t": 1, "v": 1.5}, {"t": "2", "v": "3"}], "labels": {"a": "b"}, "final": False}), ("POST", "/strict", STRICT), ("POST", "/int", {"n": 1}), ("POST", "/float", {"x": 1.5}), ("POST", "/text", {"s": "a"}), ("POST", "/pair", {"left": {"n": 1}, "right": {"x": 2}}),
          ("POST", "/list", [{"t": 1, "v": 2}]), ("POST", "/maybe", {"n": 1}), ("PUT", "/combo/{}?page={}", STRICT)]


def spots(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for k, v in items:
        yield from spots(v, path + (k,))


def changed(r, value):
    """One thing wrong: a value replaced, a key gone, a key more, an item more."""
    value = copy.deepcopy(value)
    path = r.choice(list(spots(value)))
    if not path:
        return any_value(r) if r.random() < 0.3 else value
    at = value
    for k in path[:-1]:
        at = at[k]
    way = r.random()
    if way < 0.65:
        at[path[-1]] = any_value(r)
    elif way < 0.8:
        del at[path[-1]]
    elif isinstance(at, dict):
        at[r.choice(["extra", "", "n", "name", "\u00e5", "a b", "Name", path[-1] + "_"])] = any_value(r)
    else:
        at.insert(path[-1], any_value(r))
    return value


def written(r, value):
    ascii_only = r.random() < 0.3
    text = json.dumps(value, ensure_ascii=ascii_only, separators=r.choice([(",", ":"), (",", ":"), (", ", ": "), (" , ", "\t:\n")]))
    return text


DAMAGE = ["", ",", ":", "\"", "{", "}", "[", "]", "\\", "0", "-", "+", ".", "e", "null", "nul", "NaN", "Infinity", "-Infinity", "true", "tru", "\t", "\n", "\x00", "\x1f", "\u00e5", "\ufeff", "'", "//", "/**/", "\\u12", "\\ud800", "\\ud83d\\ude00", "\\x", "\\/", "\\u0000", " ", "1e5", "01", "1.", ".5", "-0", "1E400", "2"]


def damaged(r, text):
    for _ in range(r.choice([1, 1, 1, 2])):
        i = r.randrange(len(text) + 1)
        j = min(len(text), i + r.choice([0, 0, 1, 1, 2, 5]))
        text = text[:i] + r.choice(DAMAGE) + text[j:] if r.random() < 0.8 else text[:i]
    return text


def twice(r, text):
    """A key that comes twice."""
    if text.startswith("{") and len(text) > 4:
        key = r.choice(["n", "x", "name", "s", "i", "f", "level", "gt", "qty", "langs", "a", "id"])
        return "{" + json.dumps(key) + ":" + json.dumps(any_value(r)) + "," + text[1:]
    return text


KINDS = ["application/json"] * 30 + ["application/json; charset=utf-8", "APPLICATION/JSON", "application/problem+json", "application/vnd.api+json;v=1", "text/json", "text/plain", None, "", "application/x-www-form-urlencoded", "application/jsonp", "application/+json", "json", "application/json,text/plain", "multipart/form-data; boundary=x", "application/json ;x", "text/x+json", "application", "*/*", "application/json;;"]


def json_case(r, table):
    method, target, value = r.choice(table)
    headers = [["host", "testserver"]]
    if value is None:
        target = target.replace("/1", "/" + escaped(r, any_text(r, "int")))
        return {"method": method, "target": target, "headers": headers}
    if "{}" in target:
        target = target.format(escaped(r, any_text(r, "int")), escaped(r, any_text(r, "int")))
        headers += [["x-rate", header_text(any_text(r, "float"))]] if r.random() < 0.9 else []
        headers += [["cookie", cookies_of(r, [("lang", "str")])]] if r.random() < 0.9 else []
    elif method in ("PUT", "PATCH") and r.random() < 0.2:
        target = target.replace("/1", "/" + escaped(r, any_text(r, "int"))).replace("/3?dry_run=1", "/" + escaped(r, any_text(r, "int")) + "?dry_run=" + escaped(r, any_text(r, "bool")))
    for _ in range(r.choice([0, 1, 1, 1, 1, 2, 3])):
        value = changed(r, value)
    text = written(r, value)
    if r.random() < 0.08 * NASTY:
        text = twice(r, text)
    if r.random() < 0.2 * NASTY:
        text = damaged(r, text)
    body = text.encode("utf-8", "surrogatepass")
    if r.random() < 0.02 * NASTY:
        i = r.randrange(len(body) + 1)
        body = body[:i] + bytes([r.choice([0xff, 0x80, 0xc3, 0xed, 0xf5, 0xc0])]) + body[i:]
    kind = r.choice(KINDS)
    if kind is not None:
        headers.append(["content-type", kind])
    headers.append(["content-length", str(len(body))])
    return {"method": method, "target": target, "headers": headers, "data": body}


def bodies_case(r):
    return json_case(r, BODIES)


def errors_case(r):
    if r.random() < 0.8:
        return json_case(r, ERRORS)
    method = r.choice(["GET"] * 6 + ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "FOO"])
    path = r.choice(["/things/{}", "/fail/{}", "/stock/{}?left={}", "/del/{}", "/many", "/one", "/folder", "/folder/", "/folder/drop", "/file/", "/file", "/nothing", "//one", "/one/", "/one//", "/One", "/detail/object/", "/retry", "/not-modified", "/crash", "/fail/", "/things//", "/stock/", "/maybe", "/combo/1", "/%6Fne", "/one%2F", "/folder?x=1", "/file/?x=%20"])
    return {"method": method, "target": path.format(*[escaped(r, any_text(r, "int") if r.random() < 0.7 else str(r.randrange(380, 620))) for _ in range(path.count("{}"))]), "headers": [["host", "testserver"]]}


# ---- forms ----

FORMS = [("/login", [("username", "str"), ("password", "str")]), ("/survey", [("name", "str"), ("age", "int"), ("subscribe", "bool"), ("tags", "str"), ("score", "float"), ("color", "zone"), ("nick-name", "str"), ("nick", "str")]), ("/feedback", [("text", "str"), ("stars", "int"), ("extra", "str")])]
UPLOADS = [("/upload", ["file"]), ("/upload/bytes", ["file"]), ("/upload/optional", ["file"]), ("/upload/many", ["files"]), ("/letters", ["body", "attachments"])]
FORM_GOOD = {"username": "ada", "password": "secret", "name": "Ada", "age": "36", "text": "good", "to": "eva"}
FILENAMES = ["a.txt", "", "\u00e5.txt", "a b.txt", "a\\b.txt", "../x", "a\"b", "a%22b", "a;b", "x" * 300, None]


def form_pairs(r, fields):
    pairs = []
    for name, kind in fields:
        if name in FORM_GOOD and r.random() < 0.6:
            pairs.append((name, FORM_GOOD[name]))
        for _ in range(r.choice([0, 0, 1, 1, 1, 2, 3])):
            pairs.append((name, r.choice(["red", "blue", "Red", ""]) if name == "color" else any_text(r, kind)))
    return pairs


def part(r, name, value, filename=None, kind=None):
    head = r.choice(["Content-Disposition", "content-disposition", "CONTENT-DISPOSITION"]) + r.choice([": ", ": ", ":"]) + "form-data; "
    head += ('name="%s"' % name) if r.random() < 0.95 else "name=" + name
    if filename is not None:
        head += '; filename="%s"' % filename.replace('"', r.choice(['\\"', "%22"])) if r.random() < 0.95 else "; filename*=utf-8''" + quote(filename)
    if kind is not None:
        head += "\r\nContent-Type: " + kind
    if r.random() < 0.05:
        head += "\r\nX-Other: 1"
    return (head, value)


def forms_case(r):
    headers = [["host", "testserver"]]
    way = r.random()
    if way < 0.45:
        target, fields = r.choice(FORMS)
        pairs = form_pairs(r, fields)
        body = "&".join(quote_plus(k) + "=" + (quote_plus(v) if r.random() < 0.9 else escaped(r, v)) for k, v in pairs)
        if r.random() < 0.05 * NASTY:
            body = damaged(r, body)
        body = body.encode("utf-8", "surrogatepass")
        kind = r.choice(["application/x-www-form-urlencoded"] * 12 + ["application/x-www-form-urlencoded; charset=utf-8", "Application/X-WWW-Form-Urlencoded", "application/json", "text/plain", None, "multipart/form-data", "application/x-www-form-urlencoded;charset=latin-1"])
    else:
        parts = []
        if way < 0.65:
            target, fields = r.choice(FORMS)
            for k, v in form_pairs(r, fields):
                parts.append(part(r, k, v.encode("utf-8", "surrogatepass"), r.choice([None] * 15 + ["f.txt", ""]), r.choice([None] * 8 + ["text/plain; charset=utf-8", "text/plain; charset=latin-1", "application/json"])))
        else:
            target, names = r.choice(UPLOADS)
            if target == "/letters":
                for k, v in form_pairs(r, [("to", "str"), ("urgent", "bool"), ("copies", "int")]):
                    parts.append(part(r, k, v.encode("utf-8", "surrogatepass")))
            for name in names:
                for _ in range(r.choice([0, 1, 1, 1, 2])):
                    data = r.choice([b"", b"hello", b"a\r\nb", b"\r\n", b"--XbX", b"\r\n--Xb", b"\x00\xff\xfe", b"x" * 70000, "\u00e5".encode(), b"-" * 100])
                    parts.append(part(r, name, data, r.choice(FILENAMES), r.choice([None, "text/plain", "image/png", "text/plain; charset=utf-8", "", "x"])))
            if r.random() < 0.1:
                parts.append(part(r, "other", b"1", r.choice([None, "o.txt"])))
        body = multipart(parts)
        kind = r.choice(["multipart/form-data; boundary=XbX"] * 12 + ['multipart/form-data; boundary="XbX"', "Multipart/Form-Data; BOUNDARY=XbX", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=Xb", "multipart/form-data; charset=utf-8; boundary=XbX", "multipart/mixed; boundary=XbX", "multipart/form-data;boundary=XbX;x=y"])
        if r.random() < 0.08 * NASTY:
            i = r.randrange(len(body) + 1)
            body = body[:i] if r.random() < 0.4 else body[:i] + r.choice([b"\r\n", b"--", b"\n", b"x", b'"', b":", b";", b"--XbX", b"\r\n--XbX\r\n", b"\r\n--XbX--"]) + body[min(len(body), i + r.choice([0, 1, 2])):]
        if r.random() < 0.04:
            body += r.choice([b"epilogue", b"\r\n", b"\n", b"\r\n\r\nmore"])
    if kind is not None:
        headers.append(["content-type", kind])
    headers.append(["content-length", str(len(body))])
    return {"method": "POST", "target": target, "headers": headers, "data": body}


CASES = {"params": params_case, "bodies": bodies_case, "errors": errors_case, "forms": forms_case}
