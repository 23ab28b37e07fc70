import { sha256 } from "../engine/digest.ts";

/** A place in a journal or a list, and what it is good for. */
export interface Place {
  readonly position: bigint;
  /** The last item sent of a list, and how many there were so far. */
  readonly item?: Item;
  /** 12 bytes that stand for everything the place is bound to. */
  readonly binding: Uint8Array;
}

export interface Item {
  readonly id: string;
  readonly createdMs: number;
  readonly count: number;
}

const FORMAT = 1;
const BINDING_BYTES = 12;
const CHECKSUM_BYTES = 6;
// Format, whether there is an item, position.
const HEAD_BYTES = 10;
const ITEM_BYTES = 12;
/** What stores can count to: whoever computes a checksum still gets no further. */
const POSITION_MAX = 2n ** 63n - 1n;

/** Stands for whatever must be the same when a place comes back: store, journal, namespace, filter. */
export function bindingOf(...parts: readonly string[]): Uint8Array {
  return sha256(JSON.stringify(parts)).slice(0, BINDING_BYTES);
}

/** Opaque text, at most 512 characters. It is no secret and grants nothing; the checksum finds damage. */
export function seal({ position, item, binding }: Place): string {
  const id = new TextEncoder().encode(item?.id ?? "");
  const itemBytes = item === undefined ? 0 : ITEM_BYTES + id.length;
  const bytes = new Uint8Array(HEAD_BYTES + BINDING_BYTES + itemBytes + CHECKSUM_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, FORMAT);
  view.setUint8(1, item === undefined ? 0 : 1);
  view.setBigUint64(2, position);
  bytes.set(binding, HEAD_BYTES);
  if (item !== undefined) {
    const at = HEAD_BYTES + BINDING_BYTES;
    view.setFloat64(at, item.createdMs);
    view.setUint32(at + 8, item.count);
    bytes.set(id, at + ITEM_BYTES);
  }
  const end = bytes.length - CHECKSUM_BYTES;
  bytes.set(checksum(bytes.subarray(0, end)), end);
  return Buffer.from(bytes).toString("base64url");
}

/** `undefined` for anything that `seal` did not make, to the last bit. */
export function unseal(text: string): Place | undefined {
  const bytes = Uint8Array.from(Buffer.from(text, "base64url"));
  const end = bytes.length - CHECKSUM_BYTES;
  if (end < HEAD_BYTES + BINDING_BYTES) return undefined;
  const written = bytes.subarray(0, end);
  if (!Buffer.from(checksum(written)).equals(bytes.subarray(end))) return undefined;
  // Bits beyond the last byte, padding and foreign characters are lost on the way here.
  if (Buffer.from(bytes).toString("base64url") !== text) return undefined;
  const view = new DataView(bytes.buffer, 0, end);
  if (view.getUint8(0) !== FORMAT) return undefined;
  const position = view.getBigUint64(2);
  if (position > POSITION_MAX) return undefined;
  const item = view.getUint8(1) === 1 ? itemOf(view, written) : undefined;
  if (item && !Number.isFinite(item.createdMs)) return undefined;
  return {
    position,
    binding: bytes.slice(HEAD_BYTES, HEAD_BYTES + BINDING_BYTES),
    ...(item && { item }),
  };
}

function itemOf(view: DataView, bytes: Uint8Array): Item | undefined {
  const at = HEAD_BYTES + BINDING_BYTES;
  if (bytes.length < at + ITEM_BYTES) return undefined;
  return {
    createdMs: view.getFloat64(at),
    count: view.getUint32(at + 8),
    id: new TextDecoder().decode(bytes.subarray(at + ITEM_BYTES)),
  };
}

function checksum(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).subarray(0, CHECKSUM_BYTES);
}
