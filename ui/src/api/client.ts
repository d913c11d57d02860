// The server's API: Prometheus's envelope, errors as people can read them, requests that can be given up.

import { signal } from "@preact/signals";
import { type Packed, unpack } from "./packed";
import { hear, present } from "../state/clock";
import { base } from "../state/url";
import type { Deletes, Gets, Posts } from "./types";

/** What the server answers, besides the data. */
export interface Remarks {
  warnings: string[];
  infos: string[];
}

export interface Answer<T> extends Remarks {
  data: T;
}

/** An answer that is none. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** Prometheus's kind; `starting` and `stopping` while the server does that, `offline` when nobody answers. */
    readonly kind: string,
    readonly status: number,
  ) {
    super(message);
  }

  /** Whether what was asked before is still worth a look: the server is away, the answer was good. */
  get away(): boolean {
    return this.kind === "offline" || this.kind === "stopping";
  }

  /** Line and column (from 1) that the text of a query's error begins with: `1:5: parse error: …`. */
  get position(): { line: number; column: number } | undefined {
    const found = /(?:^|parameter "(?:query|match\[\])": )(\d+):(\d+): /.exec(this.message);
    return found ? { line: Number(found[1]), column: Number(found[2]) } : undefined;
  }
}

/** The server answered the last request. */
export const online = signal(true);
/** When it answered last, seconds. */
export const answeredAt = signal(0);

/** Larger answers are parsed in a worker, bytes. */
const LARGE = 1 << 20;

const [BRACE, NEW_LINE] = [0x7b, 0x0a];

let worker: Worker | undefined;
let waiting = 0;
const inWorker = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();

function inTheWorker(bytes: ArrayBuffer): Promise<unknown> {
  worker ??= startWorker();
  const id = (waiting += 1);
  const job = new Promise<unknown>((resolve, reject) => inWorker.set(id, { resolve, reject }));
  worker.postMessage({ id, bytes }, [bytes]);
  return job;
}

function startWorker(): Worker {
  const started = new Worker(new URL("./parse.worker.ts", import.meta.url), { type: "module" });
  started.onmessage = (event: MessageEvent<{ id: number; packed?: Packed; error?: string }>) => {
    const { id, packed, error } = event.data;
    const job = inWorker.get(id);
    inWorker.delete(id);
    if (packed !== undefined) job?.resolve(unpack(packed));
    else job?.reject(new Error(error));
  };
  return started;
}

export type Params = Record<string, string | number | readonly string[] | undefined>;

function encode(params: Params): URLSearchParams {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    if (Array.isArray(value)) for (const one of value) out.append(name, String(one));
    else out.append(name, String(value));
  }
  return out;
}

interface Envelope {
  status?: string;
  data?: unknown;
  error?: string;
  errorType?: string;
  warnings?: string[];
  infos?: string[];
}

/** What an answer in plain words means; `undefined` where the words matter. */
export function refusal(status: number, headers: Headers): ApiError | undefined {
  if (status === 404) return new ApiError("Not served here.", "not_found", status);
  if (status !== 503) return undefined;
  if (headers.get("x-prometheus-stopping") === "true") return new ApiError("The server is stopping.", "stopping", status);
  return new ApiError("The server is starting: it reads its log.", "starting", status);
}

/** An answer as it comes. */
interface Reply {
  status: number;
  headers: Headers;
  bytes: ArrayBuffer;
}

/** Asks, and notes whether somebody answered. */
async function exchange(url: string, init: RequestInit): Promise<Reply> {
  let response: Response;
  const asked = performance.now();
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    online.value = false;
    throw new ApiError("The server does not answer.", "offline", 0);
  }
  hear(response.headers.get("date"), performance.now() - asked);
  const bytes = await response.arrayBuffer();
  online.value = true;
  answeredAt.value = present();
  return { status: response.status, headers: response.headers, bytes };
}

