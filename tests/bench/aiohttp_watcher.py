"""A watcher as one would write it in Python: asyncio, aiohttp, json.

usage: aiohttp_watcher.py jobs|pages URI-FILE CA-FILE SECONDS CONCURRENCY

Polls round and round, parses each answer and compares state, status and progress with those of the
poll before. After a first round, in which connections are made, it counts for SECONDS and prints
requests, jobs, CPU and time as JSON.
"""

import asyncio
import itertools
import json
import ssl
import sys
import time

import aiohttp

WARM_UP_S = 1.0


class Watcher:
    def __init__(self, session):
        self.session = session
        self.snapshots = {}
        self.changes = self.requests = self.jobs = 0

    async def get(self, url):
        async with self.session.get(url) as response:
            response.raise_for_status()
            body = await response.read()
        self.requests += 1
        return json.loads(body)

    def compare(self, job):
        name = job["name"]
        snapshot = (job["state"], job["status"], job["jobProgress"])
        if self.snapshots.get(name) != snapshot:
            self.snapshots[name] = snapshot
            self.changes += 1
        self.jobs += 1

    async def watch_jobs(self, urls):
        for url in urls:
            self.compare(await self.get(url))

    async def watch_pages(self, urls):
        for url in urls:
            page = await self.get(url)
            for job in page["supervisedFineTuningJobs"]:
                self.compare(job)


async def run(mode, urls, ca_file, seconds, concurrency):
    context = ssl.create_default_context(cafile=ca_file)
    connector = aiohttp.TCPConnector(ssl=context, limit=concurrency)
    headers = {"authorization": "Bearer fw_benchmark_key"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        watcher = Watcher(session)
        watch = {"jobs": watcher.watch_jobs, "pages": watcher.watch_pages}[mode]
        shared = itertools.cycle(urls)
        tasks = [asyncio.create_task(watch(shared)) for _ in range(concurrency)]
        await asyncio.sleep(WARM_UP_S)
        before = (watcher.requests, watcher.jobs, time.process_time(), time.monotonic())
        await asyncio.sleep(seconds)
        after = (watcher.requests, watcher.jobs, time.process_time(), time.monotonic())
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(result, asyncio.CancelledError):
                raise result
    names = ("requests", "jobs", "cpu_s", "seconds")
    print(json.dumps({name: b - a for name, a, b in zip(names, before, after)}))


def main():
    mode, uri_file, ca_file, seconds, concurrency = sys.argv[1:]
    with open(uri_file, encoding="ascii") as f:
        urls = f.read().split()
    asyncio.run(run(mode, urls, ca_file, float(seconds), int(concurrency)))


if __name__ == "__main__":
    main()
