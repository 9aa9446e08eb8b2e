import { toRequest } from '../../lib/adapters/scf/function-url';

test.each([
  { httpMethod: 'TRACE', path: '/v1/docs' },
  { httpMethod: 'GET', path: '/v1/docs', headers: { 'x-name': '中' } },
])('what no request can hold is none: %j', (event) => {
  expect(toRequest(event)).toBeUndefined();
});

test('what a request can hold is one', () => {
  const request = toRequest({ httpMethod: 'GET', path: '/v1/docs', queryString: 'a=b' });
  expect(request?.url).toBe('https://function.invalid/v1/docs?a=b');
});
