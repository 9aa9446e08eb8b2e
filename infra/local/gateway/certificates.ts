import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints } from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';
import { cloudDomains } from '../cloud-hosts';

/** A certificate with its private key, both PEM. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

export interface Validity {
  readonly from: Date;
  readonly until: Date;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/**
 * A CA that is good for nothing but the local cloud's names, so that trusting it gives nobody power over any other
 * site: its name constraints say so, and verifiers enforce them.
 */
export async function makeAuthority(validity: Validity): Promise<CertifiedKey> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(),
    // Two CAs of one name would be mistaken for each other in a trust store.
    name: `CN=Local cloud ${randomBytes(4).toString('hex')}`,
    notBefore: validity.from,
    notAfter: validity.until,
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      nameConstraints(),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await pemOf(keys.privateKey) };
}

/** A TLS server's certificate for DNS names and IPv4 addresses. */
export async function makeServerCertificate(
  authority: CertifiedKey,
  names: readonly string[],
  validity: Validity,
): Promise<CertifiedKey> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    issuer: issuer.subject,
    // The names stand in the extension; a common name may hold 64 characters only, and nobody reads it any more.
    subject: 'CN=Local cloud',
    notBefore: validity.from,
    notAfter: validity.until,
    signingKey: await importKey(authority.key),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIpv4(value) ? 'ip' : 'dns', value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await pemOf(keys.privateKey) };
}

const nameConstraintsOid = '2.5.29.30';

/** https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.10 */
function nameConstraints(): x509.Extension {
  const permitted = [
    ...[...cloudDomains, 'localhost'].map((domain) => new GeneralName({ dNSName: domain })),
    new GeneralName({ iPAddress: '127.0.0.1/32' }),
  ];
  const subtrees = new GeneralSubtrees(permitted.map((base) => new GeneralSubtree({ base })));
  const value = AsnConvert.serialize(new NameConstraints({ permittedSubtrees: subtrees }));
  return new x509.Extension(nameConstraintsOid, true, value);
}

/** Positive, and never the same twice: a browser refuses two certificates of one issuer that share it. */
function newSerialNumber(): string {
  return `01${randomBytes(15).toString('hex')}`;
}

function isIpv4(name: string): boolean {
  return /^[\d.]+$/.test(name);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(pem);
  return webcrypto.subtle.importKey('pkcs8', der as ArrayBuffer, algorithm, false, ['sign']);
}
