import { createMemoryCos, type MemoryCos, type StoredEntry } from '../../lib/adapters/memory/memory-cos';
import {
  createMemoryDirectory,
  createMemoryObjectStore,
  createMemoryProbe,
  createMemoryState,
} from '../../lib/adapters/memory/memory-ports';
import { systemDigests } from '../../lib/adapters/system';
import { createAccountRules } from '../../lib/app/account-rules';
import type { HandleEventPorts } from '../../lib/app/handle-event';
import type { Clock, Entropy, LogFacts, Logger, ObjectStore } from '../../lib/app/ports';
import { createLeftOut } from '../../lib/app/left-out';
import { createRuleSource } from '../../lib/app/rule-source';
import { createRuleStore } from '../../lib/app/rule-store';
import { createRuleService } from '../../lib/app/rules';
import { announceTargets, createTargets } from '../../lib/app/targets';
import { createVersioningGate } from '../../lib/app/versioning-gate';
import { defaultSettings, type ReplicationSettings } from '../../lib/app/settings';
import type { BucketRef, RuleSettings } from '../../lib/domain/rule';
import { decodeStamp, stampHeader } from '../../lib/domain/stamp';

export const source: BucketRef = { bucket: 'source-1250000000', region: 'ap-guangzhou' };
export const destination: BucketRef = { bucket: 'destination-1250000000', region: 'ap-shanghai' };

export const settings = (more: Partial<RuleSettings> = {}): RuleSettings => ({
  status: 'Enabled',
  prefixes: [''],
  tags: [],
  destination,
  deleteMarkerReplication: 'Enabled',
  description: '',
  ...more,
});

/** Settings as a request that could be read. */
export const sound = (value: RuleSettings) => ({ ok: true, value }) as const;

export const ruleTimes = {
  configLifetimeMs: 15_000,
  settleMs: 10,
  clockToleranceMs: defaultSettings.clockToleranceMs,
};

/** The product on COS in memory, with a clock that only moves when it is told to, or when somebody waits. */
export function createWorld(options: { readonly settings?: Partial<ReplicationSettings> } = {}) {
  let nowMs = Date.UTC(2026, 10, 1);
  let nonces = 0;
  const clock: Clock = {
    now: () => nowMs,
    sleep: async (milliseconds) => {
      nowMs += milliseconds;
    },
  };
  const entropy: Entropy = { nonce: () => `n${(nonces += 1)}` };
  const cos: MemoryCos = createMemoryCos({ now: clock.now });
  const documents = new Map<string, string>();
  const state = createMemoryState(documents);
  const lines: { readonly level: string; readonly message: string; readonly facts: LogFacts }[] = [];
  const write = (level: string) => (message: string, facts: LogFacts) =>
    void lines.push({ level, message, facts });
  const log: Logger = { info: write('info'), warn: write('warn'), error: write('error') };
  const requests: string[] = [];
  const store = counted(createMemoryObjectStore(cos), requests);
  const ruleStore = createRuleStore(state, clock, entropy, ruleTimes);
  const directory = createMemoryDirectory(cos, 'main', clock.now);

  cos.createBucket(source);
  cos.createBucket(destination);

  const ports: HandleEventPorts = {
    store,
    state,
    clock,
    entropy,
    digests: systemDigests,
    log,
    rules: createRuleSource(ruleStore, clock, ruleTimes),
    targets: createTargets(state),
    gate: createVersioningGate(directory, clock, { configLifetimeMs: 15_000 }),
    leftOut: createLeftOut(clock),
    region: source.region,
    settings: { ...defaultSettings, ...options.settings },
    remainingMs: () => 600_000,
  };
  const account = createAccountRules(ruleStore, state);
  return {
    cos,
    ruleStore,
    /** The rules that a timer walks. */
    ruleSetsOf: async (region: string) =>
      (await account.readable(log)).filter((set) => set.region === region),
    ports,
    documents,
    lines,
    requests,
    advance: (milliseconds: number) => {
      nowMs += milliseconds;
    },
    /** Until nobody can close or withdraw the record of a marker's attempt any longer. */
    letAttemptsEnd: () => {
      const { deleteSettlesMs, clockToleranceMs } = ports.settings;
      nowMs += deleteSettlesMs + clockToleranceMs + 1_000;
    },
    /** What the API asks beside rules. */
    checks: {
      directory,
      account,
      deployed: {},
      clock,
      entropy,
      region: source.region,
      objects: store,
      probe: createMemoryProbe(cos),
    },
    rules: createRuleService({
      store: ruleStore,
      state,
      directory,
      clock,
      entropy,
      log,
      region: source.region,
      account,
      deployed: {},
    }),
    change: { bucket: source.bucket, author: 'test', revision: undefined },
    /** What a key's history at a destination stands for, oldest first: bodies, `(deleted)` for markers. */
    shown: (ref: BucketRef, key: string) => shown(cos.history(ref, key)),
  };
}

