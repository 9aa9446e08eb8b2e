/**
 * The host names that the local cloud answers for, the only ones: it forwards nothing, so whatever else a client or
 * a function asks for is refused by its name.
 */
export const cloudDomains = [
  'myqcloud.com',
  'tencentcos.cn',
  'tencentcloudapi.com',
  'tencentscf.com',
] as const;

const httpPorts = new Set([80, 443]);

export function isCloudHost(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return cloudDomains.some((domain) => name.endsWith(`.${domain}`));
}

/** Whether a connection that was meant for this address ends in the local cloud. */
export function isCloudAddress(host: string, port: number): boolean {
  return isCloudHost(host) && httpPorts.has(port);
}

/** What is said to whoever asks for another address. */
export function outsideMessage(address: string): string {
  const own = cloudDomains.map((domain) => `*.${domain}`).join(', ');
  return `${address} is outside the local cloud, which forwards nothing. It answers for ${own} on ports 80 and 443.`;
}

/**
 * The service of a host of Tencent Cloud's API: `scf` of `scf.tencentcloudapi.com`, `scf.ap-guangzhou.tencentcloudapi.com`
 * and `scf.intl.tencentcloudapi.com`. https://cloud.tencent.com/document/api/583/17238
 */
export function cloudApiService(host: string): string | undefined {
  return /^([a-z][a-z0-9-]*)(?:\.[a-z0-9-]+)*\.tencentcloudapi\.com\.?$/.exec(host.toLowerCase())?.[1];
}
