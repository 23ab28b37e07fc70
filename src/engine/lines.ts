import type { Agent } from "../core/agent.ts";
import type { Directive } from "./agents.ts";
import type { Assignment } from "./tasks.ts";

/** The slots of one agent that live leases use, as this process knows them. Shared by its lines. */
class Slots {
  readonly #held = new Set<string>();
  /** Ends seen while the leases of the agent were still being read. */
  #endedMeanwhile: Set<string> | undefined = new Set();
  #handing = 0;
  /** Since when the agent holds nothing, by the store's clock: the longest idle goes first. */
  idleSinceMs: number;

  constructor(nowMs: number) {
    this.idleSinceMs = nowMs;
  }

  get isStarted(): boolean {
    return this.#endedMeanwhile === undefined;
  }

  get used(): number {
    return this.#held.size + this.#handing;
  }

  /** The leases that the store knew when a line was opened; only the first to say so counts. */
  start(taskIds: readonly string[]): void {
    if (this.isStarted) return;
    for (const taskId of taskIds) if (!this.#endedMeanwhile?.has(taskId)) this.#held.add(taskId);
    this.#endedMeanwhile = undefined;
  }

  /** Takes a slot while a hand-out is being committed. */
  reserve(): void {
    this.#handing++;
  }

  /** Gives a reserved slot back; what was handed out is held by then. */
  release(): void {
    this.#handing--;
  }

  hold(taskId: string): void {
    this.#held.add(taskId);
  }

  drop(taskId: string, nowMs: number): void {
    this.#endedMeanwhile?.add(taskId);
    if (this.#held.delete(taskId) && this.#held.size === 0) this.idleSinceMs = nowMs;
  }
}

/** What waits to be said on a line. */
export interface Said {
  readonly assignments: readonly Assignment[];
  readonly directives: readonly Directive[];
}

export interface LineOptions {
  readonly ns: string;
  readonly agent: Agent;
  readonly sessionId: string;
  readonly epoch: number;
  readonly leaseMs: number;
  /** A stream stays; a poll ends with its first answer. */
  readonly kind: "stream" | "poll";
  readonly autoAck: boolean;
  readonly window: number;
}

/**
 * One open line of an agent: a poll or a stream that is there to be handed work.
 * A line knows how much it can take now; nothing is handed out while nobody
 * pulls, so what is handed out leaves at once.
 */
export class Line {
  readonly options: LineOptions;
  /** As the journal last told of it. */
  agent: Agent;
  readonly slots: Slots;
  /** Stream: tasks the agent holds at most. Poll: tasks it takes at most. */
  window: number;
  #replaced = false;
  #handing = 0;
  #assignments: Assignment[] = [];
  #directives: Directive[] = [];
  #wake: (() => void) | undefined;
  #settled = Promise.withResolvers<void>();
  readonly #looked = new AbortController();
  readonly #onPull: () => void;

  /** `onPull` is called when the line begins to wait. */
  constructor(options: LineOptions, slots: Slots, onPull: () => void) {
    this.options = options;
    this.agent = options.agent;
    this.slots = slots;
    this.window = options.window;
    this.#onPull = onPull;
  }

  /** Tasks that it can be handed now. */
  get wanting(): number {
    if (this.#wake === undefined || this.#replaced || !this.slots.isStarted) return 0;
    const { kind } = this.options;
    const free = this.agent.spec.slots - this.slots.used;
    const open =
      kind === "stream"
        ? this.window - this.slots.used
        : this.window - this.#assignments.length - this.#handing;
    return Math.max(0, Math.min(free, open));
  }

  /** Aborts once the queues were seen to hold nothing for it. */
  get looked(): AbortSignal {
    return this.#looked.signal;
  }

  markLooked(): void {
    this.#looked.abort();
  }

  /** A newer stream of the agent took over, or its session ended. */
  get replaced(): boolean {
    return this.#replaced;
  }

  replace(): void {
    this.#replaced = true;
    this.#wake?.();
  }

  /** Takes a slot while a hand-out is committed. What is handed out together is said together. */
  reserve(): Disposable {
    if (this.#handing++ === 0) this.#settled = Promise.withResolvers();
    this.slots.reserve();
    return {
      [Symbol.dispose]: () => {
        this.#handing--;
        this.slots.release();
        if (this.#handing > 0) return;
        this.#settled.resolve();
        if (this.#assignments.length > 0) this.#wake?.();
      },
    };
  }

  /** Resolves once no hand-out to it is being committed: what was handed out can be taken then. */
  async settled(): Promise<void> {
    if (this.#handing > 0) await this.#settled.promise;
  }

  hand(assignment: Assignment): void {
    this.slots.hold(assignment.task.taskId);
    this.#assignments.push(assignment);
    if (this.#handing === 0) this.#wake?.();
  }

  direct(directives: readonly Directive[]): void {
    this.#directives.push(...directives);
    this.#wake?.();
  }

  /** Takes what was said so far. */
  take(): Said {
    const said = { assignments: this.#assignments, directives: this.#directives };
    this.#assignments = [];
    this.#directives = [];
    return said;
  }

  /** Resolves when there is something to take, when it was replaced, or when `signal` aborts. */
  async pull(signal: AbortSignal): Promise<void> {
    const nothing = this.#assignments.length + this.#directives.length === 0;
    if (!nothing || this.#replaced || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#wake = wake;
    signal.addEventListener("abort", wake, { once: true });
    this.#onPull();
    try {
      await promise;
    } finally {
      this.#wake = undefined;
      signal.removeEventListener("abort", wake);
    }
  }
}

/** The open lines of this process. */
export class Lines {
  readonly #agents = new Map<string, { readonly slots: Slots; readonly lines: Set<Line> }>();
  #changed = Promise.withResolvers<void>();
  #waiting: ReadonlyMap<string, readonly Line[]> = new Map();

  /**
   * Lines that wait with nothing to take, by the queues they take from. Whoever
   * makes a task ready may hand it to one of them at once: nothing is before it.
   */
  waitIn(queues: ReadonlyMap<string, readonly Line[]>): Disposable {
    this.#waiting = queues;
    return {
      [Symbol.dispose]: () => {
        this.#waiting = new Map();
      },
    };
  }

  /** The lines that wait for a task of a queue and can take one now. */
  waitingAt(queue: string): readonly Line[] {
    return (this.#waiting.get(queue) ?? []).filter((line) => line.wanting > 0);
  }

  /** Lines that can be handed something now. */
  wanting(): readonly Line[] {
    return [...this.#agents.values()].flatMap(({ lines }) =>
      [...lines].filter((l) => l.wanting > 0),
    );
  }

  of(ns: string, agentId: string): readonly Line[] {
    return [...(this.#agents.get(nameOf(ns, agentId))?.lines ?? [])];
  }

  slotsOf(ns: string, agentId: string): Slots | undefined {
    return this.#agents.get(nameOf(ns, agentId))?.slots;
  }

  get empty(): boolean {
    return this.#agents.size === 0;
  }

  /** Opens a line. It is handed nothing before its slots are started from the store. */
  open(options: LineOptions, nowMs: number): Line {
    const name = nameOf(options.ns, options.agent.agentId);
    const known = this.#agents.get(name);
    const agent = known ?? { slots: new Slots(nowMs), lines: new Set<Line>() };
    this.#agents.set(name, agent);
    const line = new Line(options, agent.slots, () => this.ring());
    agent.lines.add(line);
    return line;
  }

  close(line: Line): void {
    const name = nameOf(line.options.ns, line.options.agent.agentId);
    const agent = this.#agents.get(name);
    agent?.lines.delete(line);
    if (agent?.lines.size === 0) this.#agents.delete(name);
  }

  /** Says that a line may have begun to want something. */
  ring(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Resolves at the next ring. */
  get rung(): Promise<void> {
    return this.#changed.promise;
  }
}

function nameOf(ns: string, agentId: string): string {
  return `${ns}/${agentId}`;
}
