/* 11-extra-data-types.c - UUIDs, dates, times, bytes: strings in JSON, values in C. */
#include <galley.h>

GALLEY_STRUCT(visit,
    (galley_time,    start),
    (galley_date,    day),
    (galley_clock *, opens,   OPTIONAL),
    (galley_bytes,   picture, OPTIONAL));

GALLEY_STRUCT(plan_in, (galley_uuid, item_id, PATH), (struct visit, visit, BODY(visit)));
GALLEY_STRUCT(plan,
    (galley_uuid,  item_id),
    (struct visit, visit, OBJECT(visit)),
    (int64_t,      picture_bytes),
    (bool,         is_weekend));

/* 0 is a Sunday (Sakamoto). */
static int weekday(galley_date day)
{
    static const int shift[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    int year = day.year - (day.month < 3);
    return (year + year / 4 - year / 100 + year / 400 + shift[day.month - 1] + day.day) % 7;
}

static int plan_visit(galley_async *co, const struct plan_in *in, struct plan *out)
{
    int day = weekday(in->visit.day);
    *out = (struct plan){.item_id = in->item_id, .visit = in->visit,
                         .picture_bytes = (int64_t)in->visit.picture.len,
                         .is_weekend = day == 0 || day == 6};
    return 0;
}

GALLEY_APP(.title = "Extra data types",
           .routes = GALLEY_ROUTES(GALLEY_PUT("/items/{item_id}", plan_visit, plan_in, plan)));
