# The worker of one SQLite database. The context is the root of a checkout in which `tsc -b` has run.

# The lock file cut down to what the worker needs: it stays the same, and with it the next stage's layers, when some
# other workspace changes.
FROM node:24-trixie AS manifests
WORKDIR /app
COPY package.json package-lock.json ./
COPY packages/contract/package.json packages/contract/
COPY services/worker/package.json services/worker/
RUN npm pkg delete scripts devDependencies \
 && npm install --package-lock-only --workspace=services/worker --no-audit --no-fund

FROM node:24-trixie AS dependencies
# better-sqlite3 is compiled against the headers that come with this Node, and not downloaded.
ENV npm_config_nodedir=/usr/local npm_config_build_from_source=true JOBS=max
WORKDIR /app
COPY --from=manifests /app ./
# Since 24.19 this header makes each object of a native module remove a hook as it is collected, which ends the process
# when V8 collects while no script runs (nodejs/node#65446). Without the two calls it is the header from before.
RUN sed -i -E '/^ *(Add|Remove)CleanupHook\(\);$/d' /usr/local/include/node/node_object_wrap.h
RUN npm ci --workspace=services/worker --omit=dev --no-audit --no-fund \
 && cd node_modules/better-sqlite3 \
 && cp build/Release/better_sqlite3.node . \
 && rm -rf build deps src \
 && mkdir -p build/Release \
 && mv better_sqlite3.node build/Release

FROM node:24-trixie-slim
# A worker starts no other program, and has nothing to install.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app ./
COPY packages/contract/dist packages/contract/dist
COPY services/worker/dist services/worker/dist
USER 10001:10001
# The worker bounds its own heap, by the memory that it is told.
ENTRYPOINT ["node", "services/worker/dist/main.js"]
