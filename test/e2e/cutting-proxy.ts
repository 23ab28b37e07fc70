import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

const CUT_MS_MIN = 20;
const CUT_MS_MAX = 200;

/** A way to the server that breaks off every connection that lives, again and again. */
export interface CuttingProxy {
  readonly port: number;
  readonly address: string;
  readonly url: string;
  /** Connections cut after the server had said something on them. */
  readonly cuts: number;
  /** From now on connections last. */
  spare(): void;
}

export async function startCuttingProxy(port: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let [cuts, isCutting, turn] = [0, true, 0];
  const proxy = createServer((caller) => {
    const server = connect(port, "127.0.0.1");
    let hasSpoken = false;
    for (const socket of [caller, server]) {
      sockets.add(socket);
      socket
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(socket);
          caller.destroy();
          server.destroy();
        });
    }
    caller.pipe(server);
    server.pipe(caller);
    server.once("data", () => {
      hasSpoken = true;
    });
    // Spread evenly, and the same each time.
    const afterMs = CUT_MS_MIN + ((turn++ * 37) % (CUT_MS_MAX - CUT_MS_MIN));
    setTimeout(() => {
      if (!isCutting) return;
      if (hasSpoken && !caller.destroyed) cuts++;
      caller.resetAndDestroy();
    }, afterMs);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
    await once(proxy, "close");
  });
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    address: `127.0.0.1:${address.port}`,
    url: `http://127.0.0.1:${address.port}`,
    get cuts() {
      return cuts;
    },
    spare() {
      isCutting = false;
    },
  };
}
