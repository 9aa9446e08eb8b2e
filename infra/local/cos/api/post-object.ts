import type { Readable } from 'node:stream';
import type { Accounts } from '../accounts';
import { checkToken } from '../access/authenticate';
import { authorize } from '../access/authorize';
import { CosError } from '../cos-error';
import { type BucketExchange, forbidsOverwrite, originOf, reply, replyXml } from '../exchange';
import { type FormFields, readForm } from '../form';
import { checkFormPolicy, formSignature } from '../form-policy';
import { factsOf } from '../object-headers';
import { checkedKey } from '../object-key';
import { checkMd5 } from '../read-body';
import { sameText } from '../signature';
import type { StoredVersion } from '../store/entry';
import { document, node } from '../xml';
import { headersOfWritten, mintedAtStart, objectBytesMax } from './object';

/** POST Object: an HTML form. Source: https://www.tencentcloud.com/document/product/436/14690 */
export function postObject(accounts: Accounts) {
  return async (exchange: BucketExchange): Promise<void> => {
    const mintedMicros = mintedAtStart(exchange);
    const { key, fields, entry } = await readForm(exchange, async (form, fileName, file) => {
      const key = checkedKey(Buffer.from(text(form['key']).replaceAll('${filename}', fileName)));
      if (key === '') throw new CosError('InvalidArgument', 'The form has no key.');
      const signed = signedForm(exchange, form, key, accounts);
      return { key, fields: form, entry: await keep(signed, key, file, mintedMicros) };
    });
    answer(exchange, key, fields, entry);
  };
}

/** The exchange with the form's fields in place of headers, and its signer as the caller. */
function signedForm(
  exchange: BucketExchange,
  form: FormFields,
  key: string,
  accounts: Accounts,
): BucketExchange & { readonly policy: ReturnType<typeof checkFormPolicy> } {
  const headers = { ...form, ...(form['acl'] === undefined ? {} : { 'x-cos-acl': form['acl'] }) };
  const secretId = form['q-ak'];
  if (secretId === undefined)
    return { ...exchange, headers, policy: { bytesMin: 0, bytesMax: objectBytesMax } };
  const policyText = Buffer.from(form['policy'] ?? '', 'base64').toString();
  const caller = accounts.byKey(secretId);
  exchange.seen.caller = caller.name;
  const signature = formSignature(policyText, form['q-key-time'] ?? '', caller.secretKey);
  if (!sameText(signature, form['q-signature'] ?? '')) throw new CosError('SignatureDoesNotMatch');
  checkToken(caller, form['x-cos-security-token'] ?? '', exchange.nowMs);
  const decoded = Object.fromEntries(Object.entries(form).map(([name, value]) => [name, text(value)]));
  const named = { ...decoded, key, bucket: exchange.bucket.name };
  const policy = checkFormPolicy(policyText, named, exchange.nowMs);
  return { ...exchange, headers, caller, policy };
}

async function keep(
  exchange: ReturnType<typeof signedForm>,
  key: string,
  file: Readable,
  mintedMicros: bigint | undefined,
): Promise<StoredVersion> {
  const { store, bucket, caller, policy } = exchange;
  const bucketPolicy = async () => (await store.index.document(bucket.name, 'policy'))?.text;
  const objectAcl = async () => undefined;
  await authorize(exchange, { caller, action: 'PostObject', bucket, key, bucketPolicy, objectAcl });
  const facts = factsOf(exchange, bucket);
  // After a refusal the rest of the form is still read.
  const content = file.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  const received = await store.receive(content, policy.bytesMax);
  exchange.seen.requestBytes = received.size;
  try {
    if (received.size < policy.bytesMin) throw new CosError('EntityTooSmall');
    checkMd5(exchange.headers['content-md5'], received.md5);
    const change = {
      event: 'cos:ObjectCreated:Post',
      forbidOverwrite: forbidsOverwrite(exchange),
      origin: originOf(exchange),
      mintedMicros,
    } as const;
    const etag = received.md5.toString('hex');
    return (await store.write(bucket, key, received, { etag, ...facts }, change)).entry;
  } catch (error) {
    await store.discard(received.body);
    throw error;
  }
}

function answer(exchange: BucketExchange, key: string, fields: FormFields, entry: StoredVersion): void {
  const headers = headersOfWritten(entry);
  const location = `http://${exchange.headers['host'] ?? ''}/${encodeURI(key)}`;
  const redirect = fields['success_action_redirect'];
  if (redirect !== undefined && URL.canParse(redirect)) {
    const to = new URL(redirect);
    to.searchParams.set('bucket', exchange.bucket.name);
    to.searchParams.set('key', key);
    to.searchParams.set('etag', `"${entry.etag}"`);
    return reply(exchange, 303, { ...headers, Location: to.href });
  }
  const status = fields['success_action_status'];
  if (status === '200') return reply(exchange, 200, { ...headers, Location: location });
  if (status !== '201') return reply(exchange, 204, { ...headers, Location: location });
  const xml = node('PostResponse', [
    node('Location', location),
    node('Bucket', exchange.bucket.name),
    node('Key', key),
    node('ETag', `"${entry.etag}"`),
  ]);
  return replyXml(exchange, 201, document(xml), { ...headers, Location: location });
}

/** Fields hold bytes. */
function text(field: string | undefined): string {
  return Buffer.from(field ?? '', 'latin1').toString();
}
