# Built in one stage, run in another: no compiler and no installer in the image that runs.
# BASE is any image with Python 3.10 to 3.14 as `python` and Debian below: a mirror's, one pinned by digest, your own.
ARG BASE=python:3.14-slim

FROM ${BASE} AS build
WORKDIR /src
RUN python -m venv /opt/vm-balancer
COPY requirements/build.txt requirements/run.txt requirements/
# The two secrets are there only where they are given, for networks that need them (CONTRIBUTING.md says how).
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.crt,target=/etc/ssl/certs/ca-certificates.crt \
    /opt/vm-balancer/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY deploy/man deploy/man
COPY balancer balancer
COPY bot bot
COPY sandbox sandbox
COPY vm_balancer vm_balancer
RUN /opt/vm-balancer/bin/pip install --no-cache-dir --no-index --no-deps --no-build-isolation . && \
    /opt/vm-balancer/bin/pip check && \
    /opt/vm-balancer/bin/pip uninstall --yes setuptools pip

FROM ${BASE}
# Python's own installers go as well: python:*-slim keeps them below /usr/local, Debian's Python below /usr.
RUN rm -rf /usr/local/bin/pip* /usr/local/bin/wheel* /usr/local/lib/python3*/ensurepip \
        /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/site-packages/setuptools* \
        /usr/local/lib/python3*/site-packages/wheel* /usr/lib/python3*/ensurepip /usr/share/python-wheels && \
    useradd --system --uid 10001 --home-dir /data --create-home balancer
COPY --from=build /opt/vm-balancer /opt/vm-balancer
ENV PATH=/opt/vm-balancer/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATABASE_PATH=/data/vm_balancer.db \
    LOG_FILE=/data/vm_balancer.log
USER 10001
WORKDIR /data
VOLUME /data
# Asks the running program's own record, see `vm-balancer health`.
HEALTHCHECK --interval=60s --timeout=30s --start-period=180s --retries=3 CMD ["vm-balancer", "health"]
ENTRYPOINT ["vm-balancer"]
