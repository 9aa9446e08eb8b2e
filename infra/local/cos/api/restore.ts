import { z } from 'zod';
import { CosError } from '../cos-error';
import { type ObjectExchange, originOf, reply } from '../exchange';
import { isArchived, restoreState } from '../object-headers';
import { readDocument } from '../read-body';
import { parseDocument } from '../xml';
import { versionToRead } from './object';

const tiers = ['Expedited', 'Standard', 'Bulk'] as const;
const dayMs = 86_400_000;

const restoreDocument = z.object({
  RestoreRequest: z.object({
    Days: z
      .string()
      .regex(/^\s*\d{1,3}\s*$/)
      .transform(Number)
      .pipe(z.number().min(1).max(365)),
    CASJobParameters: z.object({ Tier: z.enum(tiers) }).optional(),
  }),
});

/**
 * POST Object restore. It takes hours on COS and a moment here, whatever the tier.
 * Source: https://www.tencentcloud.com/document/product/436/12633
 */
export async function restoreObject(exchange: ObjectExchange): Promise<void> {
  const { store, bucket, key, nowMs } = exchange;
  const parsed = restoreDocument.safeParse(parseDocument(await readDocument(exchange), []));
  if (!parsed.success) throw new CosError('MalformedXML');
  const { Days, CASJobParameters } = parsed.data.RestoreRequest;
  const version = await versionToRead(exchange);
  if (!isArchived(version)) throw new CosError('RestoreNonArchiveObject');
  if (restoreState(version, nowMs) === 'ongoing') throw new CosError('RestoreAlreadyInProgress');
  if (CASJobParameters?.Tier === 'Expedited' && version.storageClass.endsWith('DEEP_ARCHIVE'))
    throw new CosError('InvalidArgument', 'DEEP_ARCHIVE has no expedited restore.');
  const readyMs = nowMs + store.restoreMs;
  const restore = { readyMs, expiresMs: readyMs + Days * dayMs };
  await store.changeInPlace(bucket, key, version, { restore }, 'cos:ObjectRestore:Post', originOf(exchange));
  store.later(store.restoreMs, () =>
    store.changeInPlace(bucket, key, version, {}, 'cos:ObjectRestore:Completed', originOf(exchange)),
  );
  reply(exchange, 202);
}