function parsed(bytes: ArrayBuffer): Promise<unknown> {
  return bytes.byteLength < LARGE ? Promise.resolve(JSON.parse(new TextDecoder().decode(bytes))) : inTheWorker(bytes);
}

/** What an envelope holds, or the error that it tells of. */
function opened<T>(envelope: Envelope, status: number): Answer<T> {
  if (envelope.status !== "success") throw new ApiError(envelope.error ?? `Status ${status}`, envelope.errorType ?? "internal", status);
  return { data: envelope.data as T, warnings: envelope.warnings ?? [], infos: envelope.infos ?? [] };
}

async function read<T>({ status, headers, bytes }: Reply): Promise<Answer<T>> {
  if (status === 204) return { data: undefined as T, warnings: [], infos: [] };
  // Words, not JSON: a proxy's page, or a plain line.
  const refused = new Uint8Array(bytes)[0] === BRACE ? undefined : refusal(status, headers);
  if (refused !== undefined) throw refused;
  let envelope: Envelope;
  try {
    envelope = (await parsed(bytes)) as Envelope;
  } catch {
    throw new ApiError(`The answer is no JSON (status ${status}).`, "internal", status);
  }
  return opened(envelope, status);
}

async function send<T>(url: string, init: RequestInit): Promise<Answer<T>> {
  return read(await exchange(url, init));
}

/** `GET /api/v1/PATH` */
export function get<P extends keyof Gets>(path: P, params: Params = {}, signal?: AbortSignal): Promise<Answer<Gets[P]>> {
  const query = encode(params).toString();
  return send(`${base}api/v1/${path}${query === "" ? "" : `?${query}`}`, signal ? { signal } : {});
}

/** `POST /api/v1/PATH` with a form, for what may be too long for an address. */
export function post<P extends keyof Posts>(path: P, params: Params = {}, signal?: AbortSignal): Promise<Answer<Posts[P]>> {
  const init: RequestInit = { method: "POST", body: encode(params) };
  return send(`${base}api/v1/${path}`, signal ? { ...init, signal } : init);
}

function jsonOf(body: unknown, signal: AbortSignal | undefined): RequestInit {
  const init: RequestInit = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return signal ? { ...init, signal } : init;
}

/** `POST /api/v1/PATH` with JSON. */
export function postJson<P extends keyof Posts>(path: P, body: unknown, signal?: AbortSignal): Promise<Answer<Posts[P]>> {
  return send(`${base}api/v1/${path}`, jsonOf(body, signal));
}

/** The lines of an answer that are not empty. */
function linesOf(bytes: ArrayBuffer): ArrayBuffer[] {
  const all = new Uint8Array(bytes);
  const lines: ArrayBuffer[] = [];
  for (let from = 0; from < all.length; ) {
    const found = all.indexOf(NEW_LINE, from);
    const to = found < 0 ? all.length : found;
    if (to > from) lines.push(bytes.slice(from, to));
    from = to + 1;
  }
  return lines;
}

/** `POST /api/v1/PATH` with JSON, of which each line of the answer is an envelope with an `id`. */
export async function postLines<T>(path: string, body: unknown, signal?: AbortSignal): Promise<Map<string, Answer<T> | ApiError>> {
  const answer = await exchange(`${base}api/v1/${path}`, jsonOf(body, signal));
  // Refused as a whole, it is an envelope like any other.
  if (answer.status !== 200) await read(answer);
  const found = new Map<string, Answer<T> | ApiError>();
  for (const line of linesOf(answer.bytes)) {
    const envelope = (await parsed(line)) as Envelope & { id: string };
    try {
      found.set(envelope.id, opened<T>(envelope, answer.status));
    } catch (error) {
      found.set(envelope.id, error as ApiError);
    }
  }
  return found;
}

/** `DELETE /api/v1/PATH` */
export function remove<P extends keyof Deletes>(path: P): Promise<Answer<Deletes[P]>> {
  return send(`${base}api/v1/${path}`, { method: "DELETE" });
}
