"""A watcher that passes changes on, as one would write it in Python: asyncio, aiohttp, json.

usage: aiohttp_forwarder.py API-URL JOBS webhook URL
       aiohttp_forwarder.py API-URL JOBS hook PROGRAM ARGUMENT

Polls each job once a second, spread over the second, and POSTs each change of state at once, or runs
the program, after the one before it of the same job. It keeps nothing: what it has not passed on when
it ends is lost. Runs until it is ended.
"""

import asyncio
import json
import sys

import aiohttp

COLLECTION = "supervisedFineTuningJobs"
INTERVAL_S = 1.0
CONNECTIONS = 4  # to each of the two, as tunewatchd
HOOKS = 16


class Forwarder:
    def __init__(self, url, polls, way, target):
        self.url, self.polls, self.target = url, polls, target
        self.forward = {"webhook": self.post, "hook": self.run_hook}[way]
        self.hooks = asyncio.Semaphore(HOOKS)
        self.posts = None

    async def post(self, event):
        async with self.posts.post(self.target[0], json=event) as response:
            await response.read()

    async def run_hook(self, event):
        async with self.hooks:
            process = await asyncio.create_subprocess_exec(
                *self.target, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={"TUNEWATCH_STATUS_MESSAGE": event["to"]["status"]["message"]})
            await process.communicate(json.dumps(event).encode())

    async def watch(self, index, count):
        url = f"{self.url}/v1/accounts/acme/{COLLECTION}/job-{index}"
        loop = asyncio.get_running_loop()
        due = loop.time() + INTERVAL_S * index / count
        before = None
        while True:
            await asyncio.sleep(due - loop.time())
            due = max(due + INTERVAL_S, loop.time())
            async with self.polls.get(url) as response:
                response.raise_for_status()
                job = json.loads(await response.read())
            if before and before["state"] != job["state"]:
                await self.forward({"job": job["name"], "from": before, "to": job})
            before = job

    async def run(self, count):
        async with aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=None)) as self.posts:
            await asyncio.gather(*(self.watch(i, count) for i in range(count)))


async def run(url, count, way, *target):
    headers = {"authorization": "Bearer fw_benchmark_key"}
    async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS), headers=headers,
            timeout=aiohttp.ClientTimeout(total=None)) as polls:
        await Forwarder(url, polls, way, target).run(int(count))


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
