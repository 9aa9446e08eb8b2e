import { readdirSync } from 'node:fs';
import path from 'node:path';
import type COS from 'cos-nodejs-sdk-v5';
import { type Account, kill, startProcess } from './cos-process';
import { at, sdkAt } from './harness';

export interface Killed {
  readonly acknowledged: number;
  /** Acknowledged keys that are not listed after the restart. */
  readonly lost: readonly string[];
  /** Listed keys whose body is not what was written. */
  readonly halfWritten: readonly string[];
  /** Files of bodies that no object of any round owns, or fewer. */
  readonly strayBodies: number;
}

/** What is expected of every kill. */
export const nothingLost = { lost: [], halfWritten: [], strayBodies: 0 };

// At another moment of a start each time.
const aliveMs = (round: number): number => 150 + ((round * 67) % 300);
/** In turn: kept in the index, in a file that is written in one go, in one that is streamed. */
const repeats = [10, 3_000, 20_000] as const;
const kindOf = (key: string): number => Number(key.split('-')[1]) % repeats.length;
const bodyOf = (key: string): string => key.repeat(repeats[kindOf(key)] ?? 0);
const hasFile = (key: string): boolean => kindOf(key) > 0;

/**
 * Kills the local COS while eight writers write to it, and looks at its folder after a restart.
 * Rounds are numbered from 1 and share the folder: what one kill left over must not harm the next.
 */
export async function killDuringWrites(dataDir: string, round: number): Promise<Killed> {
  const first = await startProcess(dataDir);
  const account = first.accounts[0] as Account;
  const bucketOf = (number: number): string => `kill${number}-${account.appid}`;
  const ref = { bucket: bucketOf(round), region: 'ap-guangzhou' };
  const sdk = sdkAt(first.port, account);
  await sdk.putBucket({ Bucket: ref.bucket, Region: ref.region });
  const acknowledged: string[] = [];
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let i = 0; ; i += 1) {
      const key = `w${writer}-${i}`;
      await sdk.putObject({ ...at(ref, key), Body: bodyOf(key) });
      acknowledged.push(key);
    }
  });
  const ended = Promise.allSettled(writers);
  await new Promise((resolve) => setTimeout(resolve, aliveMs(round)));
  await kill(first.child);
  await ended;

  const second = await startProcess(dataDir);
  try {
    const again = sdkAt(second.port, account);
    let listed: string[] = [];
    let filesInAllRounds = 0;
    for (let number = 1; number <= round; number += 1) {
      listed = await keysOf(again, bucketOf(number));
      filesInAllRounds += listed.filter(hasFile).length;
    }
    const halfWritten: string[] = [];
    for (const key of listed) {
      const body = (await again.getObject(at(ref, key))).Body.toString();
      if (body !== bodyOf(key)) halfWritten.push(key);
    }
    const bodies = readdirSync(path.join(dataDir, 'bodies'), { recursive: true, withFileTypes: true });
    return {
      acknowledged: acknowledged.length,
      lost: acknowledged.filter((key) => !listed.includes(key)),
      halfWritten,
      strayBodies: bodies.filter((entry) => entry.isFile()).length - filesInAllRounds,
    };
  } finally {
    await kill(second.child);
  }
}

async function keysOf(sdk: COS, Bucket: string): Promise<string[]> {
  const keys: string[] = [];
  for (let Marker = ''; ;) {
    const page = await sdk.getBucket({ Bucket, Region: 'ap-guangzhou', Marker });
    keys.push(...page.Contents.map(({ Key }) => Key));
    if (page.IsTruncated !== 'true') return keys;
    Marker = page.NextMarker ?? '';
  }
}
