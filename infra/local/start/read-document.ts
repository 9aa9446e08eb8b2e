import { readFileSync } from 'node:fs';
import { LocalCloudError, messageOf } from '../local-cloud-error';
import type { ParsedDocument } from '../parsed-document';

/** Reads a file of JSON that the command line names. Fails with SETUP_FAILED and every problem of it. */
export function readDocument<Value>(file: string, parse: (value: unknown) => ParsedDocument<Value>): Value {
  const fail = (problems: string, cause?: unknown): never => {
    throw new LocalCloudError('SETUP_FAILED', `${file} cannot be used: ${problems}`, cause);
  };
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return fail(`${messageOf(error)}.`, error);
  }
  const parsed = parse(value);
  return parsed.ok ? parsed.value : fail(`\n${parsed.problems}`);
}
