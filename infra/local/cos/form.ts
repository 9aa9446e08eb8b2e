import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import { CosError } from './cos-error';
import type { Exchange } from './exchange';

/** Lower-case names; values as headers hold them, one character a byte. */
export type FormFields = Readonly<Record<string, string>>;

const fieldsMax = 100;
const fieldBytesMax = 64 * 1024;

/**
 * Reads a form whose last field is the one file; `work` gets all fields before it. Fails with MalformedPOSTRequest or
 * IncorrectNumberOfFilesInPostRequest.
 */
export async function readForm<Result>(
  exchange: Exchange,
  work: (fields: FormFields, fileName: string, file: Readable) => Promise<Result>,
): Promise<Result> {
  const contentType = exchange.headers['content-type'] ?? '';
  if (!/^multipart\/form-data\b/i.test(contentType)) throw new CosError('MalformedPOSTRequest');
  const form = new Busboy({
    headers: exchange.request.headers as IncomingHttpHeaders & { 'content-type': string },
    limits: { fields: fieldsMax, fieldSize: fieldBytesMax },
    defCharset: 'latin1',
  });
  const fields: Record<string, string> = {};
  let result: Promise<Result> | undefined;
  form.on('field', (name, value) => {
    if (!result) fields[name.toLowerCase()] = value;
  });
  form.on('file', (name, file, fileName) => {
    if (result || name.toLowerCase() !== 'file') {
      file.resume();
      result = (result ?? Promise.resolve()).then(() => {
        throw new CosError('IncorrectNumberOfFilesInPostRequest');
      });
    } else result = work(fields, fileName, file);
    // Heard below; the rest of the file must not hold the form up.
    result.catch(() => file.resume());
  });
  await new Promise<void>((resolve, reject) => {
    form.on('finish', resolve);
    form.on('error', () => reject(new CosError('MalformedPOSTRequest')));
    exchange.request.on('aborted', () => reject(new Error('the client is gone')));
    exchange.request.pipe(form);
  });
  if (!result) throw new CosError('IncorrectNumberOfFilesInPostRequest');
  return result;
}
