# docker build -t opscore .
# docker run -p 6772:6772 -v opscore:/data -v ./tls:/tls:ro -e OPSCORE_API_KEYS -e OPSCORE_TLS_CERT=/tls/cert.pem \
#   -e OPSCORE_TLS_KEY=/tls/key.pem --read-only opscore
# The image listens on 0.0.0.0, so it starts only with API keys and TLS, or with the flags that say otherwise:
# docker run -p 127.0.0.1:6772:6772 opscore node src/main.ts serve --insecure-no-auth --insecure-no-tls
# /data must be on a local disk with an honest fsync, not on NFS.

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without the optional packages: the image has its own Node.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-fund --no-audit

FROM node:24-bookworm-slim
ENV NODE_ENV=production OPSCORE_HOST=0.0.0.0 OPSCORE_STORE=sqlite:/data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY proto ./proto
COPY gen ./gen
COPY src ./src
RUN mkdir /data && chown 65532:65532 /data
USER 65532:65532
VOLUME /data
EXPOSE 6772
# The first byte of a TLS server is not HTTP's: ask in whichever way it speaks.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["node", "-e", "const tls = process.env.OPSCORE_TLS_CERT; const port = process.env.OPSCORE_PORT || 6772; require(tls ? 'https' : 'http').get({ host: '127.0.0.1', port, path: '/healthz', rejectUnauthorized: false }, (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# No npm in between, so that signals reach the server.
CMD ["node", "src/main.ts", "serve"]
