import { createCallers } from '../../../../infra/local/network/callers';
import { linkBetween, parseNetworkSettings } from '../../../../infra/local/network/network-settings';
import { createRateLimiter } from '../../../../infra/local/network/request-rate';
import { createTransferLines } from '../../../../infra/local/network/transfer-line';

function links(...list: readonly object[]) {
  const parsed = parseNetworkSettings({ links: list });
  if (!parsed.ok) throw new Error(parsed.problems);
  return parsed.value;
}

test('a link holds in both directions, and the first that fits counts', () => {
  const settings = links(
    { between: ['ap-guangzhou', 'ap-shanghai'], roundTripMs: 30 },
    { between: ['user', '*'], roundTripMs: 5 },
    { between: ['*', '*'], roundTripMs: 100 },
  );
  const roundTrip = (one: string, other: string) => linkBetween(settings, one, other)?.roundTripMs;
  expect(roundTrip('ap-guangzhou', 'ap-shanghai')).toBe(30);
  expect(roundTrip('ap-shanghai', 'ap-guangzhou')).toBe(30);
  expect(roundTrip('user', 'ap-shanghai')).toBe(5);
  expect(roundTrip('ap-shanghai', 'eu-frankfurt')).toBe(100);
  expect(linkBetween(links(), 'user', 'ap-shanghai')).toBeUndefined();
});

test('what is sent at the same time shares a link, what is sent later finds it free', () => {
  const [link] = links({ between: ['*', '*'], bytesPerSecond: 1000 }).links;
  if (!link) throw new Error('no link');
  const lines = createTransferLines();
  expect([lines.put(link, 500, 0), lines.put(link, 500, 0), lines.put(link, 1000, 500)]).toEqual([
    500, 1000, 1500,
  ]);
  expect(lines.put(link, 1000, 10_000)).toBe(1000);
  expect(lines.put(link, 0, 10_000)).toBe(0);
});

test('a link without a bandwidth takes no time for bytes', () => {
  const [link] = links({ between: ['*', '*'], roundTripMs: 9 }).links;
  if (!link) throw new Error('no link');
  expect(createTransferLines().put(link, 1e12, 0)).toBe(0);
});

test.each([
  ['ap-guangzhou', 'readWrite', 30_000],
  ['ap-singapore', 'readWrite', 3_000],
  ['ap-guangzhou', 'list', 1_000],
] as const)("COS's own limit in %s, %s: %p a second", (region, rateClass, limit) => {
  const { admit } = createRateLimiter({});
  const admitted = Array.from({ length: limit + 1 }, () => admit('b-1', region, rateClass, 5_000));
  expect(admitted.filter(Boolean)).toHaveLength(limit);
  expect(admit('b-1', region, rateClass, 6_000)).toBe(true);
});

test('a key that was handed to a function tells which, any other is a user’s', () => {
  const callers = createCallers();
  callers.note('AKID1', 'replicate');
  expect([callers.of('AKID1'), callers.of('AKID2'), callers.of('')]).toEqual(['replicate', 'user', 'user']);
});
