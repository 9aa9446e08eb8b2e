import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import type * as certificates from './certificates';

/** Makes what a TLS server of the local cloud needs, under a CA that was made for one data folder. */
export interface CertificateAuthority {
  /** The PEM file that a client has to trust. */
  readonly file: string;
  /** For a server name of SNI; without one, for the loopback address. */
  readonly contextFor: (serverName?: string) => Promise<SecureContext>;
}

const dayMs = 86_400_000;
const authorityDays = 3650;
/** Some systems refuse a server's certificate that is valid for longer than 825 days, whoever signed it. */
const serverDays = 365;
const contextsMax = 1000;
const loopbackNames = ['localhost', '127.0.0.1'];

/** Reads the CA of a folder, `ca.pem` and `ca-key.pem`, or makes one on the first start. */
export async function openCertificateAuthority(dir: string, nowMs: number): Promise<CertificateAuthority> {
  const file = path.join(dir, 'ca.pem');
  const keyFile = path.join(dir, 'ca-key.pem');
  const authority = readAuthority(file, keyFile, nowMs) ?? (await makeAuthorityIn(file, keyFile, nowMs));
  const contexts = new Map<string, Promise<SecureContext>>();

  const makeContext = async (names: readonly string[]): Promise<SecureContext> => {
    const { makeServerCertificate } = await loadCertificates();
    const { certificate, key } = await makeServerCertificate(authority, names, validFor(serverDays, nowMs));
    return createSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' });
  };

  return {
    file,
    contextFor: (serverName) => {
      const names = serverName === undefined ? loopbackNames : [withNeighbours(serverName)];
      const [id = ''] = names;
      const known = contexts.get(id);
      if (known) return known;
      if (contexts.size >= contextsMax) contexts.clear();
      const made = makeContext(names);
      contexts.set(id, made);
      return made;
    },
  };
}

/** One certificate serves every bucket of a region, every function of one. */
function withNeighbours(serverName: string): string {
  return serverName.toLowerCase().replace(/^[^.]+/, '*');
}

/** The library takes longer to load than all else that a start does: only who needs a new certificate waits for it. */
function loadCertificates(): Promise<typeof certificates> {
  return import('./certificates');
}

/** What is there, if it is whole and outlives the certificates that will be made under it. */
function readAuthority(file: string, keyFile: string, nowMs: number): certificates.CertifiedKey | undefined {
  if (!existsSync(file) || !existsSync(keyFile)) return undefined;
  const authority = { certificate: readFileSync(file, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  const certificate = new X509Certificate(authority.certificate);
  if (!certificate.checkPrivateKey(createPrivateKey(authority.key))) return undefined;
  return Date.parse(certificate.validTo) > nowMs + serverDays * dayMs ? authority : undefined;
}

async function makeAuthorityIn(
  file: string,
  keyFile: string,
  nowMs: number,
): Promise<certificates.CertifiedKey> {
  const { makeAuthority } = await loadCertificates();
  const authority = await makeAuthority(validFor(authorityDays, nowMs));
  // The certificate last, and whole: where it is, its key is too.
  writeWhole(keyFile, authority.key, 0o600);
  writeWhole(file, `${authority.certificate}\n`, 0o644);
  return authority;
}

/** From a day ago: a container's clock may differ from its host's. */
function validFor(days: number, nowMs: number): certificates.Validity {
  return { from: new Date(nowMs - dayMs), until: new Date(nowMs + days * dayMs) };
}

function writeWhole(file: string, text: string, mode: number): void {
  writeFileSync(`${file}.new`, text, { mode });
  renameSync(`${file}.new`, file);
}
