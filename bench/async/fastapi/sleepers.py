"""What many sleeping tasks cost, with asyncio's loop or uvloop's: sleepers.py asyncio|uvloop COUNT"""
import asyncio
import json
import sys
import time

YIELDERS, YIELDS, NAP_S = 1000, 200, 600
asleep = 0


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


async def nap() -> None:
    global asleep
    asleep += 1
    await asyncio.sleep(NAP_S)


async def yield_often() -> None:
    for _ in range(YIELDS):
        await asyncio.sleep(0)


async def main(count: int) -> None:
    before, begun = resident_bytes(), time.monotonic_ns()
    tasks = [asyncio.create_task(nap()) for _ in range(count)]
    while asleep < count:
        await asyncio.sleep(0)
    start_ns = time.monotonic_ns() - begun
    bytes_each = (resident_bytes() - before) / count
    begun = time.monotonic_ns()
    await asyncio.gather(*(yield_often() for _ in range(YIELDERS)))
    switch_ns = (time.monotonic_ns() - begun) / (YIELDERS * YIELDS)
    print(json.dumps({"bytes_each": bytes_each, "start_ms": start_ns / 1e6, "switch_ns": switch_ns}), flush=True)
    for task in tasks:
        task.cancel()


if sys.argv[1] == "uvloop":
    import uvloop

    uvloop.run(main(int(sys.argv[2])))
else:
    asyncio.run(main(int(sys.argv[2])))
