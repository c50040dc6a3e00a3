# The worker of one SQLite database, made from a clean checkout. Builds with BuildKit and with the classic builder.

# These stages are the same in every image with better-sqlite3, so that a builder makes them once for all.
FROM node:24-trixie AS modules
WORKDIR /app
COPY package.json package-lock.json ./
COPY packages/contract/package.json packages/contract/
COPY packages/worker-kit/package.json packages/worker-kit/
COPY services/worker/package.json services/worker/
RUN npm ci --workspace=services/worker --omit=dev --ignore-scripts --no-audit --no-fund

# Compiled against the headers that come with this Node, and not downloaded.
FROM node:24-trixie AS sqlite
WORKDIR /better-sqlite3
# Since 24.19 this header makes each object of a native module remove a hook as it is collected, which ends the process
# when V8 collects while no script runs (nodejs/node#65446). Without the two calls it is the header from before.
RUN sed -i -E '/^ *(Add|Remove)CleanupHook\(\);$/d' /usr/local/include/node/node_object_wrap.h
COPY --from=modules /app/node_modules/better-sqlite3 ./
RUN JOBS=max npm_config_nodedir=/usr/local npm run build-release

# Made of the guard's own sources and SQLite's headers, so that a change of TypeScript does not reach it.
FROM node:24-trixie AS guard
WORKDIR /app
COPY --from=modules /app/node_modules/better-sqlite3/package.json node_modules/better-sqlite3/
COPY --from=modules /app/node_modules/better-sqlite3/deps/sqlite3 node_modules/better-sqlite3/deps/sqlite3
COPY services/worker/native services/worker/native
RUN node services/worker/native/build.mjs /guard

FROM modules AS build
RUN npm ci --workspace=services/worker --include-workspace-root --ignore-scripts --no-audit --no-fund
COPY tsconfig.base.json ./
COPY packages packages
COPY services services
RUN node_modules/.bin/tsc -b services/worker \
 && find packages services -path '*/dist/*' -type f ! -name '*.js' -delete

FROM modules AS production
RUN rm -r node_modules/better-sqlite3/deps node_modules/better-sqlite3/src

FROM node:24-trixie-slim
# A worker starts no other program, and has nothing to install.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-*
# Freed memory goes back to the system: a small container has none to keep for later.
ENV NODE_ENV=production MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
WORKDIR /app
COPY --from=production /app ./
COPY --from=sqlite /better-sqlite3/build/Release/better_sqlite3.node node_modules/better-sqlite3/build/Release/
COPY --from=guard /guard services/worker/dist/native
COPY --from=build /app/packages/contract/dist packages/contract/dist
COPY --from=build /app/packages/worker-kit/dist packages/worker-kit/dist
COPY --from=build /app/services/worker/dist services/worker/dist
USER 10001:10001
# The worker bounds its own heap, by the memory that it is told.
ENTRYPOINT ["node", "services/worker/dist/main.js"]
