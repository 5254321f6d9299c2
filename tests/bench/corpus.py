"""The jobs of the benchmark, as the files that the web server hands out.

The bodies are those of the scripted API server: about 2.4 kB a job. They never change, so that what
is measured is the usual case, a poll that finds nothing new.
"""

import os
import sys
from datetime import timedelta
from types import SimpleNamespace

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "sim"))

import bodies  # noqa: E402

ACCOUNT = "acme"
COLLECTION = bodies.KINDS["sft"][0]
EMPTY_KIND = "dpo"  # a collection without jobs
PAGE_SIZE = 200  # the API's maximum, and what the daemon asks for
STATES = ("JOB_STATE_RUNNING",) * 3 + ("JOB_STATE_PENDING", "JOB_STATE_COMPLETED")


def _job(index):
    job_id = bodies.generated_id("sft", f"bench/{index}")
    return SimpleNamespace(
        kind="sft", account=ACCOUNT, id=job_id,
        name=f"accounts/{ACCOUNT}/{COLLECTION}/{job_id}",
        display_name=f"prod-support-{index:05d}",
        created=bodies.EPOCH + timedelta(minutes=index),
        dataset=f"accounts/{ACCOUNT}/datasets/support-{index:05d}",
        base_model="accounts/fireworks/models/llama-v3p1-8b-instruct",
        output_model=f"accounts/{ACCOUNT}/models/ft-{job_id}",
    )


def _text(job, index):
    progress = {name: index * (i + 1) % 1000 for i, name in enumerate(bodies.PROGRESS)}
    progress["percent"] = index % 101
    values = {
        "state": STATES[index % len(STATES)],
        "status": {"code": "OK", "message": ""},
        "progress": progress,
    }
    text = bodies.dumps(bodies.job_body(job, values))
    text = text.replace(bodies.UPDATE_TIME, bodies.timestamp(job.created + timedelta(minutes=9)))
    return text.replace(bodies.SIGNATURE, f"{index:064x}")


def _write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


class Corpus:
    """`ids`, in the order of the list, have a file each; the pages hold the first `n_listed`."""

    def __init__(self, root, n_jobs, n_listed):
        self.root = root
        self.n_listed = n_listed
        jobs = sorted((_job(i) for i in range(n_jobs)), key=lambda job: job.name)
        texts = [_text(job, i) for i, job in enumerate(jobs)]
        self.ids = [job.id for job in jobs]
        self.mean_bytes = sum(map(len, texts)) // n_jobs
        single = os.path.join(root, "jobs", "v1", "accounts", ACCOUNT, COLLECTION)
        os.makedirs(single)
        for job, text in zip(jobs, texts):
            _write(os.path.join(single, job.id), text)
        self._write_pages(texts[:n_listed])

    def _write_pages(self, texts):
        directory = os.path.join(self.root, "pages")
        os.makedirs(directory)
        self.n_pages = len(texts) // PAGE_SIZE
        for page in range(self.n_pages):
            token = f"p{page + 1}" if page + 1 < self.n_pages else ""
            jobs = ",".join(texts[page * PAGE_SIZE:(page + 1) * PAGE_SIZE])
            _write(os.path.join(directory, f"p{page}"),
                   f'{{"{COLLECTION}":[{jobs}],"nextPageToken":"{token}",'
                   f'"totalSize":{len(texts)}}}')
        empty = bodies.KINDS[EMPTY_KIND][0]
        _write(os.path.join(directory, "empty"),
               f'{{"{empty}":[],"nextPageToken":"","totalSize":0}}')

    def listed_ids(self):
        return self.ids[:self.n_listed]

    def job_paths(self):
        return [f"/v1/accounts/{ACCOUNT}/{COLLECTION}/{job_id}" for job_id in self.ids]

    def page_paths(self):
        """As the daemon asks for them."""
        first = f"/v1/accounts/{ACCOUNT}/{COLLECTION}?pageSize={PAGE_SIZE}"
        return [first] + [f"{first}&pageToken=p{page}" for page in range(1, self.n_pages)]
