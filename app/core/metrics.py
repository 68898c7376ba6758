"""Prometheus metrics for operators; never used for decisions, and never by account or user."""

import multiprocessing
import os

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""Names the directory where the processes of one `serve` store their counts, so that each can report the sum."""

# prometheus_client reads these variables when it is imported. In a worker process of `serve` they name a directory
# that `serve` created. In any other process they belong to another program, so they are removed.
if multiprocessing.parent_process() is None:
    os.environ.pop(MULTIPROCESS, None)
    os.environ.pop(MULTIPROCESS.lower(), None)

from prometheus_client import Counter, Gauge, Histogram  # noqa: E402 -- reads the variables above

REQUESTS = Counter("passgate_requests", "Requests by route and status.", ["method", "route", "status"])
FAULTS = Counter("passgate_faults", "Requests that ended with an unexpected error.")
SECONDS = Histogram(
    "passgate_request_seconds",
    "How long an answer took, by route.",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
REFUSALS = Counter(
    "passgate_refusals", "Refused calls by route and code: failed sign-ins and passcodes.", ["route", "code"]
)
SIGN_INS = Counter("passgate_sign_ins", "Finished sign-ins by what was proven.", ["methods", "trusted_device"])
HASH_QUEUE = Gauge("passgate_hash_queue", "Hashes that wait or run.", multiprocess_mode="livesum")
POOL_IN_USE = Gauge("passgate_pool_in_use", "Database connections in use.", multiprocess_mode="livesum")
