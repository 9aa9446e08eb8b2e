/** What a Host header addresses. */
export type Target =
  | { readonly kind: 'service'; readonly region: string | undefined }
  | { readonly kind: 'bucket'; readonly bucket: string; readonly appid: string; readonly region: string };

const domain = '(?:myqcloud\\.com|tencentcos\\.cn)';
const regionPattern = '[a-z]+(?:-[a-z0-9]+)+';
const bucketHost = new RegExp(
  `^([a-z0-9][a-z0-9-]*)-(\\d+)\\.cos(?:-internal)?\\.(${regionPattern})\\.${domain}$`,
);
const regionHost = new RegExp(`^cos(?:-internal)?\\.(${regionPattern})\\.${domain}$`);
const serviceHost = new RegExp(`^service\\.cos\\.${domain}$`);

/** Hosts of COS. Source: https://www.tencentcloud.com/document/product/436/6224 */
export function targetOf(host: string): Target | undefined {
  const name = host.toLowerCase().replace(/:\d+$/, '');
  if (serviceHost.test(name)) return { kind: 'service', region: undefined };
  const [, ofRegion] = regionHost.exec(name) ?? [];
  if (ofRegion !== undefined) return { kind: 'service', region: ofRegion };
  const [, short, appid, region] = bucketHost.exec(name) ?? [];
  if (short === undefined || appid === undefined || region === undefined) return undefined;
  return { kind: 'bucket', bucket: `${short}-${appid}`, appid, region };
}
