import { setTimeout as delay } from "node:timers/promises";
import { runGrpcAgent, TaskFailed } from "./grpc-agent.ts";

/** Writes drafts and revises them. Its first attempt at a draft fails, as models do. Usage: writer.ts HOST:PORT */
const leaving = new AbortController();
process.once("SIGTERM", () => leaving.abort());

await runGrpcAgent({
  address: process.argv[2] ?? "127.0.0.1:6772",
  agentId: "writer",
  capabilities: [{ name: "write", version: "1.0.0" }],
  labels: { style: "plain" },
  signal: leaving.signal,
  async handle({ stepPath, attempt }, input) {
    await delay(300);
    const { topic, findings, text, notes } = input;
    if (stepPath === "revise") {
      return {
        text: `${String(text)}\n\nNote (revised): ${[notes].flat().map(String).join("; ")}.`,
      };
    }
    if (attempt === 1)
      throw new TaskFailed("MODEL_OVERLOADED", "the model is overloaded, try again");
    const lines = [findings].flat().map((found) => `- ${answerOf(found)}`);
    return { text: [`# A report on ${String(topic)}`, "", ...lines].join("\n") };
  },
});

function answerOf(found: unknown): string {
  return String((found as { answer?: string }).answer ?? found);
}
