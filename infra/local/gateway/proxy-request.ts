import { isCloudAddress } from '../cloud-hosts';

/** Where a client that takes this port for a proxy wants to go. */
export interface ProxiedAddress {
  readonly host: string;
  readonly port: number;
}

/** A request as its server would have got it, had the client asked it directly. */
export interface AskedFor {
  readonly url: string;
  readonly hostHeader: string;
  /** Only if the client asked for a whole URL. */
  readonly proxied?: ProxiedAddress;
}

const absoluteForm = /^(https?):\/\/([^/?#]*)(.*)$/is;

/** Takes the proxy's part off a request line. */
export function originForm(url: string, hostHeader = ''): AskedFor {
  const [, scheme, authority, rest] = absoluteForm.exec(url) ?? [];
  if (scheme === undefined || authority === undefined || rest === undefined) return { url, hostHeader };
  const address = authority.replace(/^[^@]*@/, '');
  const defaultPort = scheme.toLowerCase() === 'https' ? 443 : 80;
  const proxied = splitAuthority(address, defaultPort);
  // The URL's host wins over the header (RFC 9112, section 3.2.2); a signature is over the header as it was written.
  const sameHost = splitAuthority(hostHeader, defaultPort).host === proxied.host;
  return {
    url: rest.startsWith('/') ? rest : `/${rest}`,
    hostHeader: sameHost ? hostHeader : address,
    proxied,
  };
}

export function splitAuthority(authority: string, defaultPort: number): ProxiedAddress {
  const [, host = authority, port] = /^(.*):(\d+)$/.exec(authority) ?? [];
  return { host: host.toLowerCase(), port: port === undefined ? defaultPort : Number(port) };
}

/** Only the cloud's hosts, and this very port: any other port of this machine is somebody else's. */
export function isForwardable({ host, port }: ProxiedAddress, ownPort: number): boolean {
  if (isCloudAddress(host, port)) return true;
  return (host === '127.0.0.1' || host === 'localhost') && port === ownPort;
}
