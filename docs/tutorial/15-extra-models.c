/* 15-extra-models.c - one of several structs, lists, and maps as answers. */
#include <galley.h>

GALLEY_STRUCT(car,   (galley_str, type, LITERAL("car")),   (galley_str, description), (int64_t, doors));
GALLEY_STRUCT(plane, (galley_str, type, LITERAL("plane")), (galley_str, description), (int64_t, size));
GALLEY_UNION(vehicle, type, (car), (plane));

GALLEY_STRUCT(vehicle_id, (int64_t, id, PATH, .ge = 1, .le = 2));

static int read_vehicle(galley_async *co, const struct vehicle_id *in, struct vehicle *out)
{
    if (in->id == 1) {
        out->is = vehicle_is_car;
        out->car = (struct car){GALLEY_STR("car"), GALLEY_STR("all my friends drive a low rider"), 2};
    } else {
        out->is = vehicle_is_plane;
        out->plane = (struct plane){GALLEY_STR("plane"), GALLEY_STR("music is my aeroplane"), 5};
    }
    return 0;
}

/* In a body, `type` decides which of them is read. */
GALLEY_STRUCT(add_in, (struct vehicle, vehicle, BODY(vehicle)));

static int add_vehicle(galley_async *co, const struct add_in *in, struct vehicle *out)
{
    *out = in->vehicle;
    return 0;
}

/* GALLEY_ROOT: the answer is the map itself, without an object around it. */
GALLEY_ROOT(wheels, (galley_int_map, counts));

static int count_wheels(galley_async *co, const struct galley_none *in, struct wheels *out)
{
    out->counts.count = 2;
    out->counts.at = galley_alloc(co, 2 * sizeof *out->counts.at);
    if (out->counts.at == NULL)
        return galley_fail(co, 503, "no memory");
    out->counts.at[0].key = GALLEY_STR("car");
    out->counts.at[0].value = 4;
    out->counts.at[1].key = GALLEY_STR("plane");
    out->counts.at[1].value = 3;
    return 0;
}

GALLEY_APP(.title = "Extra models",
           .routes = GALLEY_ROUTES(
               GALLEY_GET("/vehicles/{id}", read_vehicle, vehicle_id, vehicle),
               GALLEY_POST("/vehicles", add_vehicle, add_in, vehicle),
               GALLEY_GET("/wheels", count_wheels, galley_none, wheels)));
