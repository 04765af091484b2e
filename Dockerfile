# The images of `causeway-worker` and `causeway-api`, one target each. Needs BuildKit, the default builder of Docker.

FROM rust:1.95-bookworm AS build
WORKDIR /src
# Queries are checked against store/.sqlx: no database is needed.
ENV SQLX_OFFLINE=true
COPY . .
# The caches keep dependencies compiled between builds; what they hold is not part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin causeway-worker --bin causeway-api \
    && install -D -t /out target/release/causeway-worker target/release/causeway-api

FROM debian:bookworm-slim AS runtime
# curl asks for readiness.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin causeway
USER 10001
# Few heaps for all threads, and what is freed goes back to the system within seconds: docs/adr/0012-jemalloc.md.
ENV _RJEM_MALLOC_CONF=narenas:2,background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0

FROM runtime AS worker
COPY --from=build /out/causeway-worker /usr/local/bin/
EXPOSE 9090
ENTRYPOINT ["causeway-worker"]

FROM runtime AS api
COPY --from=build /out/causeway-api /usr/local/bin/
EXPOSE 8080
ENTRYPOINT ["causeway-api"]
