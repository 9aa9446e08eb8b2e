import type { StateStore } from '../../lib/app/ports';
import type { FaultKind } from './faults';
import type { Caller } from './wire';
import type { World } from './world';

/** The state bucket as it is, and how long it has been so. */
export interface StateBucket {
  readonly documents: Map<string, string>;
  put(name: string, body: string, nowMs: number): void;
  remove(name: string, nowMs: number): void;
  createdMs(name: string): number | undefined;
  /** Every body that ever stood under such a name, also what a second creator replaced. */
  bodiesEver(prefix: string): readonly string[];
  /** Names under a prefix as a listing that is older than this moment shows them. */
  namesAt(prefix: string, ms: number): readonly string[];
}

interface NameChange {
  readonly atMs: number;
  readonly name: string;
  readonly there: boolean;
}

export function createStateBucket(): StateBucket {
  const documents = new Map<string, string>();
  const created = new Map<string, number>();
  const changes: NameChange[] = [];
  const rules: { readonly name: string; readonly body: string }[] = [];
  return {
    documents,
    put(name, body, nowMs) {
      if (!documents.has(name)) {
        changes.push({ atMs: nowMs, name, there: true });
        created.set(name, nowMs);
      }
      if (name.startsWith('rules/')) rules.push({ name, body });
      documents.set(name, body);
    },
    remove(name, nowMs) {
      if (documents.delete(name)) changes.push({ atMs: nowMs, name, there: false });
    },
    createdMs: (name) => created.get(name),
    bodiesEver: (prefix) => rules.filter(({ name }) => name.startsWith(prefix)).map(({ body }) => body),
    namesAt(prefix, ms) {
      const names = new Set<string>();
      for (const name of documents.keys()) if (name.startsWith(prefix)) names.add(name);
      for (let i = changes.length - 1; i >= 0; i -= 1) {
        const { atMs, name, there } = changes[i] as NameChange;
        if (atMs <= ms) break;
        if (!name.startsWith(prefix)) continue;
        if (there) names.delete(name);
        else names.add(name);
      }
      return [...names].sort();
    },
  };
}

const pageNamesMax = 1000;

/** The StateStore port of one caller. */
export function createSimState(world: World, caller: Caller): StateStore {
  const { wire, state, leases, scheduler, settings, trace, tally } = world;
  const short = (name: string, body?: string) => (trace.kept ? shortName(name, body) : '');
  const send = <Answer>(
    api: string,
    subject: string,
    effect: (fault: FaultKind | undefined) => Answer,
    faults: readonly FaultKind[] = [],
  ) => {
    const writes = api !== 'state.get' && api !== 'state.list';
    return wire.send(caller, { api, subject, writes, faults }, effect, (answer) =>
      typeof answer === 'boolean' ? String(answer) : '',
    );
  };

  return {
    get: (name) =>
      send('state.get', short(name), () => {
        leases.read(name, caller.name);
        return state.documents.get(name);
      }),
    put: (name, body) => {
      if (/^markers\/.*\.open\./.test(name)) noteAttempt(world, caller, name, body);
      return send('state.put', short(name, body), () => state.put(name, body, scheduler.now()));
    },
    remove: (name) => {
      const sentMs = scheduler.now();
      return send('state.remove', short(name), () => {
        leases.removed(name, caller.name, sentMs);
        state.remove(name, scheduler.now());
      });
    },
    create: (name, body) =>
      send(
        'state.create',
        name,
        (fault) => {
          const since = state.createdMs(name);
          const young = since !== undefined && scheduler.now() - since < settings.settleMs;
          const passes = fault === 'twoCreators' && young && state.documents.has(name);
          if (passes) tally.count('fault twoCreators');
          const created = passes || !state.documents.has(name);
          leases.asked(name, caller.name, created);
          if (!created) return false;
          state.put(name, body, scheduler.now());
          return true;
        },
        ['twoCreators'],
      ),
    list: (prefix, after) =>
      send(
        'state.list',
        prefix,
        (fault) => {
          const shown = shownNames(world, caller, prefix, fault);
          const rest = after === undefined ? shown : shown.filter((name) => name > after);
          return { names: rest.slice(0, pageNamesMax), complete: rest.length <= pageNamesMax };
        },
        ['staleSnapshot', 'staleHole'],
      ),
  };
}

/** Names under a prefix as a listing shows them now. */
function shownNames(
  world: World,
  caller: Caller,
  prefix: string,
  fault: FaultKind | undefined,
): readonly string[] {
  const { state, scheduler, settings, tally } = world;
  const names = state.namesAt(prefix, scheduler.now());
  const shown =
    fault === 'staleSnapshot'
      ? state.namesAt(prefix, scheduler.now() - caller.chance.between(1, settings.listingLagMs))
      : fault === 'staleHole'
        ? withoutOne(world, caller, names)
        : names;
  if (fault !== undefined && !sameNames(shown, names)) {
    tally.count(`fault ${fault}`);
    const seen = new Set(shown);
    const unseen = names.filter((name) => !seen.has(name));
    const attempts = new Set(unseen.map((name) => name.slice(0, Math.max(0, name.indexOf('.open.')))));
    for (const { attempt, hiddenFrom } of world.attempts)
      if (attempts.has(attempt)) hiddenFrom.add(caller.name);
  }
  return shown;
}

const sameNames = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((name, place) => name === others[place]);

/** A listing that lacks one recent name. */
function withoutOne(
  { state, scheduler, settings }: World,
  { chance }: Caller,
  names: readonly string[],
): readonly string[] {
  const young = names.filter(
    (name) => scheduler.now() - (state.createdMs(name) ?? 0) < settings.listingLagMs,
  );
  if (young.length === 0) return names;
  const hidden = chance.pick(young);
  return names.filter((name) => name !== hidden);
}

function noteAttempt(world: World, caller: Caller, name: string, body: string): void {
  const { key, sourceBucket, sourceMarker, destination } = JSON.parse(body) as Record<string, string>;
  if (!key || !sourceBucket || !sourceMarker || !destination)
    throw new Error(`a record lacks its facts: ${body}`);
  const attempt = name.slice(0, name.indexOf('.open.'));
  const sentMs = world.scheduler.now();
  world.attempts.push({
    attempt,
    sentMs,
    worker: caller.name,
    key,
    sourceBucket,
    sourceMarker,
    destination,
    hiddenFrom: new Set(),
  });
}

/** Without most of its digest, for the trace; with the reason, if the document tells one. */
function shortName(name: string, body = ''): string {
  const code = /"code":"(\w+)"/.exec(body)?.[1];
  const short = name.replace(/([0-9a-f]{6})[0-9a-f]{58}/, '$1');
  return code === undefined ? short : `${short} ${code}`;
}
