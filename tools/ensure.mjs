// Installs the dependencies if they are not the ones of package-lock.json, so that no command needs
// a step before it. Runs on the Node that the machine has, however old, before every npm script;
// the scripts themselves then find the project's own Node in node_modules/.bin, first on PATH.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MAJOR_MIN = 24;
const LOCK_WAIT_MS = 10 * 60_000;
const LOOK_AGAIN_MS = 200;
const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
// Outside node_modules, which npm ci removes; one per checkout.
const LOCK = join(
  tmpdir(),
  `opscore-install-${createHash("sha256").update(ROOT).digest("hex").slice(0, 16)}.lock`,
);

if (!isInstalled()) {
  takeLock();
  // Another process may have installed while this one waited.
  if (!isInstalled()) install();
}
requireNode();

/** True if npm's own record of node_modules agrees with package-lock.json, package by package. */
function isInstalled() {
  const wanted = packagesOf("package-lock.json");
  const found = packagesOf(join("node_modules", ".package-lock.json"));
  if (wanted === undefined || found === undefined) return false;
  const agrees = (path) =>
    found[path] === undefined
      ? wanted[path].optional === true
      : found[path].version === wanted[path].version &&
        found[path].integrity === wanted[path].integrity;
  return (
    Object.keys(wanted).every((path) => path === "" || agrees(path)) &&
    Object.keys(found).every((path) => wanted[path] !== undefined)
  );
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(ROOT, file), "utf8")).packages;
  } catch {
    return undefined;
  }
}

function install() {
  process.stderr.write("Installing the dependencies of package-lock.json (half a minute) ...\n");
  const flags = ["--no-fund", "--no-audit", "--loglevel=error"];
  // The environment must not leave out what tests and the project's own Node need.
  const args = ["ci", ...flags, "--include=dev", "--include=optional"];
  const npm = process.env["npm_execpath"];
  // Under npm this is the machine's Node: the one in node_modules would be removed while it runs.
  const node = process.env["npm_node_execpath"] || process.execPath;
  const options = { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] };
  const result = npm
    ? spawnSync(node, [npm, ...args], options)
    : spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
  if (result.error) fail(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) {
    fail(`npm ${args.join(" ")} failed (${result.signal || result.status}): see its lines above`);
  }
  if (!isInstalled())
    fail("npm ci ended well, but node_modules is not what package-lock.json says");
}

/** Waits while a living process installs; a lock whose owner has died is taken over. */
function takeLock() {
  const deadline = Date.now() + LOCK_WAIT_MS;
  let told = false;
  while (!createLock()) {
    const owner = ownerOfLock();
    if (owner !== undefined && !isAlive(owner)) {
      rmSync(LOCK, { force: true });
      continue;
    }
    if (Date.now() > deadline) fail(`another process has installed for too long: see ${LOCK}`);
    if (!told) process.stderr.write("Waiting for another process that installs ...\n");
    told = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AGAIN_MS);
  }
  process.on("exit", () => rmSync(LOCK, { force: true }));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));
}

function createLock() {
  try {
    const file = openSync(LOCK, "wx");
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    return fail(`${LOCK} cannot be written: ${error.message}`);
  }
}

/** The process that holds the lock; undefined if it has just gone, or not written its id yet. */
function ownerOfLock() {
  try {
    return Number(readFileSync(LOCK, "utf8")) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Without a packaged Node for this machine, its own has to do. */
function requireNode() {
  const packaged = join(ROOT, "node_modules", ".bin", "node");
  if (existsSync(packaged) || existsSync(`${packaged}.cmd`)) return;
  if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR_MIN) return;
  fail(
    `there is no packaged Node for ${process.platform} ${process.arch}, and this is Node ` +
      `${process.versions.node}: put Node ${NODE_MAJOR_MIN} or newer first on PATH`,
  );
}

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(1);
}
