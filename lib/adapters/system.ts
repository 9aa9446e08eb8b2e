import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Digests, Entropy } from '../app/ports';

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (milliseconds) => {
    await sleep(milliseconds);
  },
};

export const systemEntropy: Entropy = {
  nonce: () => BigInt(`0x${randomBytes(8).toString('hex')}`).toString(36),
};

export const systemDigests: Digests = {
  sha256: (text) => createHash('sha256').update(text).digest('hex'),
};
