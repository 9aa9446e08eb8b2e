import {
  parseSignature,
  rawSignature,
  sameText,
  type SignatureFields,
  signatureOf,
  type SignedRequest,
  timesOf,
} from '../../../lib/app/api/cos-signature';
import { CosError } from './cos-error';

export { encoded, percentDecoded, sameText, signatureOf } from '../../../lib/app/api/cos-signature';
export type { SignatureFields, SignedRequest } from '../../../lib/app/api/cos-signature';

/** Source: https://www.tencentcloud.com/document/product/436/7778 */
export function readSignature(request: SignedRequest): SignatureFields | undefined {
  const header = request.headers['authorization'];
  const raw =
    header === undefined
      ? Object.fromEntries(request.query.filter(([name]) => name.startsWith('q-')))
      : rawSignature(header);
  if (raw['q-sign-algorithm'] === undefined && header === undefined) return undefined;
  const fields = parseSignature(raw);
  if ('wrong' in fields) throw new CosError('SignatureDoesNotMatch', fields.wrong);
  return fields;
}

/** Fails if the times do not hold now. */
export function checkTimes(fields: SignatureFields, nowMs: number): void {
  const times = timesOf(fields, nowMs);
  if (times === 'skewed') throw new CosError('RequestTimeTooSkewed');
  if (times === 'expired') throw new CosError('AccessDenied', 'Request has expired');
}

/** Fails unless the request was signed with this key. */
export function checkSignature(request: SignedRequest, fields: SignatureFields, secretKey: string): void {
  if (!sameText(signatureOf(request, fields, secretKey), fields.signature))
    throw new CosError('SignatureDoesNotMatch');
}
