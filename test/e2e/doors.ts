import type { Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";
import { createOpsClient, type OpsClient } from "../../src/client/index.ts";
import { createCurlTransport } from "./curl-transport.ts";
import { createGrpcJsTransport } from "./grpc-js-transport.ts";
import type { Server } from "./server.ts";

/** A way into the server, and what it can carry. */
export interface Door {
  readonly open: (server: Server) => Transport;
  /** Streams of tasks need more than lines of plain JSON. */
  readonly streams: boolean;
  /** Streams both ways need HTTP/2. */
  readonly talks: boolean;
}

export const DOORS = {
  "Connect with JSON over HTTP/1.1": {
    open: ({ url }) =>
      createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: false }),
    streams: true,
    talks: false,
  },
  "Connect over HTTP/2": {
    open: ({ url }) => createConnectTransport({ baseUrl: url, httpVersion: "2" }),
    streams: true,
    talks: true,
  },
  gRPC: {
    open: ({ url }) => createGrpcTransport({ baseUrl: url }),
    streams: true,
    talks: true,
  },
  "gRPC-Web": {
    open: ({ url }) => createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" }),
    streams: true,
    talks: false,
  },
  "grpc-js": {
    open: ({ address }) => {
      const transport = createGrpcJsTransport(address);
      onTestFinished(() => transport.close());
      return transport;
    },
    streams: true,
    talks: true,
  },
  "curl and NDJSON": {
    open: ({ url }) => createCurlTransport(url, "ndjson"),
    streams: false,
    talks: false,
  },
  "curl and SSE": {
    open: ({ url }) => createCurlTransport(url, "sse"),
    streams: false,
    talks: false,
  },
} as const satisfies Readonly<Record<string, Door>>;

export type DoorName = keyof typeof DOORS;

export const DOOR_NAMES = Object.keys(DOORS) as readonly DoorName[];

export function clientOf(door: DoorName, server: Server): OpsClient {
  return createOpsClient({ url: server.url, transport: DOORS[door].open(server) });
}
