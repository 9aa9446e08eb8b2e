import { Readable } from 'node:stream';
import { sumOf } from '../../../../infra/local/start/crc64';

test.each([
  ['', '0'],
  ['[Object Content]', '16749565679157681890'],
  ['[Object Part]', '4510578591875220731'],
  ['123456789', '11051210869376104954'],
])('the sum of %j is the one that COS gives', async (text, crc64) => {
  const chunks = Array.from(text, (letter) => Buffer.from(letter));
  expect(await sumOf(Readable.from(chunks))).toEqual({ crc64, bytes: text.length });
});

test('a stream that breaks is an error, not a sum', async () => {
  const broken = new Readable({
    read() {
      this.destroy(new Error('broken'));
    },
  });
  await expect(sumOf(broken)).rejects.toThrow('broken');
});
