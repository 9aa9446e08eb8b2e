import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** A longer line is handed on in pieces of this size, so that no function can fill the host's memory. */
export const lineCharsMax = 1024 * 1024;

/** Calls `onLine` for every line of a stream, and for the unfinished last one when it ends. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const take = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') onLine(line.replace(/\r$/, ''));
    if (rest.length >= lineCharsMax) {
      onLine(rest);
      rest = '';
    }
  };
  stream.on('data', (chunk: Buffer) => take(decoder.write(chunk)));
  stream.on('end', () => take(`${decoder.end()}\n`));
  // A killed instance may break its pipe; what was read stands.
  stream.on('error', () => {});
}
