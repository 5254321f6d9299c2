"""The jobs of the benchmark, as the files that the web server hands out.

The bodies are those of the scripted API server: about 2.7 kB a job, or what a readMask leaves of it.
They never change, so that what is measured is the usual case, a poll that finds nothing new.
"""

import json
import os
import sys
from datetime import timedelta
from types import SimpleNamespace

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "sim"))

import bodies  # noqa: E402
import scenario  # noqa: E402

ACCOUNT = "acme"
COLLECTION = bodies.KINDS["sft"][0]
EMPTY_KIND = "dpo"  # a collection without jobs
PAGE_SIZE = 200  # the API's maximum, and what the daemon asks for
# As the daemon asks for the fields of this kind that count: job_json_read_mask().
MASK = ("name,status,state,displayName,createTime,jobProgress,dataset,baseModel,outputModel,"
        "completedTime,epochs")
STATES = ("JOB_STATE_RUNNING",) * 3 + ("JOB_STATE_PENDING", "JOB_STATE_COMPLETED")


def make_job(index):
    job_id = bodies.generated_id("sft", f"bench/{index}")
    return SimpleNamespace(
        kind="sft", account=ACCOUNT, id=job_id,
        name=f"accounts/{ACCOUNT}/{COLLECTION}/{job_id}",
        display_name=f"prod-support-{index:05d}",
        created=bodies.EPOCH + timedelta(minutes=index),
        dataset=f"accounts/{ACCOUNT}/datasets/support-{index:05d}",
        base_model="accounts/fireworks/models/llama-v3p1-8b-instruct",
        output_model=f"accounts/{ACCOUNT}/models/ft-{job_id}",
        epochs=2,
    )


def _masked(text):
    return bodies.dumps(scenario.apply_mask(json.loads(text), MASK))


def _text(job, index, state=None):
    progress = {name: index * (i + 1) % 1000 for i, name in enumerate(bodies.PROGRESS)}
    progress["percent"] = index % 101
    values = {
        "state": state or STATES[index % len(STATES)],
        "status": {"code": "OK", "message": ""},
        "progress": progress,
    }
    text = bodies.dumps(bodies.job_body(job, values))
    text = text.replace(bodies.UPDATE_TIME, bodies.timestamp(job.created + timedelta(minutes=9)))
    return text.replace(bodies.SIGNATURE, f"{index:064x}")


def masked_job():
    """One job as readMask leaves it."""
    return json.loads(_masked(_text(make_job(0), 0)))


def masked_text(index, state):
    """A job in that state, as readMask leaves it."""
    return _masked(_text(make_job(index), index, state))


def page_text(collection, texts, token, total):
    """A page of a list."""
    return (f'{{"{collection}":[{",".join(texts)}],"nextPageToken":"{token}",'
            f'"totalSize":{total}}}')


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


class Corpus:
    """`ids`, in the order of the list, have a file each; the pages hold the first `n_listed`. What
    a server that knows readMask hands out stands below masked/, what another one does below whole/.
    """

    def __init__(self, root, n_jobs, n_listed, masks=True):
        self.root = root
        self.n_listed = n_listed
        self.n_pages = n_listed // PAGE_SIZE
        self.masks = masks
        jobs = sorted((make_job(i) for i in range(n_jobs)), key=lambda job: job.name)
        texts = {"whole": [_text(job, i) for i, job in enumerate(jobs)]}
        if masks:
            texts["masked"] = [_masked(text) for text in texts["whole"]]
        self.ids = [job.id for job in jobs]
        self.mean_bytes = sum(map(len, texts["masked" if masks else "whole"])) // n_jobs
        for form in texts:
            self._write_jobs(os.path.join(root, form, "jobs"), texts[form])
            self._write_pages(os.path.join(root, form, "pages"), texts[form][:n_listed])

    def _write_jobs(self, directory, texts):
        single = os.path.join(directory, "v1", "accounts", ACCOUNT, COLLECTION)
        os.makedirs(single)
        for job_id, text in zip(self.ids, texts):
            write(os.path.join(single, job_id), text)

    def _write_pages(self, directory, texts):
        os.makedirs(directory)
        for page in range(self.n_pages):
            token = f"p{page + 1}" if page + 1 < self.n_pages else ""
            jobs = texts[page * PAGE_SIZE:(page + 1) * PAGE_SIZE]
            write(os.path.join(directory, f"p{page}"),
                  page_text(COLLECTION, jobs, token, len(texts)))
        empty = bodies.KINDS[EMPTY_KIND][0]
        write(os.path.join(directory, "empty"), page_text(empty, [], "", 0))

    def listed_ids(self):
        return self.ids[:self.n_listed]

    def job_paths(self):
        """As the daemon asks for them."""
        mask = f"?readMask={MASK}" if self.masks else ""
        return [f"/v1/accounts/{ACCOUNT}/{COLLECTION}/{job_id}{mask}" for job_id in self.ids]

    def page_paths(self):
        mask = f"&readMask={MASK}" if self.masks else ""
        first = f"/v1/accounts/{ACCOUNT}/{COLLECTION}?pageSize={PAGE_SIZE}{mask}"
        return [first] + [f"{first}&pageToken=p{page}" for page in range(1, self.n_pages)]
