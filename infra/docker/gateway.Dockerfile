# The gateway, made from a clean checkout.

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

FROM modules AS packages
COPY packages/client/package.json packages/client/
COPY services/worker-postgres/package.json services/worker-postgres/
COPY services/gateway/package.json services/gateway/

FROM packages AS build
RUN npm ci --workspace=services/gateway --include-workspace-root --omit=optional --ignore-scripts --no-audit --no-fund
COPY tsconfig.base.json ./
COPY packages packages
COPY services services
RUN node_modules/.bin/tsc -b services/gateway services/worker services/worker-postgres \
 && find packages services -path '*/dist/*' -type f ! -name '*.js' -delete

FROM packages AS production
RUN npm ci --workspace=services/gateway --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
 && rm -r node_modules/better-sqlite3/deps node_modules/better-sqlite3/src

FROM node:24-trixie-slim
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=production /app ./
COPY --from=sqlite /better-sqlite3/build/Release/better_sqlite3.node node_modules/better-sqlite3/build/Release/
COPY --from=guard /guard services/worker/dist/native
COPY --from=build /app/packages/contract/dist packages/contract/dist
COPY --from=build /app/packages/worker-kit/dist packages/worker-kit/dist
COPY --from=build /app/services/gateway/dist services/gateway/dist
COPY --from=build /app/services/worker/dist services/worker/dist
COPY --from=build /app/services/worker-postgres/dist services/worker-postgres/dist
# Runs as root, for Docker's socket and to give each worker its folder; compose takes root's other powers away.
ENTRYPOINT ["node", "services/gateway/dist/main.js"]
