import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { median, type Sample } from "./measure.ts";

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly unit: string;
  /** Of all rounds. */
  readonly median: number;
  readonly rounds: readonly number[];
  /** CPU time per operation in microseconds, threads included. */
  readonly cpuUs?: { readonly server: number; readonly clients: number };
  /** Median of the ratios of each round. */
  readonly ratio?: { readonly of: string; readonly value: number };
  readonly aim?: { readonly text: string; readonly holds: boolean };
}

export interface RowOptions {
  readonly what: string;
  readonly unit: string;
  /** Which figure of the samples. */
  readonly figure?: string;
  readonly of?: { readonly what: string; readonly samples: readonly Sample[] };
  readonly aim?: {
    readonly of: "value" | "ratio" | "cpu";
    readonly min?: number;
    readonly max?: number;
  };
}

/** Makes a line of what was measured in the rounds. */
export function rowOf(samples: readonly Sample[], options: RowOptions): Row {
  const { what, unit, figure = "rate", of, aim } = options;
  const figures = (name: string): readonly number[] =>
    samples.map((one) => one[name] ?? Number.NaN);
  const rounds = figures(figure);
  const ratios = rounds.map((value, i) => value / (of?.samples[i]?.[figure] ?? Number.NaN));
  const server = median(figures("serverUs"));
  const clients = median(figures("clientsUs"));
  const values = { value: median(rounds), ratio: median(ratios), cpu: (server + clients) / 1_000 };
  return {
    what,
    unit,
    median: values.value,
    rounds,
    ...(Number.isFinite(server) && { cpuUs: { server, clients } }),
    ...(of && { ratio: { of: of.what, value: values.ratio } }),
    ...(aim && { aim: judged(values[aim.of], aim) }),
  };
}

const NAMES = { value: "", ratio: "ratio ", cpu: "CPU ms " } as const;

function judged(value: number, { of, min, max }: NonNullable<RowOptions["aim"]>) {
  const holds = value >= (min ?? value) && value <= (max ?? value);
  return { text: `${NAMES[of]}${min === undefined ? `<= ${max}` : `>= ${min}`}`, holds };
}

/** The machine and what runs on it beside us: figures of another one cannot be compared. */
export function environment() {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString(),
    node: process.version,
    sqlite: process.versions["sqlite"] ?? "",
    cores: cpus().length,
    cpu: cpu?.model ?? "",
    load: loadavg().map((value) => Number(value.toFixed(2))),
    kernel: readFileSync("/proc/sys/kernel/osrelease", "utf8").trim(),
    fsync: "every commit: SQLite WAL, synchronous=FULL",
  };
}

export type Environment = ReturnType<typeof environment>;

export function environmentLine(env: Environment): string {
  const { date, node, sqlite, cores, cpu, load, fsync } = env;
  return `${date}  Node ${node}, SQLite ${sqlite}, ${cores} x ${cpu}, load ${load.join(" ")}; fsync: ${fsync}`;
}

const HEAD = ["", "median", "", "range", "CPU us/op server", "clients", "ratio", "of", "aim", ""];
const RIGHT: ReadonlySet<number> = new Set([1, 4, 5, 6]);

export function tableOf(title: string, rows: readonly Row[]): string {
  const cells = [[title, ...HEAD.slice(1)], ...rows.map(cellsOf)];
  const widths = HEAD.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const pad = (text: string, i: number): string =>
    RIGHT.has(i) ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0);
  return cells.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

function cellsOf({ what, unit, median: value, rounds, cpuUs, ratio, aim }: Row): string[] {
  return [
    `  ${what}`,
    shown(value),
    unit,
    rounds.length > 1 ? `${shown(Math.min(...rounds))} - ${shown(Math.max(...rounds))}` : "",
    cpuUs ? shown(cpuUs.server) : "",
    cpuUs ? shown(cpuUs.clients) : "",
    ratio ? ratio.value.toFixed(2) : "",
    ratio?.of ?? "",
    aim?.text ?? "",
    aim === undefined ? "" : aim.holds ? "holds" : "missed",
  ];
}

function shown(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  });
}
