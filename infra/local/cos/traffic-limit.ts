import { setTimeout as sleep } from 'node:timers/promises';
import { CosError } from './cos-error';
import { type Exchange, param } from './exchange';

/** Bits per second. Source: https://www.tencentcloud.com/document/product/436/40140 */
const limitMin = 819_200;
const limitMax = 838_860_800;

/** Bytes per second, from the header or parameter `x-cos-traffic-limit`. Fails with InvalidArgument. */
export function trafficLimitOf(exchange: Exchange): number | undefined {
  const value = exchange.headers['x-cos-traffic-limit'] ?? param(exchange, 'x-cos-traffic-limit');
  if (value === undefined || value === '') return undefined;
  const bits = /^\d{1,12}$/.test(value) ? Number(value) : 0;
  if (bits < limitMin || bits > limitMax)
    throw new CosError('InvalidArgument', `x-cos-traffic-limit must be from ${limitMin} to ${limitMax}.`);
  return bits / 8;
}

/** Passes chunks on no faster than that. */
export function paced(
  chunks: AsyncIterable<Buffer>,
  bytesPerSecond: number | undefined,
  wait: (milliseconds: number) => Promise<void> = sleep,
): AsyncIterable<Buffer> {
  return bytesPerSecond === undefined ? chunks : slowed(chunks, bytesPerSecond, wait);
}

async function* slowed(
  chunks: AsyncIterable<Buffer>,
  bytesPerSecond: number,
  wait: (milliseconds: number) => Promise<void>,
): AsyncGenerator<Buffer> {
  const begun = performance.now();
  let bytes = 0;
  for await (const chunk of chunks) {
    yield chunk;
    bytes += chunk.length;
    const aheadMs = (bytes / bytesPerSecond) * 1000 - (performance.now() - begun);
    if (aheadMs > 1) await wait(aheadMs);
  }
}
