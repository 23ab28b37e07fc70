import type { Row } from "./report.ts";
import type { TargetOptions } from "./target.ts";

/** How thoroughly to measure. */
export interface Plan extends Pick<TargetOptions, "profileFolder"> {
  readonly rounds: number;
  /** Rounds before them, for the compiler of the code that is measured. */
  readonly warmUps: number;
  /** Of one variant in one round. */
  readonly ms: number;
  /** Everything once and small: shows that it works, measures nothing. */
  readonly once: boolean;
}

/** One thing to measure, against the baselines it is compared with. */
export interface Scenario {
  readonly title: string;
  run(plan: Plan): Promise<readonly Row[]>;
}
