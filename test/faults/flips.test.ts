import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifyFolder } from "../../src/store/sqlite/verify.ts";
import { makeFolder } from "../store/given.ts";
import { contentsOf, databases, queriesOf } from "./contents.ts";
import { Random, seedOf } from "./random.ts";
import { writeStore } from "./workload.ts";

const FLIPS = Number(process.env["OPSCORE_TEST_FLIPS"] ?? 1_000);

test(`of ${FLIPS} single flipped bits, each that changes what the store says is found`, async () => {
  using folder = makeFolder();
  await writeStore(folder.path);
  const files = databases(folder.path).map((file) => openFile(join(folder.path, file)));
  expect(problemsIn(folder.path)).toEqual([]);
  const random = new Random(seedOf("bit flips"));
  const counts = { live: 0, unreadable: 0, slack: 0, slackFound: 0 };
  const missed: string[] = [];
  for (let flip = 0; flip < FLIPS; flip++) {
    const { file, offset } = placeOf(files, random);
    const mask = 1 << random.below(8);
    flipBits(file.fd, offset, mask);
    const contents = contentsOf(file.path, file.queries);
    const problems = problemsIn(folder.path);
    flipBits(file.fd, offset, mask);
    const changed = contents !== file.contents;
    if (changed) counts.live++;
    else counts.slack++;
    if (contents.startsWith("unreadable")) counts.unreadable++;
    if (!changed && problems.length > 0) counts.slackFound++;
    if (changed && problems.length === 0) missed.push(`${file.path} ${offset} ${mask}`);
  }
  process.stdout.write(`${FLIPS} flips: ${JSON.stringify(counts)}\n`);
  expect(missed).toEqual([]);
  expect(counts.live).toBeGreaterThan(FLIPS / 4);
  expect(problemsIn(folder.path)).toEqual([]);
  for (const { fd } of files) closeSync(fd);
}, 120_000);

interface OpenFile {
  readonly path: string;
  readonly fd: number;
  readonly bytes: number;
  readonly queries: readonly string[];
  readonly contents: string;
}

function openFile(path: string): OpenFile {
  const queries = queriesOf(path);
  const contents = contentsOf(path, queries);
  return { path, fd: openSync(path, "r+"), bytes: statSync(path).size, queries, contents };
}

/** Any byte of the store is as likely as any other. */
function placeOf(files: readonly OpenFile[], random: Random) {
  let offset = random.below(files.reduce((sum, { bytes }) => sum + bytes, 0));
  for (const file of files) {
    if (offset < file.bytes) return { file, offset };
    offset -= file.bytes;
  }
  throw new Error("the store is empty");
}

function flipBits(fd: number, offset: number, mask: number): void {
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, offset);
  writeSync(fd, Buffer.of((byte[0] ?? 0) ^ mask), 0, 1, offset);
}

/** A store that is refused as a whole counts as found. */
function problemsIn(folder: string): readonly string[] {
  try {
    return [...verifyFolder(folder)]
      .filter(({ type }) => type === "problem")
      .map((problem) => JSON.stringify(problem));
  } catch (error) {
    return [String(error)];
  }
}
