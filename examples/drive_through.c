/* drive_through.c - a drive-through: order, wait at the window, drive off with a warm meal.
 *
 *     curl -X POST 'http://127.0.0.1:8000/orders?burgers=2&fries=1&drinks=1'     the answer is the meal, when it is ready
 *     curl 'http://127.0.0.1:8000/kitchen'                                        what is being prepared just now
 *     http://127.0.0.1:8000/ in a browser                                         the same with buttons
 *
 * Grill, fryer and drinks work on an order at once, each as a coroutine with its own real waiting; meanwhile the
 * counter takes more orders. Nothing is stored: an order lives in the request that placed it, on its stack. */
#include <galley.h>

/* ---- the kitchen of this worker ---- */

/* A part of an order at its station. Linked from when its work begins until it ends. */
struct part {
    struct part *prev, *next;
    const char *station;
    int64_t order, count, ms_each, since_ms;
};

/* One thread runs all coroutines of a worker, and none is interrupted: a plain list needs no lock. */
static struct part kitchen = {.prev = &kitchen, .next = &kitchen};
static int64_t last_order;

static int prepare(galley_async *co, struct part *part)
{
    part->since_ms = galley_now_ms(co);
    part->prev = kitchen.prev;
    part->next = &kitchen;
    part->prev->next = part->next->prev = part;

    int rc = galley_sleep_ms(co, part->count * part->ms_each); /* sizzle */

    part->prev->next = part->next; /* also when the order was cancelled: that is only a result */
    part->next->prev = part->prev;
    return rc;
}

/* ---- POST /orders ---- */

GALLEY_STRUCT(order, /* what a customer says */
              (int64_t, burgers, QUERY, .default_json = "1", .ge = 0, .le = 10),
              (int64_t, fries, QUERY, .default_json = "1", .ge = 0, .le = 10),
              (int64_t, drinks, QUERY, .default_json = "1", .ge = 0, .le = 10));
GALLEY_STRUCT(meal, /* what a customer gets */
              (int64_t, number), (int64_t, burgers), (int64_t, fries), (int64_t, drinks),
              (int64_t, ready_after_ms));

static int place_order(galley_async *co, const struct order *order, struct meal *meal)
{
    if (order->burgers + order->fries + order->drinks == 0)
        return galley_fail(co, 400, "an empty bag is not a meal");

    int64_t number = ++last_order, start_ms = galley_now_ms(co);
    struct part burgers = {
        .station = "grill", .order = number, .count = order->burgers, .ms_each = 600};
    struct part fries = {
        .station = "fryer", .order = number, .count = order->fries, .ms_each = 400};
    struct part drinks = {
        .station = "drinks", .order = number, .count = order->drinks, .ms_each = 200};

    struct galley_scope bag; /* what is started in it has ended when it is closed */
    galley_scope_open(co, &bag, -1);
    galley_task *grill = galley_spawn(co, prepare, &burgers); /* all three at once ... */
    galley_task *fryer = galley_spawn(co, prepare, &fries);
    galley_task *fountain = galley_spawn(co, prepare, &drinks);
    int rc = galley_await(co, grill); /* ... and the slowest one decides */
    if (rc == 0)
        rc = galley_await(co, fryer);
    if (rc == 0)
        rc = galley_await(co, fountain);
    int closed = galley_scope_close(co, &bag);

    *meal = (struct meal){.number = number,
                          .burgers = order->burgers,
                          .fries = order->fries,
                          .drinks = order->drinks,
                          .ready_after_ms = galley_now_ms(co) - start_ms};
    return rc < 0 ? rc : closed;
}

/* ---- GET /kitchen ---- */

GALLEY_STRUCT(work, (int64_t, order), (galley_str, station), (int64_t, count),
              (int64_t, waited_ms));
struct board {
    int64_t orders_taken;
    GALLEY_LIST(struct work) parts;
};
GALLEY_MODEL(board, (orders_taken), (parts, LIST_OF(work)));

