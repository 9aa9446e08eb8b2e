import { createHash } from 'node:crypto';
import type { EventFault, FaultMatch, FaultPlan, RequestFault } from './fault-plan';
import type { RequestFacts } from './request-facts';

/** How often a line of the plan came into question, and how often it happened. */
export interface FaultCount {
  readonly name: string;
  readonly matched: number;
  readonly happened: number;
}

/** A plan at work: each question is one draw, and the answers to the same questions are always the same. */
export interface FaultDraws {
  readonly forRequest: (facts: RequestFacts) => RequestFault | undefined;
  readonly forEvent: (facts: Pick<RequestFacts, 'bucket' | 'region' | 'key'>) => EventFault | undefined;
  readonly counts: () => { readonly requests: readonly FaultCount[]; readonly events: readonly FaultCount[] };
}

export function createFaultDraws(plan: FaultPlan): FaultDraws {
  const requests = plan.requests.map((line, place) => drawer(plan.seed, `request ${place}`, line));
  const events = plan.events.map((line, place) => drawer(plan.seed, `event ${place}`, line));
  return {
    forRequest: (facts) => firstOf(requests, facts),
    forEvent: (facts) => firstOf(events, { ...facts, operation: '', caller: '' }),
    counts: () => ({
      requests: requests.map((line) => line.count()),
      events: events.map((line) => line.count()),
    }),
  };
}

interface Line<Fault> {
  readonly name?: string | undefined;
  readonly match: FaultMatch;
  readonly probability: number;
  readonly skip: number;
  readonly times?: number | undefined;
  readonly fault: Fault;
}

interface Drawer<Fault> {
  readonly draw: (facts: RequestFacts) => Fault | undefined;
  readonly count: () => FaultCount;
}

/** Each line counts its own matches, so that other traffic does not change what it decides. */
function drawer<Fault>(seed: string, stream: string, line: Line<Fault>): Drawer<Fault> {
  let matched = 0;
  let happened = 0;
  return {
    draw: (facts) => {
      if (!matches(line.match, facts)) return undefined;
      matched += 1;
      if (matched <= line.skip || happened >= (line.times ?? Infinity)) return undefined;
      if (chanceOf(seed, stream, matched) >= line.probability) return undefined;
      happened += 1;
      return line.fault;
    },
    count: () => ({ name: line.name ?? stream, matched, happened }),
  };
}

function firstOf<Fault>(drawers: readonly Drawer<Fault>[], facts: RequestFacts): Fault | undefined {
  for (const { draw } of drawers) {
    const fault = draw(facts);
    if (fault) return fault;
  }
  return undefined;
}

function matches(match: FaultMatch, facts: RequestFacts): boolean {
  const { operations, bucket, region, keyPrefix = '', caller } = match;
  return (
    (operations === undefined || operations.some((pattern) => operationMatches(pattern, facts.operation))) &&
    (bucket === undefined || bucket === facts.bucket) &&
    (region === undefined || region === facts.region) &&
    facts.key.startsWith(keyPrefix) &&
    (caller === undefined || caller === facts.caller || (caller === 'function' && facts.caller !== 'user'))
  );
}

function operationMatches(pattern: string, operation: string): boolean {
  return pattern.endsWith('*') ? operation.startsWith(pattern.slice(0, -1).trimEnd()) : operation === pattern;
}

const hashBytes = 6;

/** At least 0, below 1; the same for the same arguments. */
export function chanceOf(seed: string, stream: string, ordinal: number): number {
  const digest = createHash('sha256').update(`${seed}\n${stream}\n${ordinal}`).digest();
  return digest.readUIntBE(0, hashBytes) / 2 ** (8 * hashBytes);
}
