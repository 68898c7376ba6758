"""The metrics that Prometheus would read from services in this process."""

import httpx

from app.services import Services
from app.web.metrics_port import metrics_app


async def scrape(services: Services) -> str:
    """Return the metrics, including those read from the database."""
    transport = httpx.ASGITransport(metrics_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9464") as client:
        response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return response.text
