import { systemDigests } from '../../lib/adapters/system';
import type { HandleEventPorts } from '../../lib/app/handle-event';
import type { Clock, Digests, Entropy, LogFacts, Logger } from '../../lib/app/ports';
import type { ReconcilePorts } from '../../lib/app/reconcile';
import { createLeftOut } from '../../lib/app/left-out';
import { createRuleSource } from '../../lib/app/rule-source';
import { createAccountRules } from '../../lib/app/account-rules';
import { createTargets } from '../../lib/app/targets';
import { createRuleStore, type RuleStore } from '../../lib/app/rule-store';
import { createRuleService, type RuleService } from '../../lib/app/rules';
import { createVersioningGate } from '../../lib/app/versioning-gate';
import { ReplicationError } from '../../lib/domain/error';
import { nonceStart } from './lease-events';
import { createSimDirectory, createSimStore } from './object-store';
import { createSimState } from './state-bucket';
import type { Caller } from './wire';
import type { World } from './world';

/** One instance of a function: it works on one invocation at a time, and keeps its caches between them. */
export interface Instance extends Caller {
  busy: boolean;
  /** What happens when it dies under an invocation. */
  onDeath: (() => void) | undefined;
  deadlineMs: number;
  readonly ports: ReconcilePorts & HandleEventPorts;
  readonly rules: RuleService;
}

export function createInstance(world: World, name: string, region: string): Instance {
  const { scheduler, settings, tally } = world;
  const chance = world.chance.fork(name);
  // Any two clocks differ by no more than they may.
  const most = Math.floor(settings.replication.clockToleranceMs / 2);
  const skewMs = world.without.has('clockSkew') ? 0 : chance.between(-most, most);
  let alive = true;
  let nonces = 0;
  const caller: Caller = {
    name,
    chance,
    get alive() {
      return alive;
    },
    crash() {
      if (!alive) return;
      alive = false;
      instance.onDeath?.();
    },
  };
  const clock: Clock = {
    now: () => scheduler.now() + skewMs,
    sleep: (milliseconds) =>
      new Promise((resolve) => {
        scheduler.after(milliseconds, () => {
          if (alive) resolve();
        });
      }),
  };
  const entropy: Entropy = { nonce: () => `${nonceStart(name)}${(nonces += 1)}` };
  const log = countingLog(world);
  const state = createSimState(world, caller);
  const directory = createSimDirectory(world, caller);
  const { clockToleranceMs } = settings.replication;
  const ruleTimes = { ...settings, clockToleranceMs };
  const ruleStore = countingConflicts(createRuleStore(state, clock, entropy, ruleTimes), world);
  const account = createAccountRules(ruleStore, state);
  const ports: ReconcilePorts = {
    store: createSimStore(world, caller),
    state,
    clock,
    entropy,
    digests: rememberingDigests,
    log,
    ruleSets: () => account.readable(log),
    targets: createTargets(state),
    gate: createVersioningGate(directory, clock, settings),
    rules: createRuleSource(ruleStore, clock, ruleTimes),
    leftOut: createLeftOut(clock),
    region,
    settings: settings.replication,
    remainingMs: () => instance.deadlineMs - scheduler.now(),
  };
  const instance: Instance = Object.assign(caller, {
    busy: false,
    onDeath: undefined,
    deadlineMs: Number.POSITIVE_INFINITY,
    ports,
    rules: createRuleService({
      store: ruleStore,
      state,
      directory,
      clock,
      entropy,
      log,
      region,
      // As if all rules were made at the same moment, so that rings come about as they can in truth.
      account: { ...account, all: async () => [] },
      deployed: {},
    }),
  });
  tally.count('instance');
  return instance;
}

/** The same texts are hashed over and over. */
const known = new Map<string, string>();
const knownMax = 10_000;
const rememberingDigests: Digests = {
  sha256(text) {
    let digest = known.get(text);
    if (digest === undefined) {
      digest = systemDigests.sha256(text);
      if (known.size >= knownMax) known.clear();
      known.set(text, digest);
    }
    return digest;
  },
};

/** Whoever changes rules makes a change that met another one anew, and logs nothing of it. */
function countingConflicts(store: RuleStore, { tally }: World): RuleStore {
  return {
    ...store,
    commit: (ruleSet, note) =>
      store.commit(ruleSet, note).catch((thrown: unknown) => {
        if (thrown instanceof ReplicationError && thrown.code === 'RULE_CONFLICT')
          tally.count('reason RULE_CONFLICT');
        throw thrown;
      }),
  };
}

function countingLog({ tally }: World): Logger {
  const write = (message: string, { code }: LogFacts): void => {
    tally.count(`log ${message}`);
    if (typeof code === 'string') tally.count(`reason ${code}`);
  };
  return { info: write, warn: write, error: write };
}
