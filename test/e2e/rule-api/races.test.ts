import { parseFaultPlan } from '../../../infra/local/faults/fault-plan';
import { apiUrl, bearerOf, type RuleApi, startRuleApi } from './setup';

/** COS may let two creators of one document both succeed. Whoever was told yes must find its change. */
let at: RuleApi;
beforeAll(async () => {
  const parsed = parseFaultPlan({
    seed: '1',
    requests: [
      {
        name: 'two creators',
        match: { operations: ['PUT object'], caller: 'rules' },
        probability: 1,
        fault: { kind: 'forbidOverwriteIgnored' },
      },
    ],
  });
  if (!parsed.ok) throw new Error('the plan is no plan');
  at = await startRuleApi({ rulesSettleMs: 300, faults: parsed.value });
});
afterAll(() => at.cloud.close());

test('an acknowledged change is never lost, though both creators of a revision succeed', async () => {
  const path = `${apiUrl(at.cloud)}/v1/buckets/${at.source.bucket}/rules`;
  const add = async (n: number): Promise<{ id: string; status: number }> => {
    const id = `rule-${n}`;
    const response = await fetch(path, {
      method: 'POST',
      headers: { authorization: bearerOf(at.cloud), 'content-type': 'application/json' },
      body: JSON.stringify({ id, prefixes: [`${n}/`], destination: at.destination }),
    });
    return { id, status: response.status };
  };
  const answers = [];
  for (let round = 0; round < 3; round += 1) {
    answers.push(...(await Promise.all([0, 1, 2, 3].map((n) => add(round * 4 + n)))));
  }
  const told = answers.filter(({ status }) => status === 201).map(({ id }) => id);
  expect(told.length).toBeGreaterThanOrEqual(3);
  expect(answers.every(({ status }) => status === 201 || status === 412)).toBe(true);
  const { rules } = (await at.api('GET', `/v1/buckets/${at.source.bucket}/rules`)).body as unknown as {
    rules: { id: string }[];
  };
  expect(rules.map(({ id }) => id).sort()).toEqual(told.sort());
});
