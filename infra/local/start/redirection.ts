import type { LocalCloud } from '../cloud';

/** Variables that send unmodified clients to a local cloud; which client reads which is in docs/local-cloud.md. */
export function redirectionVariables(
  cloud: Pick<LocalCloud, 'port' | 'caFile'>,
): Readonly<Record<string, string>> {
  const proxy = `http://127.0.0.1:${cloud.port}`;
  return {
    // Both spellings: some clients read only the one, some only the other.
    http_proxy: proxy,
    https_proxy: proxy,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    // What stands here would go to the real cloud.
    no_proxy: '',
    NO_PROXY: '',
    NODE_EXTRA_CA_CERTS: cloud.caFile,
    SSL_CERT_FILE: cloud.caFile,
    REQUESTS_CA_BUNDLE: cloud.caFile,
    CURL_CA_BUNDLE: cloud.caFile,
  };
}

/** One line that a shell takes as it is. */
export function redirectionExport(cloud: Pick<LocalCloud, 'port' | 'caFile'>): string {
  const pairs = Object.entries(redirectionVariables(cloud)).map(
    ([name, value]) => `${name}=${quoted(value)}`,
  );
  return `export ${pairs.join(' ')}`;
}

function quoted(value: string): string {
  return /^[\w.:/-]*$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
