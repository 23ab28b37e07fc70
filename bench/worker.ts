import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Session } from "../gen/opscore/v1/lifecycle_pb.ts";
import type {
  TaskAssignment,
  TaskReportResult,
  TaskReportSchema,
  WorkTasksRequestSchema,
} from "../gen/opscore/v1/task_pb.ts";
import type { OpsClient } from "../src/client/index.ts";

/** The capability that the templates of the bench ask for. */
export const CAPABILITY = "bench";
const BEAT_MS = 10_000;

type Report = MessageInitShape<typeof TaskReportSchema>;

export interface WorkerOptions {
  readonly onAssigned?: (tasks: readonly TaskAssignment[]) => void;
  /** Runs whose last step was recorded, on disk. */
  readonly onEnded?: (runIds: readonly string[]) => void;
}

/** An agent that completes at once what it is given, as its stream brings it: in batches. */
export interface BenchWorker extends Disposable {
  /** Rejects when its stream breaks. */
  readonly broken: Promise<never>;
}

export function startWorker(
  { task }: OpsClient,
  session: Session,
  lastStep: string,
  { onAssigned, onEnded }: WorkerOptions,
): BenchWorker {
  const leaving = new AbortController();
  const said = new Said();
  const last = new Map<string, string>();
  const { sessionId, epoch, agentId } = session;
  said.say({ open: { sessionId, epoch, autoAck: true } });
  const beat = setInterval(() => said.say({ beat: { sessionId, epoch, agentId } }), BEAT_MS);

  function take(tasks: readonly TaskAssignment[]): void {
    if (tasks.length === 0) return;
    onAssigned?.(tasks);
    said.say({ reports: tasks.map(complete) });
    for (const { stepPath, taskId, runId } of tasks) {
      if (stepPath === lastStep) last.set(taskId, runId);
    }
  }

  /** The run that ended with this result, if one did. */
  function endedBy({ taskId, result }: TaskReportResult): string[] {
    if (result.case !== "receipt") throw new Error("a report was refused");
    const runId = last.get(taskId);
    last.delete(taskId);
    return runId === undefined ? [] : [runId];
  }

  async function work(): Promise<never> {
    for await (const frame of task.workTasks(said, { signal: leaving.signal })) {
      take(frame.assignments);
      const ended = frame.results.flatMap(endedBy);
      if (ended.length > 0) onEnded?.(ended);
    }
    throw new Error("the stream ended");
  }

  const broken = work();
  broken.catch(() => undefined);
  return {
    broken,
    [Symbol.dispose]() {
      clearInterval(beat);
      leaving.abort();
    },
  };
}

function complete({ taskId, leaseEpoch }: TaskAssignment): Report {
  const output = {
    data: { case: "json", value: { kind: { case: "numberValue", value: 1 } } },
  } as const;
  return { taskId, leaseEpoch, report: { case: "complete", value: { output } } };
}

type Frame = MessageInitShape<typeof WorkTasksRequestSchema>;

/** The agent's side of the stream. */
class Said implements AsyncIterable<Frame> {
  #waiting: Frame[] = [];
  #ring: () => void = () => undefined;

  say(frame: Frame): void {
    this.#waiting.push(frame);
    this.#ring();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Frame> {
    for (;;) {
      const frame = this.#waiting.shift();
      if (frame !== undefined) yield frame;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#ring = resolve;
        await promise;
      }
    }
  }
}

/** Publishes a template of tasks one after the other. */
export async function publishSteps(
  { workflow }: OpsClient,
  steps: readonly string[],
): Promise<string> {
  const templateId = `bench-${steps.length}`;
  const tasks = steps.map((id) => `  - {id: ${id}, task: {agent: {capability: ${CAPABILITY}}}}`);
  const text = [`template_id: ${templateId}`, "version: 1.0.0", "main:", "  steps:", ...tasks].join(
    "\n",
  );
  await workflow.publishTemplate({ source: { source: { case: "text", value: text } } });
  return templateId;
}
