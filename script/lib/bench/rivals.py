"""Other queues on PostgreSQL, drained by their own workers. Run by the Python that has them installed:

rivals.py NAME URL JOBS PROCESSES BATCH   prints seconds, and bytes of WAL, from the start of the work to its end
"""

import asyncio
import json
import multiprocessing
import sys
import time
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import awa
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.domain.types import QueueExecutionMode
from pgqueuer.queries import Queries

# Jobs that one worker of awa has under way at once.
AWA_WORKERS = 200


@dataclass
class Nothing:
    """A job of awa's. Its argument is as long as what Kinora's task brings."""

    prompt: str


PROMPT = "a paper boat drifts through a city in the rain, seen from above"


async def one_value(url, query):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def pgqueuer_fill(url, jobs):
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    if not await queries.has_table(queries.qbe.settings.queue_table):
        await queries.install()
    for _ in range(0, jobs, 1000):
        await queries.enqueue(["nothing"] * 1000, [PROMPT.encode()] * 1000, [0] * 1000)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def pgqueuer_work(url, _, batch, ready):
    connection = await asyncpg.connect(url)
    queue = PgQueuer(AsyncpgDriver(connection))

    @queue.entrypoint("nothing")
    async def nothing(_):
        pass

    ready()
    await queue.qm.run(
        dequeue_timeout=timedelta(seconds=1), batch_size=batch, mode=QueueExecutionMode.drain,
        log_aggregation_interval=timedelta(0),
    )


async def awa_fill(url, jobs):
    client = awa.AsyncClient(url)
    await client.migrate()
    await client.install_queue_storage(reset=True)
    for _ in range(0, jobs, 1000):
        await client.enqueue_many_copy([Nothing(PROMPT)] * 1000, queue="nothing")
    await client.close()
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def awa_work(url, share, batch, ready):
    client = awa.AsyncClient(url, max_connections=10)
    done, finished = 0, asyncio.Event()

    @client.task(Nothing, queue="nothing")
    async def nothing(_):
        nonlocal done
        done += 1
        if done >= share:
            finished.set()

    ready()
    await client.start([{"name": "nothing", "max_workers": AWA_WORKERS, "claimers": 2, "claim_batch_size": batch}])
    await finished.wait()
    # Hands over what is not yet written as done.
    await client.shutdown(10_000)
    await client.close()


RIVALS = {"pgqueuer": (pgqueuer_fill, pgqueuer_work), "awa": (awa_fill, awa_work)}


def worker(work, url, share, batch, barrier):
    import uvloop

    uvloop.run(work(url, share, batch, barrier.wait))


def main(name, url, jobs, processes, batch):
    fill, work = RIVALS[name]
    asyncio.run(fill(url, jobs))
    before = asyncio.run(one_value(url, "SELECT pg_current_wal_insert_lsn() - '0/0'"))
    # Spawned, since awa leaves threads behind that a fork would not take along.
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes + 1)
    workers = [
        context.Process(target=worker, args=(work, url, jobs, batch, barrier)) for _ in range(processes)
    ]
    for process in workers:
        process.start()
    barrier.wait()
    began = time.monotonic()
    for process in workers:
        process.join()
    seconds = time.monotonic() - began
    wal = asyncio.run(one_value(url, "SELECT pg_current_wal_insert_lsn() - '0/0'")) - before
    print(json.dumps({"seconds": seconds, "wal_bytes": int(wal)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
