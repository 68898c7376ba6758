# Two stages: the first installs the locked dependencies; the second has no installer and no compiler.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN python3 -m venv /uv && /uv/bin/pip install --no-cache-dir uv==0.13.9
WORKDIR /passgate
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN /uv/bin/uv sync --locked --no-dev --all-extras --no-install-project
COPY app app
COPY migrations migrations
RUN /uv/bin/uv sync --locked --no-dev --all-extras --no-editable

FROM ${BASE}
RUN groupadd --gid 10001 passgate && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin passgate
COPY --from=build /passgate/.venv /passgate/.venv
ENV PATH=/passgate/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["passgate"]
CMD ["serve", "--host", "0.0.0.0"]
