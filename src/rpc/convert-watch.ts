import { timestampMs } from "@bufbuild/protobuf/wkt";
import { GapPolicy, type WatchStart } from "../../gen/opscore/v1/common_pb.ts";
import type { OnGap, ReadStart } from "./reading.ts";

const ON_GAP: Readonly<Record<number, OnGap>> = {
  [GapPolicy.SNAPSHOT]: "snapshot",
  [GapPolicy.FAIL]: "fail",
};

export function fromGapPolicy(policy: GapPolicy = GapPolicy.UNSPECIFIED): OnGap {
  return ON_GAP[policy] ?? "continue";
}

/** Where a watch begins; `usual` when the caller does not say. */
export function fromWatchStart(
  start: WatchStart["start"] | undefined,
  usual: ReadStart,
): ReadStart {
  switch (start?.case) {
    case "after":
      return { type: "cursor", cursor: start.value };
    case "snapshot":
      return { type: "snapshot" };
    case "now":
      return { type: "now" };
    case "since":
      return { type: "since", atMs: timestampMs(start.value) };
    default:
      return usual;
  }
}

/** Where a unary twin goes on; `usual` for its first page. */
export function fromAfter(after: string, usual: ReadStart): ReadStart {
  return after === "" ? usual : { type: "cursor", cursor: after };
}
