# The worker of one PostgreSQL database, made from a clean checkout. Builds with BuildKit and with the classic builder.

FROM node:24-trixie AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.base.json ./
COPY packages packages
COPY services services
RUN npm ci --workspace=services/worker-postgres --include-workspace-root --omit=optional --ignore-scripts --no-audit --no-fund
RUN node_modules/.bin/tsc -b services/worker-postgres \
 && find packages services -path '*/dist/*' -type f ! -name '*.js' -delete

# Of what npm installs, a worker needs nothing but its own parts.
FROM node:24-trixie AS production
WORKDIR /app
COPY --from=build /app/packages/contract/package.json packages/contract/
COPY --from=build /app/packages/contract/dist/wire packages/contract/dist/wire
COPY --from=build /app/packages/worker-kit/package.json packages/worker-kit/
COPY --from=build /app/packages/worker-kit/dist packages/worker-kit/dist
COPY --from=build /app/services/worker-postgres/package.json services/worker-postgres/
COPY --from=build /app/services/worker-postgres/dist services/worker-postgres/dist
RUN mkdir -p node_modules/@db-forge \
 && ln -s ../../packages/contract ../../packages/worker-kit node_modules/@db-forge/

FROM node:24-trixie-slim AS node

FROM postgres:17-trixie AS server
USER root
# The name is for PostgreSQL, which asks who its user is. Compiled queries (jit) are not used, and their compiler is large.
RUN useradd --uid 10001 --no-create-home --home-dir / --shell /usr/sbin/nologin dbforge \
 && rm -rf /usr/lib/postgresql/*/lib/bitcode /usr/lib/postgresql/*/lib/llvmjit* /usr/lib/*/libLLVM* /usr/lib/llvm-* \
 && rm -rf /docker-entrypoint-initdb.d /usr/share/doc /usr/share/man /usr/share/perl /usr/share/locale /var/lib/postgresql/*
COPY --from=node /usr/local/bin/node /usr/local/bin/
COPY --from=production /app /app
RUN mkdir /app/templates && chown dbforge /app/templates
USER dbforge
# A worker with another user shall be able to copy it too.
RUN node /app/services/worker-postgres/dist/make-template.js /app/templates && chmod -R a+rX /app/templates

# Without the layers below, and without the volume that the official image would make for each container.
FROM scratch
COPY --from=server / /
ENV NODE_ENV=production MALLOC_ARENA_MAX=1 DBFORGE_POSTGRES_TEMPLATES=/app/templates \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /app
USER 10001:10001
# Most of the memory is the server's.
ENTRYPOINT ["node", "--max-semi-space-size=1", "--optimize-for-size", "--max-old-space-size=64", "services/worker-postgres/dist/main.js"]
