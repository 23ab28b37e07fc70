import { create } from "@bufbuild/protobuf";
import {
  type AgentBeat,
  type AgentReport,
  type AgentReportReceiptSchema,
  type AgentReportResultSchema,
  AgentReportSchema,
  LifecycleService,
  type ReportStateRequest,
  ReportStateRequestSchema,
} from "../../gen/opscore/v1/lifecycle_pb.ts";
import type { AgentSpec } from "../core/agent.ts";
import type { Refused } from "../core/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { actAs } from "./auth.ts";
import { eachItem } from "./batch.ts";
import type { Call, Handlers } from "./call.ts";
import { callerOf, mutatorOf, resultOf } from "./caller.ts";
import { type Init, required, toTime } from "./convert.ts";
import {
  fromBeat,
  fromSessionOptions,
  fromSpec,
  fromStateReport,
  toAgent,
  toDirective,
  toSession,
} from "./convert-agent.ts";
import { toItemError } from "./errors.ts";
import { lifecycleReads, type ServerInfo } from "./lifecycle-reads.ts";
import { lifecycleWatches } from "./lifecycle-watch.ts";
import { AGENT_STATES, LIVENESS } from "./states.ts";
import { validItem } from "./validate-item.ts";

type Lifecycle = Handlers<typeof LifecycleService>;

const METHOD = LifecycleService.method;

/** Agents on the wire: what they are, what they say and whether they live. */
export function lifecycleHandlers(engine: Engine, server: ServerInfo): Lifecycle {
  return {
    ...registrations(engine),
    ...sessions(engine),
    ...reports(engine),
    ...lifecycleReads(engine, server),
    ...lifecycleWatches(engine),
  };
}

function registrations({
  agents,
  limits,
}: Engine): Pick<Lifecycle, "registerAgent" | "updateAgent" | "deregisterAgent"> {
  return {
    async registerAgent(message, call) {
      const { spec, openSession: open } = message;
      const agentId = message.agentId || call.principal.agentId;
      if (agentId !== undefined) actAs(call.principal, agentId);
      const answer = await agents.register(mutatorOf(call, METHOD.registerAgent, message), {
        ...(agentId !== undefined && { agentId }),
        spec: spec ? fromSpec(spec) : NO_SPEC,
        ...(open && {
          open: fromSessionOptions(
            open,
            "/openSession",
            call.peer.slice(0, PEER_CHARACTERS),
            limits,
          ),
        }),
      });
      const { record, created } = resultOf(call, answer);
      return { agent: toAgent(record), created };
    },

    async updateAgent(message, call) {
      const { agentId, updateMask, expectedRevision } = message;
      actAs(call.principal, agentId);
      const given = message.spec ? fromSpec(message.spec) : NO_SPEC;
      const answer = await agents.update(
        mutatorOf(call, METHOD.updateAgent, message),
        agentId,
        (spec) => withMasked(spec, given, updateMask?.paths ?? []),
        expectedRevision === 0 ? undefined : expectedRevision,
      );
      return { agent: toAgent(resultOf(call, answer)) };
    },

    async deregisterAgent(message, call) {
      const { agentId, force } = message;
      actAs(call.principal, agentId);
      const caller = mutatorOf(call, METHOD.deregisterAgent, message);
      return { agent: toAgent(resultOf(call, await agents.deregister(caller, agentId, force))) };
    },
  };
}

const NO_SPEC: AgentSpec = { capabilities: [], labels: {}, slots: 1 };

/** The fields that an update can name, each as a whole. */
const MASKABLE: Readonly<Record<string, keyof AgentSpec>> = {
  display_name: "displayName",
  description: "description",
  version: "version",
  capabilities: "capabilities",
  labels: "labels",
  slots: "slots",
};

/** Takes the fields that `paths` names from `given`, absent ones too. */
function withMasked(spec: AgentSpec, given: AgentSpec, paths: readonly string[]): AgentSpec {
  const names = new Set<string>(paths.map((path) => MASKABLE[path] ?? ""));
  const kept = Object.entries(spec).filter(([name]) => !names.has(name));
  const taken = Object.entries(given).filter(([name]) => names.has(name));
  return { ...NO_SPEC, ...Object.fromEntries([...kept, ...taken]) };
}

/** Address and user agent are for people: more than this is none of theirs. */
const PEER_CHARACTERS = 256;

function sessions({ agents, limits }: Engine): Pick<Lifecycle, "openSession" | "closeSession"> {
  return {
    async openSession(message, call) {
      const { agentId, options } = message;
      actAs(call.principal, agentId);
      const answer = await agents.openSession(
        mutatorOf(call, METHOD.openSession, message),
        agentId,
        fromSessionOptions(options, "/options", call.peer.slice(0, PEER_CHARACTERS), limits),
      );
      return { session: toSession(resultOf(call, answer)) };
    },

    async closeSession(message, call) {
      const { sessionId, epoch, reason } = message;
      const caller = mutatorOf(call, METHOD.closeSession, message, reason);
      return resultOf(call, await agents.closeSession(caller, sessionId, epoch));
    },
  };
}

function reports({
  agents,
  limits,
}: Engine): Pick<Lifecycle, "heartbeat" | "reportState" | "reportAgents"> {
  async function beat(message: AgentBeat | undefined, pointer: string, call: Call) {
    const said = fromBeat(required(message, pointer), pointer);
    actAs(call.principal, said.agentId);
    const { leaseUntilMs, directives } = await agents.beat(callerOf(call), said);
    return { leaseExpireTime: toTime(leaseUntilMs), directives: directives.map(toDirective) };
  }

  async function report(message: ReportStateRequest, pointer: string, call: Call) {
    const report = required(message.report, pointer);
    const said = fromStateReport(report, pointer, limits);
    actAs(call.principal, said.agentId);
    return agents.report(mutatorOf(call, METHOD.reportState, message, report.reason), said);
  }

  /** One item of a batch, as its own method would do it. */
  async function item(message: AgentReport, index: number, call: Call): Promise<Receipt> {
    const pointer = `/reports/${index}`;
    const { report: said, requestId } = validItem(AgentReportSchema, message, pointer);
    if (said.case === "beat") return beat(said.value, `${pointer}/beat`, call);
    const request = create(ReportStateRequestSchema, { report: said.value, requestId });
    const { result } = await report(request, `${pointer}/state`, call);
    return { revision: result.revision };
  }

  return {
    heartbeat: (message, call) => beat(message.beat, "/beat", call),

    async reportState(message, call) {
      const { revision, state, liveness } = resultOf(call, await report(message, "/report", call));
      return { revision, state: AGENT_STATES[state], liveness: LIVENESS[liveness] };
    },

    async reportAgents(message, call) {
      const results = await eachItem(
        message.reports,
        (one) => one.report.value?.agentId ?? "",
        async (one, index) => receipt(await item(one, index, call)),
        refusal,
      );
      return { results };
    },
  };
}

type Receipt = Init<typeof AgentReportReceiptSchema>;

function receipt(value: Receipt): Init<typeof AgentReportResultSchema> {
  return { result: { case: "receipt", value } };
}

function refusal(error: Refused): Init<typeof AgentReportResultSchema> {
  return { result: { case: "error", value: toItemError(error) } };
}
