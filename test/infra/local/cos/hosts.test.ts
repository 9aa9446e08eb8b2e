import { request as send } from 'node:http';
import COS from 'cos-nodejs-sdk-v5';
import { targetOf } from '../../../../infra/local/cos/target';
import { newBucket, type RunningCos, startCos } from './harness';

const bucket = { kind: 'bucket', bucket: 'a-b-1250000000', appid: '1250000000', region: 'ap-guangzhou' };

test.each([
  ['a-b-1250000000.cos.ap-guangzhou.myqcloud.com', bucket],
  ['A-B-1250000000.cos.ap-guangzhou.myqcloud.com:8080', bucket],
  ['a-b-1250000000.cos.ap-guangzhou.tencentcos.cn', bucket],
  ['a-b-1250000000.cos-internal.ap-guangzhou.tencentcos.cn', bucket],
  ['service.cos.myqcloud.com', { kind: 'service', region: undefined }],
  ['cos.na-siliconvalley.myqcloud.com:80', { kind: 'service', region: 'na-siliconvalley' }],
  ['a-b.cos.ap-guangzhou.myqcloud.com', undefined],
  ['a-b-1250000000.cos.ap-guangzhou.myqcloud.com.evil.example', undefined],
  ['a-b-1250000000.cos.accelerate.myqcloud.com', undefined],
  ['127.0.0.1:8080', undefined],
  ['', undefined],
])('the host %p addresses %p', (host, target) => {
  expect(targetOf(host)).toEqual(target);
});

describe('GET Service', () => {
  let running: RunningCos;
  beforeAll(async () => {
    running = await startCos();
  });
  afterAll(() => running.close());

  async function bucketsAt(host: string, query = ''): Promise<readonly string[]> {
    const Authorization = COS.getAuthorization({
      SecretId: running.own.secretId,
      SecretKey: running.own.secretKey,
      Method: 'GET',
      Pathname: '/',
      Headers: { Host: host },
    } as COS.StaticGetAuthorizationOptions);
    const headers = { Host: host, Authorization };
    return new Promise((resolve, reject) => {
      send({ port: running.port, host: '127.0.0.1', path: `/${query}`, headers }, (response) => {
        let xml = '';
        response.setEncoding('utf8').on('data', (text: string) => (xml += text));
        response.on('end', () => resolve([...xml.matchAll(/<Name>(.*?)</g)].map(([, name = '']) => name)));
      })
        .on('error', reject)
        .end();
    });
  }

  test('lists all buckets, those of one region at its host, and page by page', async () => {
    const { bucket: south } = await newBucket(running, 'never', 'ap-guangzhou');
    const { bucket: east } = await newBucket(running, 'never', 'ap-shanghai');
    expect(await bucketsAt('service.cos.myqcloud.com')).toEqual([south, east].sort());
    expect(await bucketsAt('cos.ap-shanghai.myqcloud.com')).toEqual([east]);
    expect(await bucketsAt('service.cos.myqcloud.com', '?region=ap-guangzhou')).toEqual([south]);
    const [first, second] = [south, east].sort();
    expect(await bucketsAt('service.cos.myqcloud.com', '?max-keys=1')).toEqual([first]);
    expect(await bucketsAt('service.cos.myqcloud.com', `?max-keys=1&marker=${first}`)).toEqual([second]);
  });
});
