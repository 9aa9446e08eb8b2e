import type { CosEventRecord } from '../../infra/local/cos/events';
import { createAccountRules } from '../../lib/app/account-rules';
import { handleEvent } from '../../lib/app/handle-event';
import type { StateStore } from '../../lib/app/ports';
import { createRuleSource } from '../../lib/app/rule-source';
import { changeMsMax, createRuleStore, type RuleStore } from '../../lib/app/rule-store';
import { emptyRuleSet, type RuleSet } from '../../lib/domain/rule';
import { withRule } from '../../lib/domain/rule-change';
import { createWorld, eventFor, recordFor, settings, sound, source } from '../support/world';

const world = createWorld();
const { clock, entropy } = world.ports;
let state: StateStore;
let asked: string[];

beforeEach(() => {
  const fresh = createWorld().ports.state;
  asked = [];
  state = {
    ...fresh,
    get: (name) => (asked.push(name), fresh.get(name)),
    // Two creators of one document both succeed.
    create: async (name, body) => (await fresh.put(name, body), true),
  };
});

const note = { by: 'test', what: 'created' };
const at = { sourceSeconds: 0, at: '2026-11-01T00:00:00Z' };
const idsOf = (ruleSet: RuleSet) => ruleSet.rules.map(({ id }) => id);
const addRule = (id: string, ruleSet = emptyRuleSet(source)) =>
  withRule(ruleSet, { ...settings(), id }, at).ruleSet;

const times = { configLifetimeMs: 15_000, settleMs: 10, clockToleranceMs: 600_000 };

/** The store of somebody who sees `event` happen whenever a revision is waited for. */
function storeOf(event: () => Promise<unknown> = async () => {}, over = state, { now } = clock): RuleStore {
  const sleep = async () => void (await event());
  return createRuleStore(over, { now, sleep }, entropy, times);
}

const readers: Record<string, (store: RuleStore) => Promise<RuleSet>> = {
  'a function': (store) => createRuleSource(store, clock, times).current(source),
  'a function that is sent an event': (store) => createRuleSource(store, clock, times).asOf(source, 0),
  'a look at the rules of the account': (store) => createAccountRules(store, state).of(source),
  'a change of the rules': async (store) => (await store.load(source)).ruleSet,
};

test.each(Object.entries(readers))('%s does not act on a revision that loses', async (_, reader) => {
  const found: RuleSet[] = [];
  // Both writers found nothing there, but one is slow: it comes when the other one's revision has been read.
  let arrive = () => {};
  const arrival = new Promise<void>((resolve) => (arrive = resolve));
  const create: StateStore['create'] = async (...to) => (await arrival, state.create(...to));
  const winning = storeOf(undefined, { ...state, create }).commit(addRule('winner'), note);
  const losing = storeOf(async () => {
    const reading = storeOf(async () => (arrive(), winning));
    found.push(await reader(reading));
  });
  await expect(losing.commit(addRule('loser'), note)).rejects.toMatchObject({ code: 'RULE_CONFLICT' });
  expect(found.map(idsOf)).toEqual([['winner']]);
});

test.each([
  ['as old as clocks, and the work of its writer, may make it', 0, 1],
  ['older', 1, 0],
])(
  'a revision that its writer has not acknowledged is waited for if it is young: %s',
  async (_, more, waits) => {
    const oldMs = changeMsMax + times.settleMs + times.clockToleranceMs + more;
    const behind = { ...clock, now: () => clock.now() - oldMs };
    let waited = 0;
    const writing = storeOf(
      async () => {
        const waiting = storeOf(async () => (waited += 1));
        await waiting.load(source);
      },
      state,
      behind,
    );
    await writing.commit(addRule('young'), note);
    expect(waited).toBe(waits);
  },
);

test('a revision whose writer is done is not waited for, and one that is held costs one request', async () => {
  let waits = 0;
  const waiting = storeOf(async () => (waits += 1));
  await storeOf().commit(addRule('first'), note);
  const held = (await waiting.load(source)).ruleSet;
  await storeOf().commit(addRule('second', held), note);
  const next = (await waiting.load(source, held)).ruleSet;
  expect(idsOf(next)).toEqual(['first', 'second']);
  expect(waits).toBe(0);

  asked = [];
  await waiting.load(source, next);
  expect(asked).toHaveLength(1);
});

