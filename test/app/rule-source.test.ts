import { createAccountRules } from '../../lib/app/account-rules';
import type { StateStore } from '../../lib/app/ports';
import { createRuleSource } from '../../lib/app/rule-source';
import { changeMsMax, createRuleStore, type RuleStore } from '../../lib/app/rule-store';
import { emptyRuleSet, type RuleSet } from '../../lib/domain/rule';
import { withNewRule } from '../../lib/domain/rule-change';
import { createWorld, settings, source } from '../support/world';

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
const withRule = (id: string, ruleSet = emptyRuleSet(source)) =>
  withNewRule(ruleSet, id, settings(), at).ruleSet;

const times = { settleMs: 10, clockToleranceMs: 600_000 };

/** The store of somebody who sees `event` happen whenever a revision is waited for. */
function storeOf(event: () => Promise<unknown> = async () => {}, over = state, { now } = clock): RuleStore {
  const sleep = async () => void (await event());
  return createRuleStore(over, { now, sleep }, entropy, times);
}

const readers: Record<string, (store: RuleStore) => Promise<RuleSet>> = {
  'a function': (store) => createRuleSource(store, clock, { configLifetimeMs: 1000 }).current(source),
  'a function that is sent an event': (store) =>
    createRuleSource(store, clock, { configLifetimeMs: 1000 }).asOf(source, 0),
  'a look at the rules of the account': (store) => createAccountRules(store, state).of(source),
  'a change of the rules': async (store) => (await store.load(source)).ruleSet,
};

test.each(Object.entries(readers))('%s does not act on a revision that loses', async (_, reader) => {
  const found: RuleSet[] = [];
  // Both writers found nothing there, but one is slow: it comes when the other one's revision has been read.
  let arrive = () => {};
  const arrival = new Promise<void>((resolve) => (arrive = resolve));
  const create: StateStore['create'] = async (...to) => (await arrival, state.create(...to));
  const winning = storeOf(undefined, { ...state, create }).commit(withRule('winner'), note);
  const losing = storeOf(async () => {
    const reading = storeOf(async () => (arrive(), winning));
    found.push(await reader(reading));
  });
  await expect(losing.commit(withRule('loser'), note)).rejects.toMatchObject({ code: 'RULE_CONFLICT' });
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
    await writing.commit(withRule('young'), note);
    expect(waited).toBe(waits);
  },
);

test('a revision whose writer is done is not waited for, and one that is held costs one request', async () => {
  let waits = 0;
  const waiting = storeOf(async () => (waits += 1));
  await storeOf().commit(withRule('first'), note);
  const held = (await waiting.load(source)).ruleSet;
  await storeOf().commit(withRule('second', held), note);
  const next = (await waiting.load(source, held)).ruleSet;
  expect(idsOf(next)).toEqual(['first', 'second']);
  expect(waits).toBe(0);

  asked = [];
  await waiting.load(source, next);
  expect(asked).toHaveLength(1);
});
