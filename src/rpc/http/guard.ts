import { cors } from "@connectrpc/connect";
import { answer, type Door, type NodeRequest, type NodeResponse } from "./request.ts";

/** Who may be asked for, and by which pages. */
export interface GuardOptions {
  /** Only names of this machine are right, whatever else is listed. */
  readonly local: boolean;
  /** Lower case, without ports. Empty and not local: any valid name. */
  readonly allowedHosts: readonly string[];
  /** Exact origins of pages that may call. */
  readonly allowedOrigins: readonly string[];
  readonly urlBytesMax: number;
}

const AUTHORITY = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252})(:\d{1,5})?$/;
const PORT_MAX = 65_535;
const METHODS = ["GET", "HEAD", "POST", "OPTIONS"];
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];
/** Types that a page can post to anywhere without asking: nothing here speaks them. */
const FORMS = /^(application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)\b/i;

const ALLOW_HEADERS = [
  ...cors.allowedHeaders,
  ...["authorization", "opscore-namespace", "last-event-id", "traceparent"],
];
const EXPOSE_HEADERS = [
  ...cors.exposedHeaders,
  ...["opscore-replayed", "opscore-version", "retry-after"],
];

/**
 * Stands before everything else on the port. A Host that is no host makes the
 * adapter throw inside its request listener, which would end the process; and
 * the check of the name is what stops DNS rebinding: CORS does not.
 */
export function createGuard(options: GuardOptions, next: Door): Door {
  return (req, res) => {
    res.on("error", () => undefined);
    const refusal = refuse(options, req);
    if (refusal !== undefined) {
      answer(res, refusal.status, `${refusal.message}\n`);
      return;
    }
    const origin = req.headers.origin;
    if (origin !== undefined) allowOrigin(res, origin);
    if (req.method === "OPTIONS") {
      preflight(res);
      return;
    }
    try {
      next(req, res);
    } catch {
      if (!res.headersSent) answer(res, 400, "the request cannot be understood\n");
    }
  };
}

interface Refusal {
  readonly status: number;
  readonly message: string;
}

function refuse(options: GuardOptions, req: NodeRequest): Refusal | undefined {
  const authority = req.headers[":authority"] ?? req.headers.host ?? "";
  const match = AUTHORITY.exec(String(authority));
  const port = Number(match?.[2]?.slice(1) ?? 0);
  if (match === null || port > PORT_MAX) return { status: 400, message: "the Host is not valid" };
  const name = (match[1] ?? "").toLowerCase();
  if (!isAllowedHost(options, name)) {
    const message = `this server is not ${name}; see the setting OPSCORE_ALLOWED_HOSTS`;
    return { status: 421, message };
  }
  if (!isAllowedOrigin(options, req.headers.origin, String(authority))) {
    return {
      status: 403,
      message: "pages of this origin may not call; see OPSCORE_ALLOWED_ORIGINS",
    };
  }
  if (!METHODS.includes(req.method ?? "")) {
    return { status: 405, message: `the method must be one of ${METHODS.join(", ")}` };
  }
  if (Buffer.byteLength(req.url ?? "") > options.urlBytesMax) {
    return { status: 414, message: `the URL may have ${options.urlBytesMax} bytes at most` };
  }
  if (req.method === "POST" && FORMS.test(req.headers["content-type"] ?? "")) {
    return { status: 415, message: "send application/json or a protobuf type" };
  }
  return undefined;
}

function isAllowedHost({ local, allowedHosts }: GuardOptions, name: string): boolean {
  if (allowedHosts.includes(name)) return true;
  return local ? LOOPBACK.includes(name) : allowedHosts.length === 0;
}

/** Absent, the server's own, or listed. */
function isAllowedOrigin(
  { allowedOrigins }: GuardOptions,
  origin: string | undefined,
  authority: string,
): boolean {
  if (origin === undefined || allowedOrigins.includes(origin)) return true;
  return origin === `http://${authority}` || origin === `https://${authority}`;
}

function allowOrigin(res: NodeResponse, origin: string): void {
  res.setHeader("access-control-allow-origin", origin);
  res.setHeader("access-control-expose-headers", EXPOSE_HEADERS.join(", "));
  res.setHeader("vary", "origin");
}

function preflight(res: NodeResponse): void {
  res.setHeader("access-control-allow-methods", cors.allowedMethods.join(", "));
  res.setHeader("access-control-allow-headers", ALLOW_HEADERS.join(", "));
  res.setHeader("access-control-max-age", "7200");
  answer(res, 204, "");
}
