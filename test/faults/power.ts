import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Random } from "./random.ts";
import type { Step } from "./trace.ts";

const SECTOR = 512;

type Change = Extract<Step, { type: "write" | "truncate" }>;

/** A file as it is on disk for certain, and what was done to it since. */
interface Inode {
  durable: Buffer;
  pending: { readonly at: number; readonly change: Change }[];
}

type Target = Inode | "folder" | undefined;

/** What a name stands for on disk for certain, and what became of it since. */
interface Name {
  durable: Target;
  pending: { readonly at: number; readonly target: Target }[];
}

/**
 * A disk as a power cut may leave it. What was synced is there, and its name if the folder was
 * synced. The rest may be there or not, sector by sector, in whatever order it was written.
 */
export class Disk {
  readonly #names = new Map<string, Name>();

  apply(step: Step, at: number): void {
    switch (step.type) {
      case "create":
        this.#rename(step.path, { durable: Buffer.alloc(0), pending: [] }, at);
        break;
      case "mkdir":
        this.#rename(step.path, "folder", at);
        break;
      case "unlink":
        this.#rename(step.path, undefined, at);
        break;
      case "write":
      case "truncate":
        this.#inode(step.path)?.pending.push({ at, change: step });
        break;
      case "sync":
        this.#sync(step.path, step.since);
    }
  }

  /** Writes what a cut now may leave of the folder `from` into the folder `to`. */
  cut(from: string, to: string, random: Random): void {
    // Some cuts lose all that can be lost, some next to nothing, others a part.
    const kept = [0, 1, random.next(), random.next()][random.below(4)] ?? 0;
    mkdirSync(to, { recursive: true });
    const folders = new Set([from]);
    for (const [path, name] of this.#names) {
      // Shared memory is not kept, and is made again.
      if (!folders.has(dirname(path)) || path.endsWith("-shm")) continue;
      const lasting = name.pending.filter(() => random.chance(kept)).at(-1);
      const target = lasting === undefined ? name.durable : lasting.target;
      const copy = join(to, relative(from, path));
      if (target === "folder") {
        folders.add(path);
        mkdirSync(copy, { recursive: true });
      } else if (target !== undefined) {
        writeFileSync(copy, remains(target, kept, random));
      }
    }
  }

  #rename(path: string, target: Target, at: number): void {
    const name = this.#names.get(path) ?? { durable: undefined, pending: [] };
    name.pending.push({ at, target });
    this.#names.set(path, name);
  }

  #inode(path: string): Inode | undefined {
    const name = this.#names.get(path);
    const target = name?.pending.at(-1)?.target ?? name?.durable;
    return target === "folder" ? undefined : target;
  }

  #sync(path: string, since: number): void {
    const inode = this.#inode(path);
    if (inode !== undefined) {
      for (const { at, change } of inode.pending) {
        if (at < since) inode.durable = changed(inode.durable, change);
      }
      inode.pending = inode.pending.filter(({ at }) => at >= since);
    }
    for (const [below, name] of this.#names) {
      if (dirname(below) !== path) continue;
      const last = name.pending.filter(({ at }) => at < since).at(-1);
      if (last !== undefined) name.durable = last.target;
      name.pending = name.pending.filter(({ at }) => at >= since);
    }
  }
}

function remains({ durable, pending }: Inode, kept: number, random: Random): Buffer {
  let contents = durable;
  for (const { change } of pending) {
    const isTorn = change.type === "write" && random.chance(0.5);
    const parts = isTorn ? sectorsOf(change) : [change];
    for (const part of parts) if (random.chance(kept)) contents = changed(contents, part);
  }
  return contents;
}

function sectorsOf({ path, offset, data }: Extract<Step, { type: "write" }>): readonly Change[] {
  const sectors: Change[] = [];
  for (let at = 0; at < data.length; ) {
    const end = Math.min(data.length, at + SECTOR - ((offset + at) % SECTOR));
    sectors.push({ type: "write", path, offset: offset + at, data: data.subarray(at, end) });
    at = end;
  }
  return sectors;
}

function changed(before: Buffer, change: Change): Buffer {
  const end = change.type === "truncate" ? change.bytes : change.offset + change.data.length;
  const bytes = change.type === "truncate" ? end : Math.max(before.length, end);
  const after = bytes === before.length ? Buffer.from(before) : Buffer.alloc(bytes);
  if (bytes !== before.length) before.copy(after);
  if (change.type === "write") change.data.copy(after, change.offset);
  return after;
}
