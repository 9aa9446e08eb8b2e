import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { CosError } from './cos-error';
import { type Exchange, param } from './exchange';

/** Bits per second. Source: https://www.tencentcloud.com/document/product/436/40140 */
const limitMin = 819_200;
const limitMax = 838_860_800;

/** Bytes per second, from the header or parameter `x-cos-traffic-limit`; Infinity without one. Fails with InvalidArgument. */
export function trafficLimitOf(exchange: Exchange): number {
  const value = exchange.headers['x-cos-traffic-limit'] ?? param(exchange, 'x-cos-traffic-limit');
  if (value === undefined || value === '') return Infinity;
  const bits = /^\d{1,12}$/.test(value) ? Number(value) : 0;
  if (bits < limitMin || bits > limitMax)
    throw new CosError('InvalidArgument', `x-cos-traffic-limit must be from ${limitMin} to ${limitMax}.`);
  return bits / 8;
}

type Wait = (milliseconds: number) => Promise<void>;

/** Waits only while somebody is there: who went away must not be waited for. */
export function whileOpen(response: ServerResponse): Wait {
  let closed: AbortSignal | undefined;
  return (milliseconds) =>
    sleep(milliseconds, undefined, { signal: (closed ??= closing(response)), ref: false });
}

function closing(response: ServerResponse): AbortSignal {
  const ending = new AbortController();
  if (response.destroyed) ending.abort();
  response.once('close', () => ending.abort());
  return ending.signal;
}

/** Passes chunks on no faster than that: each once its last byte may be there. */
export function paced(
  chunks: AsyncIterable<Buffer>,
  bytesPerSecond: number,
  wait: Wait,
): AsyncIterable<Buffer> {
  return bytesPerSecond === Infinity ? chunks : slowed(chunks, bytesPerSecond, wait);
}

async function* slowed(
  chunks: AsyncIterable<Buffer>,
  bytesPerSecond: number,
  wait: Wait,
): AsyncGenerator<Buffer> {
  const begun = performance.now();
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    const aheadMs = (bytes / bytesPerSecond) * 1000 - (performance.now() - begun);
    if (aheadMs > 1) await wait(aheadMs);
    yield chunk;
  }
}
