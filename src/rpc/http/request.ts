import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

/** A request of either HTTP version, as Node gives it. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;
export type Door = (req: NodeRequest, res: NodeResponse) => void;

/** The path without the query. */
export function pathOf(req: NodeRequest): string {
  return (req.url ?? "").split("?", 1)[0] ?? "";
}

/** Address of the caller, without a port. */
export function addressOf(req: NodeRequest): string {
  return req.socket?.remoteAddress ?? "";
}

/** Address and user agent, for operators. */
export function peerOf(req: NodeRequest): string {
  const agent = req.headers["user-agent"] ?? "";
  return `${addressOf(req)} ${agent}`.trim().slice(0, 256);
}

/** Headers of a request, without the pseudo headers of HTTP/2. */
export function headersOf(req: NodeRequest): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(req.headers)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  return headers;
}

/** A short answer that is complete at once. */
export function answer(
  res: NodeResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const plain = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };
  // Both classes have the same method; their types differ only in what it returns.
  (res as { writeHead(status: number, headers: object): unknown }).writeHead(status, {
    ...plain,
    ...headers,
  });
  res.end(body);
}
