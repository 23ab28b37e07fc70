import type { Limit } from "../../core/limits.ts";

/** Every limit of the port, by name. Settings like those of the rules: `OPSCORE_LIMIT_<NAME>`. */
export const HTTP_LIMITS = {
  request_bytes: { value: 4 * 1024 * 1024, unit: "bytes", about: "a request after decompression" },
  held_bytes: {
    value: 256 * 1024 * 1024,
    unit: "bytes",
    about: "requests that are read or answered at the same time, together",
  },
  response_bytes: { value: 16 * 1024 * 1024, unit: "bytes", about: "a response" },
  url_bytes: { value: 8 * 1024, unit: "bytes", about: "the URL of a request" },
  header_bytes: { value: 16 * 1024, unit: "bytes", about: "the headers of a request" },
  header_pairs: { value: 64, unit: "items", about: "headers of an HTTP/2 request" },
  first_byte_ms: {
    value: 5_000,
    unit: "ms",
    about: "from accepting a connection to knowing its protocol",
  },
  headers_ms: { value: 10_000, unit: "ms", about: "for the headers of an HTTP/1.1 request" },
  request_ms: {
    value: 30_000,
    unit: "ms",
    about: "for the whole of a request, streams of requests excepted",
  },
  keep_alive_ms: { value: 75_000, unit: "ms", about: "an idle HTTP/1.1 connection is kept" },
  session_idle_ms: {
    value: 60_000,
    unit: "ms",
    about: "an HTTP/2 connection without a stream is kept",
  },
  ping_ms: { value: 20_000, unit: "ms", about: "between two pings of an HTTP/2 connection" },
  handshake_ms: { value: 10_000, unit: "ms", about: "for a TLS handshake" },
  connections: { value: 10_000, unit: "items", about: "connections of the server" },
  connections_per_ip: {
    value: 200,
    unit: "items",
    about: "connections of one address, loopback excepted",
  },
  streams_per_connection: {
    value: 250,
    unit: "items",
    about: "calls at once on one HTTP/2 connection",
  },
  streams: {
    value: 10_000,
    unit: "items",
    about: "open streams and waiting calls of the server",
  },
  streams_per_principal: {
    value: 200,
    unit: "items",
    about: "open streams and waiting calls of one principal, with API keys",
  },
  unary_calls: {
    value: 1_024,
    unit: "items",
    about: "unary calls in flight; one that waits counts as a stream",
  },
  unary_calls_per_principal: {
    value: 64,
    unit: "items",
    about: "unary calls in flight of one principal, with API keys",
  },
  unary_ms: { value: 60_000, unit: "ms", about: "a unary call" },
  stall_ms: { value: 30_000, unit: "ms", about: "a reader of a stream that takes nothing" },
  calls_per_second: {
    value: 100,
    unit: "per_second",
    about: "calls of one principal and kind, with API keys",
  },
  calls_burst_items: {
    value: 200,
    unit: "items",
    about: "calls of one principal and kind at once, with API keys",
  },
  batch_items_per_second: {
    value: 10_000,
    unit: "per_second",
    about: "items of batches of one principal, with API keys",
  },
  batch_burst_items: {
    value: 20_000,
    unit: "items",
    about: "items of batches of one principal at once, with API keys",
  },
} as const satisfies Readonly<Record<string, Limit>>;

export type HttpLimitName = keyof typeof HTTP_LIMITS;

/** The limits in force, by name. */
export type HttpLimits = Readonly<Record<HttpLimitName, number>>;
