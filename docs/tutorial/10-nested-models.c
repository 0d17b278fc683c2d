/* 10-nested-models.c - structs in structs, lists and maps of them. */
#include <galley.h>

GALLEY_STRUCT(image,
    (galley_str, url, .pattern = "^https?://"),
    (galley_str, name));

GALLEY_STRUCT(item,
    (galley_str,        name),
    (double,            price),
    (galley_str_list,   tags,   DEFAULT([])),
    (struct image *,    cover,  OBJECT(image), OPTIONAL),
    (struct image_list, images, LIST_OF(image), DEFAULT([])));

GALLEY_STRUCT(offer,
    (galley_str,       name),
    (struct item_list, items, LIST_OF(item), .min_length = 1));

GALLEY_STRUCT(create_offer_in, (struct offer, offer, BODY(offer)));
GALLEY_STRUCT(summary, (galley_str, name), (int64_t, items), (int64_t, images), (double, price));

static int create_offer(galley_async *co, const struct create_offer_in *in, struct summary *out)
{
    out->name = in->offer.name;
    for (size_t i = 0; i < in->offer.items.count; i++) {
        const struct item *item = &in->offer.items.at[i];
        out->items++;
        out->images += (int64_t)item->images.count + (item->cover != NULL);
        out->price += item->price;
    }
    return 0;
}

/* The whole body is a list; and so is the answer. */
GALLEY_STRUCT(images_in, (struct image_list, images, BODY(image), LIST));
GALLEY_ROOT(images, (struct image_list, images, LIST_OF(image)));

static int create_images(galley_async *co, const struct images_in *in, struct images *out)
{
    out->images = in->images;
    return 0;
}

/* Keys that nobody knows before, from names to weights. */
GALLEY_STRUCT(weights_in, (galley_float_map, weights, BODY()));
GALLEY_STRUCT(total, (double, total));

static int sum_weights(galley_async *co, const struct weights_in *in, struct total *out)
{
    for (size_t i = 0; i < in->weights.count; i++)
        out->total += in->weights.at[i].value;
    return 0;
}

GALLEY_APP(.title = "Nested models",
           .routes = GALLEY_ROUTES(
               GALLEY_POST("/offers", create_offer, create_offer_in, summary),
               GALLEY_POST("/images", create_images, images_in, images),
               GALLEY_POST("/weights", sum_weights, weights_in, total)));
