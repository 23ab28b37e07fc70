import manifest from "../package.json" with { type: "json" };

/** The version of the package, as `--version`, GetServerInfo and the opscore-version header show it. */
export const VERSION: string = manifest.version;
