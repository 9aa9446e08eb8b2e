import type { StoredEntry } from './entry';
import * as names from './index-keys';
import type { ObjectIndex, Operation } from './object-index';

const format = '2';
/** Keys that are written together while an older folder is brought up to date. */
const batchKeys = 1000;

/** Notes which entry of a key an object listing shows after a change of its history, or that it shows none. */
export async function noteCurrent(
  index: ObjectIndex,
  bucket: string,
  key: string,
  change: HistoryChange,
): Promise<Operation> {
  return noteOf(bucket, key, await newestAfter(index, bucket, key, change));
}

interface HistoryChange {
  readonly add: StoredEntry | undefined;
  readonly mayBeOlder: boolean;
  readonly remove: StoredEntry | undefined;
}

async function newestAfter(
  index: ObjectIndex,
  bucket: string,
  key: string,
  { add, mayBeOlder, remove }: HistoryChange,
): Promise<StoredEntry | undefined> {
  if (add && !mayBeOlder) return add;
  for await (const entry of index.history(bucket, key)) {
    if (entry.micros === remove?.micros) continue;
    return add && BigInt(add.micros) > BigInt(entry.micros) ? add : entry;
  }
  return add;
}

function noteOf(bucket: string, key: string, newest: StoredEntry | undefined): Operation {
  const name = names.currentName(bucket, key);
  return newest?.kind === 'version'
    ? { type: 'put', key: name, value: newest.micros }
    : { type: 'del', key: name };
}

/** A folder of an older version has no such notes: they are made once, and the folder says so. */
export async function bringUpToDate(index: ObjectIndex): Promise<void> {
  if ((await index.format()) === format) return;
  let batch: Operation[] = [];
  for await (const bucket of index.buckets()) {
    let last: string | undefined;
    for await (const { key, entry } of index.scan(bucket.name, names.prefixSpan(bucket.name, ''))) {
      if (key === last) continue;
      last = key;
      batch.push(noteOf(bucket.name, key, entry));
      if (batch.length >= batchKeys) {
        await index.commit(batch);
        batch = [];
      }
    }
  }
  await index.commit([...batch, { type: 'put', key: names.formatName, value: format }]);
}
