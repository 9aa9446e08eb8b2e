import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseFaultPlan } from '../../../../infra/local/faults/fault-plan';
import { parseNetworkSettings } from '../../../../infra/local/network/network-settings';

const page = readFileSync(path.join(__dirname, '..', '..', '..', '..', 'docs', 'faults.md'), 'utf8');
const [plan, network] = [...page.matchAll(/```json\n([^]*?)```/g)].map(
  ([, json = '']) => JSON.parse(json) as unknown,
);

test('the documented examples are taken', () => {
  expect(parseFaultPlan(plan)).toMatchObject({ ok: true });
  expect(parseNetworkSettings(network)).toMatchObject({ ok: true });
});
