import { afterEach, beforeEach, describe } from "vitest";
import { describeCommits } from "./contract/commits.ts";
import { describeDueItems } from "./contract/due-items.ts";
import { describeJournals } from "./contract/journals.ts";
import { describeLists } from "./contract/lists.ts";
import { describeLogs } from "./contract/logs.ts";
import { describeProperties } from "./contract/properties.ts";
import { describeReplies } from "./contract/replies.ts";
import { describeSessions } from "./contract/sessions.ts";
import { describeWaiting } from "./contract/waiting.ts";
import { ADAPTERS, Given } from "./given.ts";

/** The definition of the port: what every adapter promises. */
describe.each(ADAPTERS)("store: $name", (adapter) => {
  const given: Given = new Given(adapter);
  beforeEach(() => given.open());
  afterEach(() => given.close());

  describe("commits", () => describeCommits(given));
  describe("journals", () => describeJournals(given));
  describe("lists", () => describeLists(given));
  describe("due items", () => describeDueItems(given));
  describe("sessions", () => describeSessions(given));
  describe("replies", () => describeReplies(given));
  describe("waiting", () => describeWaiting(given));
  describe("logs", () => describeLogs(given));
  describe("properties", () => describeProperties(given));
});
