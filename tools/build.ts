// Makes what the package ships: node tools/build.ts [FOLDER]. dist/opscore.js is the whole command
// line in one file, so that a call is answered before a hundred modules would be found; the server
// is beside it in dist/server/ and is loaded by `serve` and `dev` only.
import { chmodSync, cpSync, rmSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build as bundle, type Plugin } from "esbuild";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const SRC = join(ROOT, "src");

/** What the command line loads of the server, by `import()` of a file right in src/. */
const SERVER = ["app", "logger"];
/** Modules that start as threads, which look for each other beside themselves. */
const THREADS = ["store/sqlite/store-thread", "rpc/template-text-worker"];

const COMMON: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  logLevel: "warning",
  // Packages that are CommonJS ask for Node's own modules.
  banner: {
    js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  },
};

/**
 * An import of Node's own module by name makes every export of it, and those of node:http bring
 * the whole of its fetch and WebSocket along: a quarter of a call's time.
 */
const builtinsAsNeeded: Plugin = {
  name: "builtins-as-needed",
  setup({ onResolve, onLoad }) {
    onResolve(
      {
        filter:
          /^(node:)?(http|https|http2|tls|util|crypto|zlib|stream|fs|events|os|path|readline.promises)$/,
      },
      ({ path }) => ({
        path,
        namespace: "builtin",
      }),
    );
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

/** Only files of settings and `-o yaml` need it, and it is a fifth of the whole. */
const yamlBeside: Plugin = {
  name: "yaml-beside",
  setup({ onResolve }) {
    onResolve({ filter: /^yaml$/ }, () => ({ path: "./yaml.js", external: true }));
  },
};

const serverBeside: Plugin = {
  name: "server-beside",
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`/(${SERVER.join("|")})\\.ts$`) }, ({ path, resolveDir }) => {
      const name = relative(SRC, join(resolveDir, path)).replace(/\.ts$/, "");
      return SERVER.includes(name) ? { path: `./server/${name}.js`, external: true } : undefined;
    });
  },
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build(process.argv[2] ?? join(ROOT, "dist"));
}

/** Builds into a folder, whatever was in it. */
export async function build(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  await bundle({
    ...COMMON,
    entryPoints: { opscore: join(SRC, "main.ts") },
    outdir: folder,
    plugins: [serverBeside, yamlBeside, builtinsAsNeeded],
  });
  await bundle({
    ...COMMON,
    stdin: {
      contents: 'export { parse, parseDocument, stringify } from "yaml";',
      resolveDir: ROOT,
    },
    outfile: join(folder, "yaml.js"),
  });
  chmodSync(join(folder, "opscore.js"), 0o755);
  await bundle({
    ...COMMON,
    entryPoints: [...SERVER, ...THREADS].map((name) => ({
      in: join(SRC, `${name}.ts`),
      out: basename(name),
    })),
    outdir: join(folder, "server"),
    splitting: true,
  });
  const migrations = "store/sqlite/migrations";
  cpSync(join(SRC, migrations), join(folder, "server", basename(migrations)), { recursive: true });
}
