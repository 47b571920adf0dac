# One image for every role: docker build -t likeness .
FROM node:20-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts scripts
COPY prisma.config.ts ./
COPY prisma prisma
RUN npm ci --omit=dev --no-audit --no-fund && npm cache clean --force
COPY src src
RUN node scripts/build.js
RUN mkdir /data && chown node:node /data
USER node
ENV HOST=0.0.0.0 DATA_DIR=/data
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:4000/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node is started directly, not by npm, so that it receives SIGTERM itself.
CMD ["node", "--enable-source-maps", "dist/server/main.js"]
