import type { Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";

/** Where the server is, and who calls. */
export interface ServerAddress {
  /** For example `http://127.0.0.1:6772`. */
  readonly url: string;
  /** API key; not needed by a local server. */
  readonly apiKey?: string;
  /** Namespace. Default `default`. */
  readonly namespace?: string;
}

/** The Connect protocol over HTTP/2, for clients of single services. */
export function createOpsTransport({ url, apiKey, namespace }: ServerAddress): Transport {
  return createConnectTransport({
    baseUrl: url,
    httpVersion: "2",
    interceptors: [
      (next) => (request) => {
        if (apiKey !== undefined) request.header.set("authorization", `Bearer ${apiKey}`);
        if (namespace !== undefined) request.header.set("opscore-namespace", namespace);
        return next(request);
      },
    ],
  });
}
