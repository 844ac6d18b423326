# Pintle's image: one static binary, certificates, and nothing else. docs/image.md tells how it is used.
#
#   docker build -t pintle .
#
# FILES=prebuilt takes what `cargo xtask files FOLDER` laid out, and compiles nothing:
#
#   docker build -t pintle --build-arg FILES=prebuilt -f Dockerfile FOLDER
ARG FILES=compiled

FROM rust:1.95-bookworm AS compiled
WORKDIR /source
COPY . .
RUN cargo xtask files /files

FROM scratch AS prebuilt
COPY . /files

FROM ${FILES} AS files

FROM scratch
COPY --from=files /files/root /
# A volume that is mounted here takes the owner over.
COPY --from=files --chown=65532:65532 /files/data /data
WORKDIR /app
# SQLite writes what does not fit in memory to files, and nothing else here can be written.
ENV PINTLE_APP=/app \
    PINTLE_STORE=sqlite:/data/data.db \
    PINTLE_LISTEN=0.0.0.0:8080 \
    SQLITE_TMPDIR=/data
USER 65532:65532
EXPOSE 8080
VOLUME /data
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/pintle", "health"]
ENTRYPOINT ["/pintle"]
CMD ["serve"]