export type World = ReturnType<typeof createWorld>;

/** A world with the rule `r1` for `source`, of which every second since is covered. */
export async function withRule(
  rule: Partial<RuleSettings> = {},
  own: Partial<ReplicationSettings> = {},
): Promise<World> {
  const world = createWorld({ settings: own });
  await world.rules.create(world.change, 'r1', sound(settings(rule)));
  world.advance(1_000);
  return world;
}

/** A rule of another deployment: the API takes only sources of its own region. */
export async function ruleOf(world: World, from: BucketRef, to: BucketRef, id: string): Promise<void> {
  const rule = { ...(await world.rules.get(source.bucket, 'r1')).rule, id, destination: to };
  await announceTargets(world.ports.state, [], [to]);
  await world.ruleStore.commit({ ...from, revision: 1, rules: [rule] }, { by: 'test', what: 'created' });
  // Until every function has heard of it.
  world.advance(20_000);
}

export function shown(history: readonly StoredEntry[]): readonly string[] {
  return history.map((stored) => stored.content?.body ?? '(deleted)');
}

/** The event that COS would send for a key now. */
export function eventFor(key: string, atMs: number, ref = source): unknown {
  return { Records: [recordFor(key, atMs, ref)] };
}

export function recordFor(key: string, atMs: number, ref = source): unknown {
  const dash = ref.bucket.lastIndexOf('-');
  const [name, appid] = [ref.bucket.slice(0, dash), ref.bucket.slice(dash + 1)];
  const path = key.split('/').map(encodeURIComponent).join('/');
  return {
    cos: {
      cosSchemaVersion: '1.0',
      cosObject: {
        url: `http://${ref.bucket}.cos.${ref.region}.myqcloud.com/${path}`,
        meta: {},
        vid: '',
        key: `/${appid}/${name}/${key}`,
        size: 1,
      },
      cosBucket: { region: ref.region, name, appid },
      cosNotificationId: 'unkown',
    },
    event: {
      eventName: 'cos:ObjectCreated:*',
      eventVersion: '1.0',
      eventTime: Math.floor(atMs / 1000),
      eventSource: 'qcs::cos',
      eventQueue: `qcs:0:scf:${ref.region}:appid/${appid}:default.replicate.$LATEST`,
      requestParameters: { requestSourceIP: '127.0.0.1', requestHeaders: {} },
      reservedInfo: '',
      reqid: 1,
    },
  };
}

/** The source version that a replica says it is. */
export function stampOf(ref: BucketRef, key: string, stored: StoredEntry): string | undefined {
  const text = stored.content?.metadata[stampHeader];
  return text && decodeStamp(text, { bucket: ref.bucket, key }, systemDigests.sha256)?.source;
}

function counted(store: ObjectStore, requests: string[]): ObjectStore {
  return {
    listVersions: (...call) => (requests.push('listBucket'), store.listVersions(...call)),
    listKey: (...call) => (requests.push('list'), store.listKey(...call)),
    headObject: (...call) => (requests.push('head'), store.headObject(...call)),
    tagsOf: (...call) => (requests.push('tags'), store.tagsOf(...call)),
    copyVersion: (...call) => (requests.push('copy'), store.copyVersion(...call)),
    putDeleteMarker: (...call) => (requests.push('delete'), store.putDeleteMarker(...call)),
  };
}

/** What is written is written, and whoever sent it hears of a failure. Counts what was written so. */
export function loseAnswers(world: World, name: 'copyVersion' | 'putDeleteMarker') {
  const { store } = world.ports;
  const original = store[name] as (...call: unknown[]) => Promise<unknown>;
  let lost = 0;
  store[name] = (async (...call: unknown[]) => {
    await original(...call);
    lost += 1;
    throw new Error('connection reset');
  }) as never;
  return {
    lost: () => lost,
    mend: () => {
      store[name] = original as never;
    },
  };
}

/** The caller hears of a failure; the effect happens when it is let go. */
export function landLate(world: World, name: 'copyVersion' | 'putDeleteMarker') {
  const { store } = world.ports;
  const original = store[name] as (...call: unknown[]) => Promise<unknown>;
  let land: () => Promise<unknown> = async () => undefined;
  store[name] = (async (...call: unknown[]) => {
    store[name] = original as never;
    land = () => original(...call);
    throw new Error('timed out');
  }) as never;
  return { land: () => land() };
}
