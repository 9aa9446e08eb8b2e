import type { FunctionLog } from '../scf/instance';

/** One version or marker that the replicate function says it has made. */
export interface Replicated {
  readonly kind: 'replicated';
  readonly entry: 'version' | 'deleteMarker';
  readonly atMs: number;
  readonly sourceBucket: string;
  readonly key: string;
  readonly sourceVersionId: string;
  readonly destinationBucket: string;
  readonly destinationVersionId: string;
}

/** What a line of a function means to somebody who watches; `quiet` is not shown. */
export type FunctionLine =
  Replicated | { readonly kind: 'trouble'; readonly text: string } | { readonly kind: 'quiet' };

const quietLevels = new Set(['trace', 'debug', 'info']);
const shownCharsMax = 2000;

/** Reads a line that a function logged: one JSON object, or anything else that was written to its output. */
export function readFunctionLine({
  functionName,
  line,
}: Pick<FunctionLog, 'functionName' | 'line'>): FunctionLine {
  const fields = parseObject(line);
  if (!fields) return trouble(`${functionName}: ${line}`);
  if (fields.msg === 'replicated') {
    return {
      kind: 'replicated',
      entry: fields.kind === 'deleteMarker' ? 'deleteMarker' : 'version',
      atMs: Number(fields.time),
      sourceBucket: textOf(fields.sourceBucket),
      key: textOf(fields.key),
      sourceVersionId: textOf(fields.sourceVersionId),
      destinationBucket: textOf(fields.destinationBucket),
      destinationVersionId: textOf(fields.destinationVersionId),
    };
  }
  if (quietLevels.has(textOf(fields.level))) return { kind: 'quiet' };
  const { level, msg, time: _time, ...rest } = fields;
  const details = Object.entries(rest).map(([name, value]) => `${name}=${textOf(value)}`);
  return trouble([`${functionName} ${textOf(level)}: ${textOf(msg)}`, ...details].join(' '));
}

/** `a.txt  version X -> Y  37 ms`; the key on one line whatever it holds. */
export function replicatedText(replicated: Replicated, committedAtMs: number | undefined): string {
  const { entry, key, sourceVersionId, destinationVersionId, destinationBucket, atMs } = replicated;
  const what = entry === 'version' ? 'version' : 'delete marker';
  const took = committedAtMs === undefined ? '' : `  ${Math.max(0, Math.round(atMs - committedAtMs))} ms`;
  const name = JSON.stringify(key).slice(1, -1);
  return `replicated ${what}  ${name}  ${sourceVersionId} -> ${destinationVersionId} (${destinationBucket})${took}`;
}

function trouble(text: string): FunctionLine {
  return { kind: 'trouble', text: text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}...` : text };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
