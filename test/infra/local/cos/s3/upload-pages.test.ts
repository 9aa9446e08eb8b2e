import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  paginateListParts,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { type RunningCos, startCos } from '../harness';
import { s3At } from './s3-client';

let running: RunningCos;
let s3: S3Client;
let Bucket: string;
let nowMs = Date.now();
beforeAll(async () => {
  running = await startCos({ now: () => nowMs });
  s3 = s3At(running);
  Bucket = `uploads-${running.own.appid}`;
  await s3.send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => {
  s3.destroy();
  return running.close();
});

const begin = async (Key: string, more: object = {}): Promise<string> => {
  // Within a second, ids are in no order.
  nowMs += 1000;
  const { UploadId = '' } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  return UploadId;
};

test("parts come page by page with the SDK's paginator, and say whose they are", async () => {
  const Key = 'parts/ä +&.bin';
  const UploadId = await begin(Key, { StorageClass: 'STANDARD_IA' });
  const upload = { Bucket, Key, UploadId };
  const etags: (string | undefined)[] = [];
  for (const PartNumber of [1, 2, 5, 6, 9])
    etags.push(
      (await s3.send(new UploadPartCommand({ ...upload, PartNumber, Body: `part ${PartNumber}` }))).ETag,
    );

  const pages: (number | undefined)[][] = [];
  for await (const { Parts = [] } of paginateListParts({ client: s3, pageSize: 2 }, upload))
    pages.push(Parts.map(({ PartNumber }) => PartNumber));
  expect(pages).toEqual([[1, 2], [5, 6], [9]]);

  const middle = await s3.send(new ListPartsCommand({ ...upload, PartNumberMarker: '2', MaxParts: 2 }));
  const { appid, uin } = running.own;
  expect(middle).toMatchObject({
    ...upload,
    PartNumberMarker: '2',
    NextPartNumberMarker: '6',
    MaxParts: 2,
    IsTruncated: true,
    StorageClass: 'STANDARD_IA',
    Owner: { ID: appid },
    Parts: [
      { PartNumber: 5, ETag: etags[2], Size: 6 },
      { PartNumber: 6, ETag: etags[3], Size: 6 },
    ],
  });
  expect(middle.Initiator?.ID).toContain(uin);
  expect(middle.Parts?.[0]?.LastModified).toEqual(new Date(nowMs));
});

test('uploads come page by page, by key and then by age, and grouped', async () => {
  const ids = new Map<string, string[]>();
  for (const Key of ['a', 'dir/1', 'dir/2', 'same', 'same', 'z &'])
    ids.set(Key, [...(ids.get(Key) ?? []), await begin(Key)]);
  const list = (more: object = {}) => s3.send(new ListMultipartUploadsCommand({ Bucket, ...more }));
  const allPages = async (more: object): Promise<string[][]> => {
    const pages: string[][] = [];
    let markers = {};
    for (;;) {
      const page = await list({ ...more, ...markers });
      const uploads = page.Uploads ?? [];
      const groups = page.CommonPrefixes ?? [];
      pages.push([...uploads.map(({ Key }) => Key ?? ''), ...groups.map(({ Prefix }) => Prefix ?? '')]);
      if (page.IsTruncated !== true) return pages;
      markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  };
  expect(await allPages({ Prefix: '', MaxUploads: 2, KeyMarker: 'Z' })).toEqual([
    ['a', 'dir/1'],
    ['dir/2', 'parts/ä +&.bin'],
    ['same', 'same'],
    ['z &'],
  ]);
  const grouped = await allPages({ Delimiter: '/', MaxUploads: 1, EncodingType: 'url' });
  expect(grouped.map(([name = '']) => decodeURIComponent(name))).toEqual([
    'a',
    'dir/',
    'parts/',
    'same',
    'same',
    'z &',
  ]);
  expect(await allPages({ Prefix: 'dir/' })).toEqual([['dir/1', 'dir/2']]);

  const same = await list({ Prefix: 'same' });
  expect(same.Uploads?.map(({ UploadId }) => UploadId)).toEqual(ids.get('same'));
  expect(same.Uploads?.[0]).toMatchObject({ StorageClass: 'STANDARD', Owner: { ID: running.own.appid } });
  // A marker in the middle of a key goes on with its younger upload.
  const [older, younger] = ids.get('same') ?? [];
  const rest = await list({ KeyMarker: 'same', UploadIdMarker: older });
  expect(rest.Uploads?.map(({ UploadId }) => UploadId)).toEqual([younger, ids.get('z &')?.[0]]);
});
