# The dashboard, made from a clean checkout.

FROM node:24-trixie AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY packages/client/package.json packages/client/
COPY packages/contract/package.json packages/contract/
COPY services/frontend/package.json services/frontend/
RUN npm ci --workspace=services/frontend --include-workspace-root --ignore-scripts --no-audit --no-fund
COPY tsconfig.base.json ./
COPY packages packages
COPY services/frontend services/frontend
RUN node_modules/.bin/tsc -b packages/client && npm run build -w services/frontend

FROM node:24-trixie-slim
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-*
ENV NODE_ENV=production HOSTNAME=0.0.0.0 PORT=3000
WORKDIR /app
COPY --from=build /app/services/frontend/.next/standalone ./
USER 1000:1000
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=3s --retries=12 CMD ["node", "-e", "fetch('http://127.0.0.1:3000/sign-in').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "services/frontend/server.js"]
