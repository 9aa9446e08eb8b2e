import COS from 'cos-nodejs-sdk-v5';

/**
 * The unmodified SDK, pointed at a local cloud: with `Ip` it sends the real Host header and a valid signature;
 * GET Service ignores `Ip`, hence `ServiceDomain`.
 */
export function cosClient(port: number, key: { readonly secretId: string; readonly secretKey: string }): COS {
  const address = `127.0.0.1:${port}`;
  return new COS({
    SecretId: key.secretId,
    SecretKey: key.secretKey,
    Protocol: 'http:',
    Ip: address,
    ServiceDomain: address,
    KeepAlive: true,
  });
}

/** Makes a bucket unless it is there. https://cloud.tencent.com/document/product/436/7738 */
export async function ensureBucket(cos: COS, bucket: string, region: string): Promise<void> {
  const place = { Bucket: bucket, Region: region };
  try {
    await cos.headBucket(place);
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode !== 404) throw error;
    await cos.putBucket(place);
  }
}
