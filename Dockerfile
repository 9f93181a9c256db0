# Built in one stage, run in another: no compiler and no installer in the image that runs.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements/run.txt requirements/run.txt
RUN python -m venv /opt/vm-balancer && \
    /opt/vm-balancer/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE vm_balancer.py ./
COPY balancer balancer
COPY bot bot
COPY sandbox sandbox
RUN /opt/vm-balancer/bin/pip install --no-cache-dir --no-deps . && \
    /opt/vm-balancer/bin/pip uninstall --yes pip

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home balancer
COPY --from=build /opt/vm-balancer /opt/vm-balancer
ENV PATH=/opt/vm-balancer/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATABASE_PATH=/data/vm_balancer.db \
    LOG_FILE=/data/vm_balancer.log
USER 10001
WORKDIR /data
VOLUME /data
ENTRYPOINT ["vm-balancer"]
