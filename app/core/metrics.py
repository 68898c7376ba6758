"""What is counted while the service works: for operators, never for decisions, and never by account or user."""

import multiprocessing
import os

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""Where the processes of one `serve` keep their counts, so that any of them can tell the sum."""

# prometheus_client decides by these when it is imported. In a process that `serve` started they name a directory
# of its own; in any other they are another program's, whose counts are not ours, and whose directory may be gone.
if multiprocessing.parent_process() is None:
    os.environ.pop(MULTIPROCESS, None)
    os.environ.pop(MULTIPROCESS.lower(), None)

from prometheus_client import Counter, Gauge, Histogram  # noqa: E402 -- reads what was taken out above

REQUESTS = Counter("passgate_requests", "Requests by route and status.", ["method", "route", "status"])
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
