# The processor, its locked requirements and a Python; `processor` is the only entry.
#
#   make image
#   docker run --read-only --tmpfs /tmp rokt-cart-processor demo
#
# For the same bytes every time, give PYTHON_IMAGE a digest. An index of your own: --secret
# id=pip,src=pip.conf. Decision 0030 says what is in it and why.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0 \
    SOURCE_DATE_EPOCH=1577836800
WORKDIR /build
RUN python -m venv /tools && python -m venv --without-pip /opt/processor
COPY requirements/build.txt requirements/image.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    /tools/bin/pip install --quiet --require-hashes --only-binary :all: -r requirements/build.txt \
    && /tools/bin/pip --python /opt/processor/bin/python install --quiet --no-compile \
        --require-hashes --only-binary :all: -r requirements/image.txt
COPY LICENSE README.md pyproject.toml ./
COPY schemas schemas
COPY processor processor
RUN /tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . \
    && /tools/bin/pip --python /opt/processor/bin/python install --quiet --no-compile \
        --no-deps --no-index dist/*.whl \
    && /opt/processor/bin/python -m compileall -q --invalidation-mode unchecked-hash \
        /opt/processor/lib

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rokt-cart-processor" \
      org.opencontainers.image.description="Confirms paid orders and releases abandoned carts with Rokt, off Kafka." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Two arenas: else glibc keeps what is free for each of the threads of Kafka's client and RocksDB.
ENV MALLOC_ARENA_MAX=2 \
    PATH=/opt/processor/bin:$PATH \
    PROCESSOR_SERVER__HOST=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=build /opt/processor /opt/processor
USER 10001:10001
WORKDIR /tmp
EXPOSE 9464
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["processor", "healthcheck"]
ENTRYPOINT ["processor"]
CMD ["run"]
