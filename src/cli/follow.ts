import type { ConnectError } from "@connectrpc/connect";
import type { StreamControl } from "../../gen/opscore/v1/common_pb.ts";
import type { Frame, OpenStream } from "../client/watch.ts";
import type { Context } from "./context.ts";

/** What the frames of every watch have besides their entries. */
interface ControlledFrame extends Frame {
  readonly control?: StreamControl | undefined;
}

/**
 * The frames of a watch until Ctrl-C, over restarts of the server. A stream that
 * cannot even be opened ends it at once; what was lost to the reader is said.
 */
export async function* follow<T, F extends ControlledFrame>(
  context: Context<T>,
  open: OpenStream<F>,
  after = "",
): AsyncGenerator<F, void> {
  // Not the client's index, which loads every service.
  const { watch } = await import("../client/watch.ts");
  const giveUp = new AbortController();
  let failure: ConnectError | undefined;
  let isOpen = false;
  const frames = watch(open, {
    after,
    signal: AbortSignal.any([context.signal, giveUp.signal]),
    onInterrupted(error) {
      if (isOpen) return context.note(`interrupted: ${error.rawMessage}; going on`);
      failure = error;
      giveUp.abort();
    },
  });
  for await (const frame of frames) {
    isOpen = true;
    const { control } = frame.control ?? {};
    if (control?.case === "gap") context.note(`${control.value.positions} entries are gone`);
    yield frame;
  }
  if (failure !== undefined) throw failure;
}
