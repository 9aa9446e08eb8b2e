import { functionUrlHost, routeOf } from '../../../infra/local/route';

const rules = { name: 'rules', appid: '1250000001', region: 'ap-guangzhou' };
const table = {
  isCosHost: (host: string) => host.endsWith('.cos.ap-beijing.myqcloud.com'),
  functions: [rules],
};

function route(
  host: string | undefined,
  url: string,
  more: { method?: string; authorization?: string } = {},
) {
  const { method = 'GET', authorization } = more;
  return routeOf({ method, url, headers: { host, authorization } }, table);
}

test.each(['b-1.cos.ap-beijing.myqcloud.com', 'B-1.COS.ap-beijing.myqcloud.com:8017'])(
  'a COS host goes to COS whatever its path: %s',
  (host) => {
    expect(route(host, '/function/rules/x')).toEqual({ kind: 'cos' });
  },
);

test.each([
  ['/function/rules', '/', ''],
  ['/function/rules/', '/', ''],
  ['/function/rules/v1/a%20b?x=1&y=?', '/v1/a%20b', 'x=1&y=?'],
])('the function URL loses its prefix: %s', (url, path, query) => {
  expect(route('127.0.0.1:8017', url)).toEqual({ kind: 'function', name: 'rules', path, query });
});

test('a function has the host name of a Function URL, where the path is all its own', () => {
  const host = functionUrlHost(rules);
  expect(host).toMatch(/^1250000001-[0-9a-f]{10}\.ap-guangzhou\.tencentscf\.com$/);
  expect(route(host, '/function/rules')).toEqual({
    kind: 'function',
    name: 'rules',
    path: '/function/rules',
    query: '',
  });
});

test.each([
  'scf.tencentcloudapi.com',
  'scf.ap-guangzhou.tencentcloudapi.com',
  'scf.intl.tencentcloudapi.com:443',
])("a host of Tencent Cloud's API names its service: %s", (host) => {
  expect(route(host, '/', { method: 'POST' })).toEqual({ kind: 'cloudApi', service: 'scf' });
});

test('a signed GET of the root is GET Service, any other request of the root is nothing', () => {
  const authorization = 'q-sign-algorithm=sha1&q-ak=x';
  expect(route('127.0.0.1:8017', '/', { authorization })).toEqual({ kind: 'cos' });
  expect(route('127.0.0.1:8017', '/')).toMatchObject({ kind: 'refused', status: 404 });
  expect(route('127.0.0.1:8017', '/', { method: 'PUT', authorization })).toMatchObject({ status: 404 });
});

test.each([
  [
    '127.0.0.1:8017',
    '/function/replicate',
    404,
    'There is no function "replicate" with a URL; there are: rules.',
  ],
  ['localhost', '/functions', 404, 'Nothing is here.'],
  ['example.com', '/', 421, 'The host "example.com" is not one'],
  [undefined, '/', 421, 'The host "" is not one'],
])('anything else is refused with a sentence: %s %s', (host, url, status, message) => {
  expect(route(host, url)).toEqual({
    kind: 'refused',
    status,
    message: expect.stringContaining(message) as string,
  });
});
