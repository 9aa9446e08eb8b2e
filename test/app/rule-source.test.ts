import { createAccountRules } from '../../lib/app/account-rules';
import type { StateStore } from '../../lib/app/ports';
import { createRuleStore } from '../../lib/app/rule-store';
import { emptyRuleSet } from '../../lib/domain/rule';
import { withNewRule } from '../../lib/domain/rule-change';
import { createWorld, settings, source } from '../support/world';

/** A store that lets two creators of one document both succeed. */
function withTwoCreators(state: StateStore): StateStore {
  return { ...state, create: async (name, body) => (await state.put(name, body), true) };
}

test('a losing revision that was read before it was replaced is not acted on, however long ago that was', async () => {
  const world = createWorld();
  const { state, clock, entropy, rules } = world.ports;
  const store = createRuleStore(withTwoCreators(state), clock, entropy, { settleMs: 10 });
  const account = createAccountRules(store, state, clock);
  const set = (id: string) =>
    withNewRule(emptyRuleSet(source), id, settings(), { sourceSeconds: 0, at: '2026-11-01T00:00:00Z' })
      .ruleSet;
  const note = { by: 'test', what: 'created' };

  // The other writer comes while the first one waits for its revision to settle.
  let other: Promise<unknown> = Promise.resolve();
  const losing = createRuleStore(
    withTwoCreators(state),
    {
      ...clock,
      sleep: async () => {
        expect((await rules.current(source)).rules.map(({ id }) => id)).toEqual(['loser']);
        expect((await account.of(source)).rules.map(({ id }) => id)).toEqual(['loser']);
        other = store.commit(set('winner'), note);
        await other;
      },
    },
    entropy,
    { settleMs: 10 },
  );
  await expect(losing.commit(set('loser'), note)).rejects.toMatchObject({ code: 'RULE_CONFLICT' });
  await other;

  world.advance(61_000);
  expect((await rules.current(source)).rules.map(({ id }) => id)).toEqual(['winner']);
  expect((await account.of(source)).rules.map(({ id }) => id)).toEqual(['winner']);
});
