import { createHash, createHmac } from 'node:crypto';
import { z } from 'zod';
import { CosError } from './cos-error';

/** The policy of a form. Source: https://www.tencentcloud.com/document/product/436/14690 */
const match = z.tuple([z.enum(['eq', 'starts-with']), z.string().startsWith('$'), z.string()]);
const range = z.tuple([z.literal('content-length-range'), z.number(), z.number()]);
const exact = z.record(z.string(), z.string());
const policyDocument = z.object({
  expiration: z.string(),
  conditions: z.array(z.union([match, range, exact])),
});

export interface SizeRange {
  readonly bytesMin: number;
  readonly bytesMax: number;
}

const formBytesMax = 5 * 1024 ** 3;

/** Fails with InvalidPolicyDocument, or with AccessDenied if a field breaks a condition. `fields`: lower-case names. */
export function checkFormPolicy(
  text: string,
  fields: Readonly<Record<string, string>>,
  nowMs: number,
): SizeRange {
  const parsed = policyDocument.safeParse(parsedJson(text));
  const expiresMs = Date.parse(parsed.data?.expiration ?? '');
  if (!parsed.success || Number.isNaN(expiresMs)) throw new CosError('InvalidPolicyDocument');
  if (expiresMs < nowMs) throw new CosError('AccessDenied', 'Request has expired');
  let sizes: SizeRange = { bytesMin: 0, bytesMax: formBytesMax };
  for (const condition of parsed.data.conditions) {
    if (!Array.isArray(condition)) {
      for (const [name, value] of Object.entries(condition)) need(fieldOf(fields, name) === value, name);
    } else if (condition[0] === 'content-length-range') {
      sizes = { bytesMin: condition[1], bytesMax: Math.min(condition[2], formBytesMax) };
    } else {
      const [how, name, value] = condition;
      const actual = fieldOf(fields, name.slice(1));
      need(how === 'eq' ? actual === value : actual?.startsWith(value) === true, name);
    }
  }
  return sizes;
}

/** The signing time has another name in the form. */
function fieldOf(fields: Readonly<Record<string, string>>, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return fields[wanted === 'q-sign-time' ? 'q-key-time' : wanted];
}

function need(held: boolean, name: string): void {
  if (!held) throw new CosError('AccessDenied', `The form does not hold to the policy: ${name}.`);
}

export function formSignature(policyText: string, keyTime: string, secretKey: string): string {
  const signKey = createHmac('sha1', secretKey).update(keyTime).digest('hex');
  return createHmac('sha1', signKey)
    .update(createHash('sha1').update(policyText).digest('hex'))
    .digest('hex');
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
