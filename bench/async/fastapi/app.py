"""What the benchmark asks of every peer, in FastAPI on uvicorn with uvloop and httptools: a sleep, four calls to a
remote API with aiohttp, four queries with asyncpg. Settings from the environment: REMOTE, CALLS, QUERIES, PGHOST..."""
import asyncio
import os
from contextlib import asynccontextmanager

import aiohttp
import asyncpg
from fastapi import FastAPI
from pydantic import BaseModel

REMOTE = os.environ["REMOTE"]


class Slept(BaseModel):
    status: str


class Answer(BaseModel):
    id: int
    name: str
    value: int


class Total(BaseModel):
    count: int
    total: int


@asynccontextmanager
async def lifespan(app: FastAPI):
    connector = aiohttp.TCPConnector(limit=int(os.environ["CALLS"]))
    app.state.client = aiohttp.ClientSession(connector=connector)
    size = int(os.environ["QUERIES"])
    app.state.pool = await asyncpg.create_pool(min_size=size, max_size=size) if size else None
    yield
    await app.state.client.close()
    if app.state.pool:
        await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.get("/sleep")
async def sleep() -> Slept:
    await asyncio.sleep(0.01)
    return Slept(status="slept")


async def call() -> int:
    async with app.state.client.get(REMOTE) as response:
        response.raise_for_status()
        return Answer.model_validate_json(await response.read()).value


@app.get("/calls")
async def calls() -> Total:
    values = await asyncio.gather(call(), call(), call(), call())
    return Total(count=len(values), total=sum(values))


async def query(number: int) -> int:
    return await app.state.pool.fetchval("select $1::int from pg_sleep(0.002)", number)


@app.get("/queries")
async def queries() -> Total:
    values = await asyncio.gather(query(1), query(2), query(3), query(4))
    return Total(count=len(values), total=sum(values))
