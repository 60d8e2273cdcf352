# syntax=docker/dockerfile:1
# The scoring service in a container. Two targets: `serve` (not root; ECS, EC2, anywhere) and
# `sagemaker` (root, as SageMaker asks). No model lies in an image: the champion comes from the
# mounted workspace or the published store, and is checked against its manifest.
#
#   docker build --target serve     --tag netsec:serve .
#   docker build --target sagemaker --tag netsec:sagemaker .
#
# A machine that reaches no registry gives its own base, and a binary that is built already takes
# the place of the stage `files` (see .ci/prove-image).
ARG RUST_IMAGE=rust:1.95-bookworm
# Has what the binary links: glibc, libstdc++ and libgomp for XGBoost, and CA certificates.
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

# ---- build -------------------------------------------------------------------------------------
FROM ${RUST_IMAGE} AS build
ARG PROFILE=dist
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
WORKDIR /build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# Everything that changes seldom first: the crates, and XGBoost's C++, which build.rs keeps in the
# target folder under a hash that does not depend on our sources. An empty program stands in for
# ours, so this layer is made again only when one of these three files changes.
COPY Cargo.toml Cargo.lock build.rs ./
RUN mkdir -p src benches \
    && touch src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && sed -n '/^\[\[bench\]\]/{n;s/name = "\(.*\)"/benches\/\1.rs/p;}' Cargo.toml | xargs -r touch \
    && cargo build --locked --profile "${PROFILE}" --bin netsec
COPY final_model/README.md final_model/README.md
COPY config.toml config.toml
COPY src src
# The copied files may be older than the empty program; cargo goes by the time.
RUN touch src/lib.rs src/main.rs \
    && cargo build --locked --profile "${PROFILE}" --bin netsec \
    && mkdir -p /out/bin /out/srv/Artifacts /out/srv/final_model \
    && cp "target/${PROFILE}/netsec" /out/bin/netsec \
    && cp config.toml /out/srv/config.toml

# ---- what goes into the images -----------------------------------------------------------------
FROM scratch AS files
COPY --from=build /out/ /

# ---- runtime: two files and nothing that could be called a shell ---------------------------------
FROM ${RUNTIME_IMAGE} AS runtime
ARG REVISION=unknown
LABEL org.opencontainers.image.title="netsec" \
      org.opencontainers.image.description="Scoring service for network-security threat classifiers" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=files /bin/netsec /usr/local/bin/netsec
# The workspace: mount one over it, or let the service read the published store.
COPY --from=files --chown=65532:65532 /srv /srv/netsec
WORKDIR /srv/netsec
# Two arenas of memory instead of one a thread: glibc keeps what each has freed.
ENV NETSEC_CONFIG=/srv/netsec/config.toml MALLOC_ARENA_MAX=2
EXPOSE 8080
STOPSIGNAL SIGTERM
# No shell, no curl: the program asks itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["/usr/local/bin/netsec", "healthcheck", "127.0.0.1:8080"]

# ---- SageMaker: `docker run IMAGE serve` and `docker run IMAGE train` ----------------------------
FROM runtime AS sagemaker
# SageMaker "expects all containers to run with root users": /opt/ml belongs to root.
# hadolint ignore=DL3002
USER 0:0
ENTRYPOINT ["/usr/local/bin/netsec", "sagemaker"]
CMD ["serve"]

# ---- the service; last, so that it is what a build without --target makes -------------------------
FROM runtime AS serve
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/netsec"]
# Not loopback, so the service refuses to start until it is given tokens.
CMD ["serve", "--listen", "0.0.0.0:8080"]
