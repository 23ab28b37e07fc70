import { setTimeout as delay } from "node:timers/promises";
import { runGrpcAgent } from "./grpc-agent.ts";

/** Plans the research of a topic, and reviews what was written. Usage: planner.ts HOST:PORT */
const leaving = new AbortController();
process.once("SIGTERM", () => leaving.abort());

await runGrpcAgent({
  address: process.argv[2] ?? "127.0.0.1:6772",
  agentId: "planner",
  capabilities: [{ name: "plan", version: "2.1.0" }, { name: "review" }],
  signal: leaving.signal,
  async handle({ capability }, input) {
    await delay(100);
    if (capability === "review") {
      const isRevised = String(input["text"]).includes("(revised)");
      return { score: isRevised ? 0.9 : 0.7, notes: ["say what it means for small farms"] };
    }
    const topic = String(input["topic"]);
    return {
      questions: [
        `Where does ${topic} come from?`,
        `Who buys ${topic} today?`,
        `What could go wrong with ${topic}?`,
      ],
    };
  },
});
