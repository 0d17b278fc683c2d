"""What many sleeping tasks cost in memory and CPU time, with asyncio's loop or uvloop's: sleepers.py asyncio|uvloop COUNT"""
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


async def hold_party(count: int) -> tuple[float, float]:
    global asleep
    asleep = 0
    before, begun = resident_bytes(), time.process_time_ns()
    tasks = [asyncio.create_task(nap()) for _ in range(count)]
    while asleep < count:
        await asyncio.sleep(0)
    start_ns = time.process_time_ns() - begun
    bytes_each = (resident_bytes() - before) / count
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return start_ns / 1e6, bytes_each


async def main(count: int) -> None:
    start_ms, bytes_each = await hold_party(count)
    again_ms, _ = await hold_party(count)
    begun = time.process_time_ns()
    await asyncio.gather(*(yield_often() for _ in range(YIELDERS)))
    switch_ns = (time.process_time_ns() - begun) / (YIELDERS * YIELDS)
    print(json.dumps({"bytes_each": bytes_each, "start_ms": start_ms, "again_ms": again_ms, "switch_ns": switch_ns}))


if sys.argv[1] == "uvloop":
    import uvloop

    uvloop.run(main(int(sys.argv[2])))
else:
    asyncio.run(main(int(sys.argv[2])))