static int read_kitchen(galley_async *co, const struct galley_none *in, struct board *board)
{
    (void)in;
    size_t count = 0;
    for (const struct part *part = kitchen.next; part != &kitchen; part = part->next)
        count++;
    struct work *work = galley_alloc(co, count * sizeof *work);
    if (work == NULL)
        return galley_fail(co, 503, "the board is full");

    *board = (struct board){.orders_taken = last_order, .parts = {work, count}};
    for (const struct part *part = kitchen.next; part != &kitchen; part = part->next, work++)
        *work = (struct work){.order = part->order,
                              .station = galley_format(co, "%s", part->station),
                              .count = part->count,
                              .waited_ms = galley_now_ms(co) - part->since_ms};
    return 0;
}

/* ---- GET / ---- */

/* clang-format off */
static const char page[] =
    "<!doctype html><html lang=en><meta charset=utf-8><title>Drive-through</title>\n"
    "<meta name=viewport content='width=device-width'>\n"
    "<style>body{font:16px/1.5 system-ui;max-width:44em;margin:2em auto;padding:0 1em}\n"
    "input{width:3em} button{font:inherit;padding:.3em 1em} code{background:#eee} li{list-style:none}\n"
    ".bar{display:inline-block;height:.7em;background:#d62;border-radius:3px}</style>\n"
    "<h1>Drive-through</h1>\n"
    "<p>An order is <code>POST /orders</code>. Its answer comes when the meal is ready: grill, fryer and drinks\n"
    "prepare it at once, as coroutines that really wait, while the counter goes on taking orders.\n"
    "Press the button a few times quickly.</p>\n"
    "<p><label>Burgers <input id=burgers type=number value=2 min=0 max=10></label>\n"
    "<label>Fries <input id=fries type=number value=1 min=0 max=10></label>\n"
    "<label>Drinks <input id=drinks type=number value=1 min=0 max=10></label> <button id=go>Order</button></p>\n"
    "<h2>At the window</h2><ul id=meals></ul>\n"
    "<h2>In the kitchen</h2><ul id=parts></ul>\n"
    "<p>This is <code>GET /kitchen</code> of whichever worker answers; workers share nothing, so with several\n"
    "of them you may look into different kitchens.</p>\n"
    "<script>\n"
    "const id = x => document.getElementById(x);\n"
    "const line = (to, text) => { const li = document.createElement('li'); li.textContent = text; to.prepend(li); return li; };\n"
    "const complaint = m => m.detail.map ? m.detail.map(e => e.loc[1] + ': ' + e.msg).join('; ') : m.detail;\n"
    "id('go').onclick = async () => {\n"
    "  const li = line(id('meals'), 'waiting ...');\n"
    "  try {\n"
    "    const q = ['burgers', 'fries', 'drinks'].map(n => n + '=' + id(n).value).join('&');\n"
    "    const r = await fetch('/orders?' + q, {method: 'POST'}), m = await r.json();\n"
    "    li.textContent = r.ok\n"
    "      ? `#${m.number}: ${m.burgers} burgers, ${m.fries} fries, ${m.drinks} drinks, ready after ${m.ready_after_ms} ms`\n"
    "      : `${r.status}: ${complaint(m)}`;\n"
    "  } catch (e) { li.textContent = e; }\n"
    "};\n"
    "setInterval(async () => {\n"
    "  try {\n"
    "    const board = await (await fetch('/kitchen')).json(), ul = id('parts');\n"
    "    ul.replaceChildren();\n"
    "    for (const p of board.parts) {\n"
    "      const li = line(ul, `#${p.order} ${p.station}: ${p.count} for ${p.waited_ms} ms `);\n"
    "      const bar = document.createElement('span');\n"
    "      bar.className = 'bar'; bar.style.width = p.waited_ms / 20 + 'px'; li.append(bar);\n"
    "    }\n"
    "  } catch (e) { id('parts').textContent = e; }\n"
    "}, 300);\n"
    "</script></html>\n";
/* clang-format on */

static int show_page(galley_async *co, const struct galley_none *in, struct galley_html *out)
{
    (void)co, (void)in;
    out->html = (galley_str){page, sizeof page - 1};
    return 0;
}

GALLEY_APP(.title = "Drive-through", .version = "1.0",
           .routes = GALLEY_ROUTES(GALLEY_GET("/", show_page, galley_none, galley_html),
                                   GALLEY_POST("/orders", place_order, order, meal,
                                               .summary = "A meal, when it is ready"),
                                   GALLEY_GET("/kitchen", read_kitchen, galley_none, board)));
