"""What is counted while the service works: for operators, never for decisions, and never by account or user."""

from prometheus_client import Counter, Histogram

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
