# syntax=docker/dockerfile:1
# A stock Ballista, scheduler and executor in one image, built from their published crates as deploy/ballista says.
# Build it from the repository's root:
#
#     docker build -f deploy/ballista.Dockerfile -t snowtrail-ballista .
#
# deploy/cluster.yaml runs it. No function and no operator in it is Snowtrail's.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY deploy/ballista .
RUN cargo build --release --locked -p ballista-scheduler -p snowtrail-ballista --bins \
    && install -D -t out/usr/local/bin target/release/ballista-scheduler target/release/ballista-executor \
    && install -d out/var/lib/ballista

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/out/usr/local/bin /usr/local/bin

# What stages hand to each other lies here; a volume, so that the root may be read-only.
COPY --from=build --chown=65532:65532 /src/out/var/lib/ballista /var/lib/ballista
VOLUME /var/lib/ballista
WORKDIR /var/lib/ballista
USER 65532:65532
STOPSIGNAL SIGTERM
CMD ["/usr/local/bin/ballista-scheduler"]