describe('before an event is dropped', () => {
  const settleMs = 2_000;
  const toleranceMs = 30_000;
  let nowMs: number;

  /** A function that has read that there is no rule, and whose clock differs from that of COS by this. */
  async function functionAheadBy(aheadMs: number) {
    nowMs = clock.now();
    const own = { ...clock, now: () => nowMs + aheadMs };
    const rules = createRuleSource(storeOf(undefined, state, own), own, {
      ...times,
      settleMs,
      clockToleranceMs: toleranceMs,
    });
    await rules.current(source);
    asked = [];
    return rules;
  }
  const seconds = () => Math.floor(nowMs / 1000);

  test.each([
    ['a clock that is ahead', toleranceMs, seconds],
    ['a clock that is behind', -toleranceMs, seconds],
    ['an event without time', 0, () => Infinity],
  ])('a rule that was acknowledged before the event is heard of, with %s', async (_, aheadMs, eventTime) => {
    const rules = await functionAheadBy(aheadMs);
    await storeOf().commit(addRule('new'), note);
    nowMs += settleMs;
    expect(idsOf(await rules.asOf(source, eventTime()))).toEqual(['new']);
  });

  test('one without time counts as its newest, whatever other records of the key say', async () => {
    const own = createWorld();
    await handleEvent(own.ports, eventFor('k', own.ports.clock.now()));
    await own.rules.create(own.change, 'r1', sound(settings()));
    own.advance(1000);
    own.cos.put(source, 'k', { body: 'one' });
    const { cos, event } = recordFor('k', 0) as CosEventRecord;
    const old = { cos, event: { ...event, eventTime: 1 } };
    const report = await handleEvent(own.ports, {
      Records: [{ cos, event: { ...event, eventTime: null } }, old],
    });
    expect(report).toMatchObject({ keys: 1, written: 1 });
  });

  test('the rules are not read for an event that is older than the copy by any clock', async () => {
    const rules = await functionAheadBy(0);
    const eventTime = seconds() - toleranceMs / 1000 - 1;
    nowMs += settleMs;
    await rules.asOf(source, eventTime);
    expect(asked).toEqual([]);
  });

  test.each([
    ['of this moment', seconds],
    ['without time', () => Infinity],
  ])('a flood of events %s costs one reading a second', async (_, eventTime) => {
    const rules = await functionAheadBy(0);
    const events = 1_000;
    for (let event = 0; event < events; event += 1) {
      nowMs += 10;
      await rules.asOf(source, eventTime());
    }
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.length).toBeLessThanOrEqual((events * 10) / 1_000);
  });
});

test('an event of after an acknowledged change is not answered by a reading that began before it', async () => {
  const world = createWorld();
  const { clock, entropy, state } = world.ports;
  const times = { configLifetimeMs: 15_000, settleMs: 2_000, clockToleranceMs: 30_000 };
  // COS has answered, but the answer is slow.
  let arrive = () => {};
  const slow = new Promise<void>((resolve) => (arrive = resolve));
  let first = true;
  const get = async (name: string) => {
    const found = await state.get(name);
    if (first && name.endsWith('000001.json')) {
      first = false;
      await slow;
    }
    return found;
  };
  const rules = createRuleSource(createRuleStore({ ...state, get }, clock, entropy, times), clock, times);
  const earlier = rules.asOf(source, Math.floor(clock.now() / 1000));
  await new Promise((resolve) => setImmediate(resolve));
  const made = withRule(
    emptyRuleSet(source),
    { ...settings(), id: 'r1' },
    { sourceSeconds: 0, at: '' },
  ).ruleSet;
  await createRuleStore(state, clock, entropy, times).commit(made, { by: 'test', what: 'created' });
  // Acknowledged. Something happens after it.
  world.advance(1_000);
  const later = rules.asOf(source, Math.floor(clock.now() / 1000));
  arrive();
  await earlier;
  expect((await later).rules.map(({ id }) => id)).toEqual(['r1']);
});
