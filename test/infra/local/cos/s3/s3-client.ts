import { Agent } from 'node:http';
import type { LookupFunction } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import type { RunningCos } from '../harness';

interface Keys {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token?: string;
}

/** The unmodified AWS SDK, which takes COS's hosts to be where the local COS is. */
export function s3At(running: RunningCos, region = 'ap-guangzhou', keys: Keys = running.own): S3Client {
  // In place of DNS.
  const lookup: LookupFunction = (_host, { all }, callback) =>
    all === true ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);
  return new S3Client({
    region,
    endpoint: `http://cos.${region}.myqcloud.com:${running.port}`,
    credentials: {
      accessKeyId: keys.secretId,
      secretAccessKey: keys.secretKey,
      ...(keys.token === undefined ? {} : { sessionToken: keys.token }),
    },
    requestHandler: { httpAgent: new Agent({ lookup, keepAlive: true }) },
    maxAttempts: 1,
  });
}

/** What a call was refused with: `status code`. */
export async function s3Refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'not refused';
  } catch (thrown) {
    const { name, $metadata } = thrown as { name?: string; $metadata?: { httpStatusCode?: number } };
    return `${$metadata?.httpStatusCode} ${name}`;
  }
}
