import { type CosClient, createCosClient } from '../lib/adapters/cos/client';
import { createCosBucketDirectory } from '../lib/adapters/cos/bucket-directory';
import { createCosObjectStore } from '../lib/adapters/cos/object-store';
import { createCosStateStore } from '../lib/adapters/cos/state-store';
import { createJsonLog } from '../lib/adapters/log/json-log';
import type { Invocation } from '../lib/adapters/scf/invocation';
import { systemClock, systemDigests, systemEntropy } from '../lib/adapters/system';
import type { ReconcilePorts } from '../lib/app/reconcile';
import { createRuleSource } from '../lib/app/rule-source';
import { createTargets } from '../lib/app/targets';
import { createRuleStore } from '../lib/app/rule-store';
import { createRuleService, loadRulesOfRegion, type RuleService } from '../lib/app/rules';
import { defaultSettings } from '../lib/app/settings';
import { createVersioningGate } from '../lib/app/versioning-gate';
import { type Config, readConfig, readCredentials, readDeployedBuckets } from '../lib/config';

/** Bounds what one instance asks of COS at a time. */
const socketsMax = 64;

/** Everything that is the same for all functions of an instance. The only place where ports meet adapters. */
function composeBase(config: Config) {
  let invocation: Invocation = { requestId: undefined, remainingMs: () => 0 };
  const log = createJsonLog(() => ({ requestId: invocation.requestId }));
  const client: CosClient = createCosClient({
    credentials: () => readCredentials(),
    requestTimeoutMs: config.requestTimeoutMs,
    socketsMax,
  });
  const state = createCosStateStore(client, config.stateBucket);
  const ruleStore = createRuleStore(state, systemClock, systemEntropy, { settleMs: config.rulesSettleMs });
  return {
    log,
    client,
    state,
    ruleStore,
    begin: (next: Invocation): void => {
      invocation = next;
    },
    remainingMs: (): number => invocation.remainingMs(),
  };
}

/** What the functions that replicate share. */
export function composeReplication(config = readConfig()) {
  const { log, client, state, ruleStore, begin, remainingMs } = composeBase(config);
  const ports: ReconcilePorts = {
    store: createCosObjectStore(client),
    state,
    clock: systemClock,
    entropy: systemEntropy,
    digests: systemDigests,
    log,
    ruleSets: () => loadRulesOfRegion(ruleStore, state, config.region),
    targets: createTargets(state),
    gate: createVersioningGate(createCosBucketDirectory(client), systemClock, config),
    rules: createRuleSource(ruleStore, systemClock, config),
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
  const { log, client, state, ruleStore, begin } = composeBase(config);
  const service: RuleService = createRuleService({
    store: ruleStore,
    state,
    directory: createCosBucketDirectory(client),
    clock: systemClock,
    entropy: systemEntropy,
    log,
    region: config.region,
    deployed: readDeployedBuckets(),
  });
  return { service, log, begin };
}
