import type { PendingEvent } from '../cos/local-cos';

/** Remembers when changes were committed, so that a replica can be timed from its source's event. */
export interface CommitClock {
  readonly note: (event: PendingEvent, atMs: number) => void;
  /** When the change of this key was committed; `undefined` if it is forgotten. */
  readonly commitOf: (bucket: string, key: string, versionId: string) => number | undefined;
}

const keysMax = 10_000;
const commitsPerKeyMax = 100;

interface Commit {
  readonly atMs: number;
  readonly versionId: string;
}

export function createCommitClock(): CommitClock {
  const commits = new Map<string, Commit[]>();
  const name = (bucket: string, key: string): string => `${bucket}/${key}`;
  return {
    note: (event, atMs) => {
      const id = name(event.bucket, event.key);
      const known = commits.get(id) ?? [];
      known.push({ atMs, versionId: event.record.cos.cosObject.vid });
      if (known.length > commitsPerKeyMax) known.shift();
      // Put in anew, so that the first of the map is the one that was quiet for longest.
      commits.delete(id);
      commits.set(id, known);
      const [oldest] = commits.keys();
      if (commits.size > keysMax && oldest !== undefined) commits.delete(oldest);
    },
    commitOf: (bucket, key, versionId) => {
      const known = commits.get(name(bucket, key)) ?? [];
      // An event need not say its version id; then the newest commit is the best answer there is.
      return (known.find((commit) => commit.versionId === versionId) ?? known.at(-1))?.atMs;
    },
  };
}
