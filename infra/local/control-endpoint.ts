import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { noFaults, parseFaultPlan } from './faults/fault-plan';
import type { CosNetwork } from './network/cos-network';
import { parseNetworkSettings, plainNetwork } from './network/network-settings';
import type { RecentLog } from './recent-log';
import { type ParsedDocument, parseDocument } from './parsed-document';
import type { BucketTrigger, TriggerTable } from './scf/trigger-table';
import { defaultUnknowns, parseUnknowns, type Unknowns } from './unknowns';
import { z } from 'zod';

/** One document that is read with GET, replaced with PUT and reset with DELETE. */
export interface ControlDocument {
  readonly read: () => unknown;
  /** The problems of a document that is not taken. */
  readonly replace: (value: unknown) => string | undefined;
  readonly reset: () => void;
}

export type ControlDocuments = Readonly<Record<string, ControlDocument>>;

/** `/local/faults` and `/local/network`. */
export function networkDocuments(network: CosNetwork): ControlDocuments {
  return {
    faults: {
      read: () => ({ plan: network.plan(), counts: network.faults().counts() }),
      replace: (value) => taken(parseFaultPlan(value), network.setPlan),
      reset: () => network.setPlan(noFaults),
    },
    network: {
      read: () => network.settings(),
      replace: (value) => taken(parseNetworkSettings(value), network.setSettings),
      reset: () => network.setSettings(plainNetwork),
    },
  };
}

/** `/local/unknowns` */
export function unknownsDocument(read: () => Unknowns, set: (unknowns: Unknowns) => void): ControlDocument {
  return { read, replace: (value) => taken(parseUnknowns(value), set), reset: () => set(defaultUnknowns) };
}

const bucketTriggers = z.array(
  z.strictObject({
    functionName: z.string(),
    bucket: z.string(),
    region: z.string(),
    event: z.string(),
    prefix: z.string().default(''),
    suffix: z.string().default(''),
  }),
);

/** `/local/triggers`: those of single buckets. All are taken or none. */
export function triggersDocument(table: TriggerTable): ControlDocument {
  const replaceAll = (wanted: readonly BucketTrigger[]): string[] => {
    for (const trigger of table.list()) table.unbind(trigger);
    return wanted.flatMap((trigger, place) => {
      const refusal = table.bind(trigger);
      return refusal ? [`${refusal.code}: ${refusal.message} → at [${place}]`] : [];
    });
  };
  return {
    read: () => table.list(),
    replace: (value) => {
      const parsed = parseDocument(bucketTriggers, value);
      if (!parsed.ok) return parsed.problems;
      const before = table.list();
      const problems = replaceAll(parsed.value);
      if (problems.length === 0) return undefined;
      replaceAll(before);
      return problems.join('\n');
    },
    reset: () => void replaceAll([]),
  };
}

/** `/local/log`: what functions wrote, and what the platform wrote of them. */
export function logDocument(log: RecentLog): ControlDocument {
  return { read: log.list, replace: () => 'The log is read and reset only.', reset: log.reset };
}

function taken<Value>(parsed: ParsedDocument<Value>, take: (value: Value) => void): string | undefined {
  if (!parsed.ok) return parsed.problems;
  take(parsed.value);
  return undefined;
}

/**
 * Serves the documents, on the loopback host only and with methods that no web page of another origin may send
 * without being asked first.
 */
export async function serveControl(
  documents: ControlDocuments,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, value: unknown): void => {
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(`${JSON.stringify(value, undefined, 2)}\n`);
  };
  const document = Object.hasOwn(documents, name) ? documents[name] : undefined;
  if (!document) return send(404, { problems: `There is only: ${Object.keys(documents).join(', ')}.` });
  const { method } = request;
  if (method === 'PUT') {
    const value = parsedJson(await text(request));
    const problems = value === undefined ? 'The body is no JSON.' : document.replace(value);
    return problems === undefined ? send(200, document.read()) : send(400, { problems });
  }
  request.resume();
  if (method !== 'GET' && method !== 'DELETE') {
    return send(405, { problems: 'Only GET, PUT and DELETE are known.' });
  }
  if (method === 'DELETE') document.reset();
  return send(200, document.read());
}

function parsedJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
