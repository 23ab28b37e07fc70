/** The client of Ops-Core: typed Connect clients and watches that resume. */
export {
  createOpsClient,
  createOpsTransport,
  type OpsClient,
  type OpsClientOptions,
} from "./ops-client.ts";
export { type Frame, type OpenStream, type WatchOptions, watch } from "./watch.ts";
