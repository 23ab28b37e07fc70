// Makes what the package ships: node tools/build.ts [FOLDER]. dist/opscore.js is the whole command
// line in one file, so that a call is answered before a hundred modules would be found; the server
// is beside it in dist/server/ and is loaded by `serve` and `dev` only.
import { chmodSync, cpSync, rmSync } from "node:fs";
import { builtinModules } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { type BuildOptions, build as bundle, type Plugin } from "esbuild";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const SRC = join(ROOT, "src");

/** What the command line loads of the server, by `import()` of a file right in src/. */
const SERVER = ["app", "app-verify", "logger"];
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

/** Only files of settings and `-o yaml` need it, and it is a fifth of the whole. */
const yamlBeside = beside("^yaml", () => "./yaml.js");

const serverBeside = beside(`/(?:${SERVER.join("|")})\\.ts`, (file) => {
  const name = relative(SRC, file).replace(/\.ts$/, "");
  return SERVER.includes(name) ? `./server/${name}.js` : undefined;
});

/**
 * An import of Node's own module by name makes every export of it, and those of node:http bring
 * the whole of its fetch and WebSocket along: a fifth of a call's time.
 */
const builtinsAsNeeded = standIn(
  `^(?:node:)?(?:${builtinModules.join("|")})`,
  (path) => `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
);

/**
 * Field rules are the server's to check. Our descriptors name the file that declares them, so a file
 * of that name, without its contents, is all that the command line has to read.
 */
const fieldRulesUnread = standIn("/buf/validate/validate_pb\\.js", () => {
  const file = create(FileDescriptorProtoSchema, { name: "buf/validate/validate.proto" });
  const bytes = Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString("base64");
  return `
    import { fileDesc } from "@bufbuild/protobuf/codegenv2";
    export const file_buf_validate_validate = fileDesc("${bytes}");`;
});

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
    plugins: [serverBeside, yamlBeside, fieldRulesUnread, builtinsAsNeeded],
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

/** Leaves a module out of the bundle, to be found at a path from it. */
function beside(ending: string, pathOf: (file: string) => string | undefined): Plugin {
  return {
    name: `beside ${ending}`,
    setup({ onResolve }) {
      onResolve({ filter: new RegExp(`${ending}$`) }, ({ path: asked, resolveDir }) => {
        const path = pathOf(join(resolveDir, asked));
        return path === undefined ? undefined : { path, external: true };
      });
    },
  };
}

/** Puts other code in the place of a module. */
function standIn(ending: string, code: (path: string) => string): Plugin {
  return {
    name: `stand-in ${ending}`,
    setup({ onResolve, onLoad }) {
      onResolve({ filter: new RegExp(`${ending}$`) }, ({ path }) => ({ path, namespace: ending }));
      onLoad({ filter: /.*/, namespace: ending }, ({ path }) => ({
        contents: code(path),
        resolveDir: ROOT,
      }));
    },
  };
}
