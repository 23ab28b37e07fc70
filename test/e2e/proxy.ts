import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A way to the server on which every answer is lost: what is asked gets there, nothing comes back. */
export async function startOneWayProxy(port: number): Promise<{ readonly url: string }> {
  const sockets = new Set<Socket>();
  const proxy = createServer((caller) => {
    const server = connect(port, "127.0.0.1");
    for (const socket of [caller, server]) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => caller.destroy());
    }
    caller.pipe(server);
    server.resume();
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
  return { url: `http://127.0.0.1:${address.port}` };
}
