import { type CosClient, createCosClient } from '../lib/adapters/cos/client';
import { createCosBucketDirectory } from '../lib/adapters/cos/bucket-directory';
import { createCosDestinationProbe } from '../lib/adapters/cos/destination-probe';
import { createCosObjectStore } from '../lib/adapters/cos/object-store';
import { createCosStateStore } from '../lib/adapters/cos/state-store';
import { createJsonLog } from '../lib/adapters/log/json-log';
import type { Invocation } from '../lib/adapters/scf/invocation';
import { systemClock, systemDigests, systemEntropy } from '../lib/adapters/system';
import type { ReconcilePorts } from '../lib/app/reconcile';
import { createAccountRules } from '../lib/app/account-rules';
import { createLeftOut } from '../lib/app/left-out';
import { createRuleSource } from '../lib/app/rule-source';
import { createTargets } from '../lib/app/targets';
import { createRuleStore } from '../lib/app/rule-store';
import { createRuleService } from '../lib/app/rules';
import { defaultSettings } from '../lib/app/settings';
import { createVersioningGate } from '../lib/app/versioning-gate';
import { type Config, readApiConfig, readConfig, readCredentials } from '../lib/config';

/** Bounds what one instance asks of COS at a time. */
const socketsMax = 64;

/** What an invocation keeps for itself of its time, and what a request is given all the same. */
const lastWordsMs = 2_000;
const requestMsMin = 1_000;

/** Everything that is the same for all functions of an instance. The only place where ports meet adapters. */
function composeBase(config: Config) {
  let invocation: Invocation = { requestId: undefined, remainingMs: () => 0 };
  const log = createJsonLog(() => ({ requestId: invocation.requestId }));
  const client: CosClient = createCosClient({
    credentials: () => readCredentials(),
    // An answer must come while there is time to write down that it did not.
    requestTimeoutMs: () =>
      Math.max(requestMsMin, Math.min(config.requestTimeoutMs, invocation.remainingMs() - lastWordsMs)),
    socketsMax,
    now: systemClock.now,
  });
  const state = createCosStateStore(client, config.stateBucket);
  const ruleStore = createRuleStore(state, systemClock, systemEntropy, {
    settleMs: config.rulesSettleMs,
    clockToleranceMs: config.clockToleranceMs,
  });
  return {
    log,
    client,
    state,
    ruleStore,
    account: createAccountRules(ruleStore, state),
    begin: (next: Invocation): void => {
      invocation = next;
    },
    remainingMs: (): number => invocation.remainingMs(),
  };
}

/** What the functions that replicate share. */
export function composeReplication(config = readConfig()) {
  const { log, client, state, ruleStore, account, begin, remainingMs } = composeBase(config);
  const ports: ReconcilePorts = {
    store: createCosObjectStore(client),
    state,
    clock: systemClock,
    entropy: systemEntropy,
    digests: systemDigests,
    log,
    ruleSets: () => account.readable(log),
    targets: createTargets(state),
    gate: createVersioningGate(createCosBucketDirectory(client), systemClock, config),
    rules: createRuleSource(ruleStore, systemClock, { ...config, settleMs: config.rulesSettleMs }),
    leftOut: createLeftOut(systemClock),
    region: config.region,
    settings: {
      ...defaultSettings,
      singleCopyBytesMax: config.singleCopyBytesMax,
      leaseMs: config.leaseMs,
      deleteSettlesMs: config.deleteSettlesMs,
      clockToleranceMs: config.clockToleranceMs,
    },
    remainingMs,
  };
  return { ports, log, begin };
}

export function composeRules(config = readConfig()) {
  const { log, client, state, ruleStore, account, begin } = composeBase(config);
  const directory = createCosBucketDirectory(client);
  const { deployed, ...settings } = readApiConfig();
  const clock = systemClock;
  const entropy = systemEntropy;
  const shared = { directory, account, clock, entropy, region: config.region, deployed };
  return {
    rules: createRuleService({ ...shared, store: ruleStore, state, log }),
    checks: {
      ...shared,
      objects: createCosObjectStore(client),
      probe: createCosDestinationProbe(client),
    },
    clock,
    settings,
    log,
    begin,
  };
}
