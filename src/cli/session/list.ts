import type { Session } from "../../../gen/opscore/v1/lifecycle_pb.ts";
import { agents } from "../agent/view.ts";
import { command } from "../command.ts";
import { CALL_EXITS } from "../help.ts";
import { byId } from "../ids.ts";
import { LIST_OPTIONS } from "../options.ts";
import type { View } from "../output/view.ts";
import { pages } from "../pages.ts";

const sessions: View<Session> = {
  noun: "session",
  schema: async () => (await import("../../../gen/opscore/v1/lifecycle_pb.ts")).SessionSchema,
  id: ({ sessionId }) => sessionId,
  columns: [
    { head: "SESSION", field: "sessionId" },
    { head: "AGENT", field: "agentId" },
    { head: "EPOCH", field: "epoch", alignRight: true },
    { head: "OPENED", field: "openTime" },
    { head: "CLOSED", field: "closeTime" },
    { head: "LEASE ENDS", field: "leaseExpireTime", wide: true },
    { head: "BEATS EVERY", field: "heartbeatInterval", wide: true },
    { head: "PEER", field: "peer", wide: true },
    { head: "REASON", field: "closeReason" },
  ],
};

const { limit, pageToken } = LIST_OPTIONS;

export const sessionList = command({
  path: "session list",
  aliases: ["ls"],
  summary: "sessions of an agent, the newest first",
  arguments: { agent: { about: "its id, or the beginning of it" } },
  options: { limit, pageToken },
  prints: sessions,
  examples: [
    { run: "opscore session list writer", shows: /SESSION .*\n\S+ +writer +1 +\S+ ago/ },
    { run: "opscore sessions ls writer --limit 1 -o id", shows: /^[0-9a-f-]{36}\n/ },
  ],
  exits: [...CALL_EXITS, "notFound"],
  async run(context, input) {
    const lifecycle = await context.ops.lifecycle();
    const read = async (pageSize: number, token: string) => {
      const page = await byId(agents, context.ops, input.agent, (agentId) =>
        lifecycle.listSessions({ agentId, pageSize, pageToken: token }),
      );
      return { items: page.sessions, next: page.nextPageToken };
    };
    await context.print.all(pages(read, input, context.more));
  },
});
