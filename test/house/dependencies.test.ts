import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sources } from "./source.ts";

/** Every package that runs in the server or its clients, and what for. A new one needs a reason. */
const DEPENDENCIES: Readonly<Record<string, string>> = {
  "@bufbuild/cel": "expressions of templates and filters",
  "@bufbuild/protobuf": "messages of the contract",
  "@bufbuild/protovalidate": "field rules of the contract",
  "@connectrpc/connect": "server and client",
  "@connectrpc/connect-node": "server and client",
  "@grpc/grpc-js": "the typed grpc-js door",
  commander: "the command line",
  pino: "the server's own log",
  semver: "versions and their ranges",
  yaml: "templates as YAML",
};

/** Packages of which each platform has its own: npm leaves a missing one out without a word. */
const PLATFORMS: Readonly<Record<string, number>> = {
  "@bufbuild/buf-": 7,
  "@biomejs/cli-": 8,
  "@esbuild/": 26,
  "node-": 5,
};

const manifest = readJson("package.json");
const lock = readJson("package-lock.json");

test("packages are the known ones, in exact versions", () => {
  expect(Object.keys(manifest.dependencies).sort()).toEqual(Object.keys(DEPENDENCIES).sort());
  const all = {
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  };
  expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test("src uses each of them and no other package", () => {
  const used = sources("src/**/*.ts")
    .flatMap(({ imports }) => imports.map((i) => i.target))
    .filter((target) => !/^(node:|src\/|gen\/|package\.json$)/.test(target))
    .map((target) => target.split("/", target.startsWith("@") ? 2 : 1).join("/"));
  expect([...new Set(used)].sort()).toEqual(Object.keys(DEPENDENCIES).sort());
});

test("the lockfile serves every platform, and any registry", () => {
  const paths = Object.keys(lock.packages);
  for (const [prefix, count] of Object.entries(PLATFORMS)) {
    const names = optionalNames().filter((name) => name.startsWith(prefix));
    expect(names, prefix).toHaveLength(count);
    expect(names.filter((name) => !paths.includes(`node_modules/${name}`))).toEqual([]);
  }
  const bad = Object.entries(lock.packages).filter(
    ([path, entry]) =>
      path !== "" && (entry.integrity === undefined || entry.resolved !== undefined),
  );
  expect(bad.map(([path]) => path)).toEqual([]);
});

test("the lockfile is that of package.json", () => {
  const root = lock.packages[""];
  for (const kind of ["dependencies", "devDependencies", "optionalDependencies"] as const) {
    expect(root?.[kind]).toEqual(manifest[kind]);
  }
});

/** Names that some package in the lockfile lists as its packages per platform. */
function optionalNames(): readonly string[] {
  return [
    ...new Set(
      Object.values(lock.packages).flatMap((entry) =>
        Object.keys(entry.optionalDependencies ?? {}),
      ),
    ),
  ];
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<
    Record<string, Partial<Manifest> & { integrity?: string; resolved?: string }>
  >;
}

function readJson(file: "package.json"): Manifest;
function readJson(file: "package-lock.json"): Lock;
function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}
