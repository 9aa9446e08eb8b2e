import { createTriggerTable, type TriggerTable } from '../scf/trigger-table';
import { ApiError } from './api-error';

export interface FunctionCode {
  readonly cosBucketName: string;
  readonly cosObjectName: string;
  readonly cosBucketRegion: string;
  /** Base64; instead of an object in COS. */
  readonly zipFile: string;
}

export interface RegisteredTrigger {
  readonly type: 'cos' | 'timer' | 'http';
  readonly triggerName: string;
  /** As it is listed: for `http` with its URLs. */
  readonly triggerDesc: string;
  readonly qualifier: string;
  readonly enable: boolean;
  readonly customArgument: string;
}

/** What CreateFunction and its kin said of a function. */
export interface RegisteredFunction {
  readonly name: string;
  readonly region: string;
  readonly namespace: string;
  readonly runtime: string;
  readonly handler: string;
  readonly description: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly role: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly code: FunctionCode;
  readonly triggers: readonly RegisteredTrigger[];
  readonly retryNum: number;
  readonly messageTtlSeconds: number;
  readonly reservedMemoryMb: number | undefined;
  readonly addedAtMs: number;
  readonly modifiedAtMs: number;
}

export type FunctionStatus = 'Creating' | 'Updating' | 'Active';

/** The functions of an account in all regions, each with the state that its last change has left it in. */
export interface FunctionRegistry {
  readonly create: (scf: Omit<RegisteredFunction, 'addedAtMs' | 'modifiedAtMs'>) => void;
  /** Fails with ResourceNotFound.Function. */
  readonly get: (place: FunctionPlace) => RegisteredFunction;
  readonly statusOf: (place: FunctionPlace) => FunctionStatus;
  /** A change that takes a while. Fails unless the function is Active. */
  readonly update: (place: FunctionPlace, change: Partial<RegisteredFunction>) => void;
  /** A change that is done at once, as of triggers; it needs an Active function too. */
  readonly set: (place: FunctionPlace, change: Partial<RegisteredFunction>) => void;
  readonly remove: (place: FunctionPlace) => void;
  readonly list: (region: string) => readonly RegisteredFunction[];
  readonly all: () => readonly RegisteredFunction[];
  /** Which bucket's events go to which function. */
  readonly cosTriggers: TriggerTable;
}

export interface FunctionPlace {
  readonly region: string;
  readonly namespace: string;
  readonly name: string;
}

export interface FunctionEntry {
  readonly scf: RegisteredFunction;
  readonly changing: 'Creating' | 'Updating';
  readonly activeAtMs: number;
}

export function createFunctionRegistry(settings: {
  readonly now: () => number;
  readonly settleMs: number;
  /** Filled and kept elsewhere. */
  readonly entries: Map<string, FunctionEntry>;
  /** Told of each function that is there at first, and of each change, before the caller is; `undefined`: the function is gone. What it throws fails the change. */
  readonly onChange?: (name: string, scf: RegisteredFunction | undefined) => void;
}): FunctionRegistry {
  const { now, settleMs, entries, onChange = () => {} } = settings;
  const idOf = ({ region, namespace, name }: FunctionPlace): string => `${region}/${namespace}/${name}`;

  const find = (place: FunctionPlace): FunctionEntry => {
    const entry = entries.get(idOf(place));
    if (!entry) throw new ApiError('ResourceNotFound.Function', `The function ${place.name} does not exist.`);
    return entry;
  };
  const statusOf = (place: FunctionPlace): FunctionStatus => {
    const { changing, activeAtMs } = find(place);
    return now() < activeAtMs ? changing : 'Active';
  };
  const findActive = (place: FunctionPlace): FunctionEntry => {
    const status = statusOf(place);
    if (status === 'Active') return find(place);
    const message = `The function ${place.name} is ${status}: it can be changed once it is Active.`;
    throw new ApiError('FailedOperation.FunctionStatusError', message);
  };
  const all = (): readonly RegisteredFunction[] => [...entries.values()].map(({ scf }) => scf);
  for (const scf of all()) onChange(scf.name, scf);

  return {
    create: (asked) => {
      const scf = { ...asked, addedAtMs: now(), modifiedAtMs: now() };
      if (entries.has(idOf(scf)))
        throw new ApiError('ResourceInUse.Function', `The function ${scf.name} exists already.`);
      onChange(scf.name, scf);
      entries.set(idOf(scf), { scf, changing: 'Creating', activeAtMs: now() + settleMs });
    },
    get: (place) => find(place).scf,
    statusOf,
    update: (place, change) => {
      const scf = { ...findActive(place).scf, ...change, modifiedAtMs: now() };
      onChange(scf.name, scf);
      entries.set(idOf(place), { scf, changing: 'Updating', activeAtMs: now() + settleMs });
    },
    set: (place, change) => {
      const entry = findActive(place);
      const scf = { ...entry.scf, ...change };
      onChange(scf.name, scf);
      entries.set(idOf(place), { ...entry, scf });
    },
    remove: (place) => {
      find(place);
      entries.delete(idOf(place));
      onChange(place.name, undefined);
    },
    list: (region) => all().filter((scf) => scf.region === region),
    all,
    cosTriggers: createTriggerTable([], all),
  };
}
