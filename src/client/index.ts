/** The client of Ops-Core: typed Connect clients and watches that resume. */
export { createOpsClient, type OpsClient, type OpsClientOptions } from "./ops-client.ts";
export { createOpsTransport, type ServerAddress } from "./transport.ts";
export { type Frame, type OpenStream, type WatchOptions, watch } from "./watch.ts";
