import { closeSync, existsSync, openSync, readSync } from "node:fs";

/** The format: https://sqlite.org/fileformat2.html#the_write_ahead_log */
const MAGIC_LITTLE = 0x377f0682;
const MAGIC_BIG = 0x377f0683;
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const FRAMES_PER_READ = 256;

/**
 * Looks for commits in a write-ahead log that SQLite would pass over in silence: it reads up to the
 * first frame that is broken, as a power cut leaves the end of it. But a power cut breaks the last
 * commit at most, which nobody was told of; each one before was on disk before the next was begun.
 *
 * @returns what is wrong, if something is.
 */
export function findLostCommits(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const file = openSync(path, "r");
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    if (readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return undefined;
    const magic = header.readUInt32BE(0);
    // Nothing was written behind a header before it was on disk.
    if (magic === 0) return undefined;
    const sum = new Checksum(magic === MAGIC_LITTLE);
    sum.add(header.subarray(0, 24));
    const isKnown = magic === MAGIC_LITTLE || magic === MAGIC_BIG;
    if (!isKnown || !sum.equals(header.subarray(24)))
      return "its header is damaged: its commits are lost";
    return walk(file, header, sum);
  } finally {
    closeSync(file);
  }
}

function walk(file: number, header: Buffer, sum: Checksum): string | undefined {
  let frames = 0;
  let isBroken = false;
  let commitsBehind = 0;
  for (const frame of framesOf(file, FRAME_HEADER_BYTES + header.readUInt32BE(8))) {
    // Others are left from before the log began anew.
    const isOfThisLog = header.compare(frame, 8, 16, 16, 24) === 0;
    isBroken ||= !isOfThisLog || !sum.covers(frame);
    if (!isBroken) frames++;
    else if (isOfThisLog && frame.readUInt32BE(4) !== 0) commitsBehind++;
  }
  if (commitsBehind < 2) return undefined;
  return `its frame ${frames + 1} is damaged: ${commitsBehind} commits from there on are lost`;
}

function* framesOf(file: number, frameBytes: number): Generator<Buffer> {
  const chunk = Buffer.alloc(frameBytes * FRAMES_PER_READ);
  for (let offset = HEADER_BYTES; ; offset += chunk.length) {
    const read = readSync(file, chunk, 0, chunk.length, offset);
    for (let at = 0; at + frameBytes <= read; at += frameBytes) {
      yield chunk.subarray(at, at + frameBytes);
    }
    if (read < chunk.length) return;
  }
}

/** The running checksum of a log. */
class Checksum {
  readonly #isLittle: boolean;
  #a = 0;
  #b = 0;

  constructor(isLittle: boolean) {
    this.#isLittle = isLittle;
  }

  /** Goes on over a frame. @returns whether that is what the frame says. */
  covers(frame: Buffer): boolean {
    this.add(frame.subarray(0, 8));
    this.add(frame.subarray(FRAME_HEADER_BYTES));
    return this.equals(frame.subarray(16, FRAME_HEADER_BYTES));
  }

  add(data: Buffer): void {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    for (let at = 0; at < data.length; at += 8) {
      this.#a = (this.#a + view.getUint32(at, this.#isLittle) + this.#b) | 0;
      this.#b = (this.#b + view.getUint32(at + 4, this.#isLittle) + this.#a) | 0;
    }
  }

  equals(stored: Buffer): boolean {
    return stored.readInt32BE(0) === this.#a && stored.readInt32BE(4) === this.#b;
  }
}
