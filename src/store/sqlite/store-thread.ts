import { join } from "node:path";
import { workerData } from "node:worker_threads";
import { arm } from "../../failpoint.ts";
import { openReader, openWriter, Statements } from "./database.ts";
import { LogFiles } from "./log-files.ts";
import { LogWriter } from "./log-writer.ts";
import { type ThreadData, toLogsApi, toReaderApi, toWriterApi } from "./roles.ts";
import { notify, serve } from "./thread.ts";
import { Writer } from "./writer.ts";

const { role, folder, pagesMax, failpoint } = workerData as ThreadData;
arm(failpoint);
const control = join(folder, "ops.db");
const logs = join(folder, "logs");

serve(() => {
  switch (role) {
    case "writer":
      return toWriterApi(new Writer(openWriter(control, { pagesMax })));
    case "reader": {
      const files = new LogFiles({ folder: logs, readOnly: true });
      return toReaderApi(new Statements(openReader(control)), files);
    }
    case "logs":
      return toLogsApi(
        new LogWriter(new LogFiles({ folder: logs, readOnly: false, pagesMax }), notify),
      );
  }
});
