import { createHash, createHmac } from 'node:crypto';
import type { Account } from '../../../../infra/local/cos/local-cos';

const boundary = 'a-boundary-of-a-form';

/** An HTML form as a browser sends it, signed as https://www.tencentcloud.com/document/product/436/14690 says. */
export function formOf(
  fields: Readonly<Record<string, string>>,
  files: readonly string[],
  signer?: Pick<Account, 'secretId' | 'secretKey'>,
  policy?: string,
): { headers: Record<string, string>; body: string } {
  const all = { ...fields, ...(signer ? signature(signer, policy ?? policyOf(signer, fields)) : {}) };
  const parts = Object.entries(all).map(
    ([name, value]) => `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`,
  );
  const uploads = files.map(
    (content, i) =>
      `Content-Disposition: form-data; name="file"; filename="photo${i}.jpg"\r\nContent-Type: image/jpeg\r\n\r\n${content}`,
  );
  const body = `${[...parts, ...uploads].map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`;
  return { headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` }, body };
}

const keyTime = (): string => {
  const start = Math.floor(Date.now() / 1000);
  return `${start};${start + 600}`;
};

export function policyOf(
  { secretId }: Pick<Account, 'secretId'>,
  fields: Readonly<Record<string, string>>,
  more: readonly unknown[] = [],
  expiresMs = Date.now() + 600_000,
): string {
  const conditions = [
    { 'q-sign-algorithm': 'sha1' },
    { 'q-ak': secretId },
    { 'q-sign-time': keyTime() },
    ...Object.entries(fields)
      .filter(([name]) => name !== 'key')
      .map(([name, value]) => ({ [name]: value })),
    ...more,
  ];
  return JSON.stringify({ expiration: new Date(expiresMs).toISOString(), conditions });
}

function signature(signer: Pick<Account, 'secretId' | 'secretKey'>, policy: string): Record<string, string> {
  const time = /"q-sign-time":"([^"]+)"/.exec(policy)?.[1] ?? keyTime();
  const signKey = createHmac('sha1', signer.secretKey).update(time).digest('hex');
  const toSign = createHash('sha1').update(policy).digest('hex');
  return {
    policy: Buffer.from(policy).toString('base64'),
    'q-sign-algorithm': 'sha1',
    'q-ak': signer.secretId,
    'q-key-time': time,
    'q-signature': createHmac('sha1', signKey).update(toSign).digest('hex'),
  };
}
