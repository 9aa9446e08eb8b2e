import { Readable } from 'node:stream';
import { at } from '../../../lib/adapters/cos/object-store';
import { defaultSettings } from '../../../lib/app/settings';
import { versionIdMicros } from '../../../lib/domain/version-id';
import { sleep } from '../cloud-api';
import { type Finding, ok, problem, unknown } from '../finding';
import type { Question } from './question';

const key = 'probe';
const headersOf = (answer: object): Readonly<Record<string, unknown>> =>
  (answer as { headers?: Record<string, unknown> }).headers ?? {};

/** Last-Modified and Date are in whole seconds. */
const wholeSecondMs = 1_000;

export const clocks: Question = {
  about: 'the clocks of both regions',
  ask: async ({ lab }) => {
    const findings: Finding[] = [];
    for (const bucket of [lab.near, lab.far]) {
      const askedMs = Date.now();
      const date = Date.parse(String(headersOf(await lab.sdk.headBucket(at(bucket))).date));
      const answeredMs = Date.now();
      if (!Number.isFinite(date)) {
        findings.push(unknown(`COS in ${bucket.region} sends no Date.`));
        continue;
      }
      const aheadMs = date > answeredMs ? date - answeredMs : Math.min(0, date + wholeSecondMs - askedMs);
      const seconds = Math.round(aheadMs / 1000);
      const text = `The clock of ${bucket.region} is ${seconds} seconds ahead of this machine's`;
      findings.push(
        Math.abs(aheadMs) <= defaultSettings.clockToleranceMs
          ? ok(`${text}.`)
          : problem(
              `${text}: over ${defaultSettings.clockToleranceMs / 1000} seconds; check this machine's.`,
            ),
      );
    }
    return findings;
  },
};

const creators = 8;

/** While the bucket is not versioned: the rules rest on it. */
export const createOnce: Question = {
  about: 'whether a document can be made only once',
  ask: async ({ lab: { sdk, near } }) => {
    const create = async (name: string): Promise<string> => {
      try {
        await sdk.putObject({
          ...at(near),
          Key: name,
          Body: 'x',
          Headers: { 'x-cos-forbid-overwrite': 'true' },
        });
        return '';
      } catch (thrown) {
        return String((thrown as { code?: unknown }).code);
      }
    };
    const [first, second] = [await create('once'), await create('once')];
    if (first !== '' || second === '')
      return [
        problem(
          `x-cos-forbid-overwrite does not keep a second writer out (${first || 'made'}, ${second || 'made'}): two people who change rules at once would lose a change.`,
        ),
      ];
    const made = (await Promise.all(Array.from({ length: creators }, () => create('race')))).filter(
      (code) => code === '',
    ).length;
    return [
      ok(`A second writer of a document is refused with ${second}.`),
      ok(`Of ${creators} that wrote at once, ${made} were told yes; RULES_SETTLE_MS waits for the last one.`),
    ];
  },
};

export const listingLag: Question = {
  about: 'how far listings lag behind writes',
  ask: async ({ lab: { sdk, near, store } }) => {
    await sdk.putObject({ ...at(near), Key: key, Body: 'one' });
    const head = await store.headObject(near, key);
    const writtenMs = Date.now();
    const limitMs = 2 * defaultSettings.listingBelievedAfterMs;
    const isListed = async (): Promise<boolean> =>
      (await store.listKey(near, key, { entriesMax: 10 })).entries.some(
        (entry) => entry.versionId === head?.versionId,
      );
    while (!(await isListed())) {
      if (Date.now() - writtenMs > limitMs)
        return [problem(`A version is not listed ${limitMs / 1000} seconds after its PUT.`)];
      await sleep(200);
    }
    const lagMs = Date.now() - writtenMs;
    const text = `A version was listed ${(lagMs / 1000).toFixed(1)} seconds after its PUT`;
    return lagMs <= defaultSettings.listingBelievedAfterMs
      ? [ok(`${text}.`)]
      : [problem(`${text}: listings are believed after ${defaultSettings.listingBelievedAfterMs / 1000}.`)];
  },
};

export const deleteMarkers: Question = {
  about: 'delete markers',
  ask: async ({ lab: { sdk, near, store } }) => {
    const { versionId } = await store.putDeleteMarker(near, key);
    if (versionId === undefined)
      return [problem('DELETE in a versioned bucket names no version: delete markers cannot be replicated.')];
    const refused = await sdk.headObject({ ...at(near), Key: key }).then(
      () => undefined,
      (thrown: unknown) => thrown as object,
    );
    const says = 'x-cos-delete-marker' in headersOf(refused ?? {}) ? 'says' : 'does not say';
    const absent = await store.putDeleteMarker(near, 'never-there');
    const listed = await store.listKey(near, 'never-there', { entriesMax: 10 });
    const made = absent.versionId !== undefined || listed.entries.length > 0 ? 'makes' : 'makes no';
    return [
      refused === undefined
        ? problem('A deleted key still answers HEAD.')
        : ok(`A 404 for a delete marker ${says} so in its headers; either is handled.`),
      ok(`DELETE of a key that never was ${made} delete marker.`),
    ];
  },
};

const slowWriteMs = 3_000;

export const slowWrites: Question = {
  about: 'where a slow write stands among quick ones',
  ask: async ({ lab: { sdk, near, store } }) => {
    const name = 'slow';
    const beganMs = Date.now();
    const halves = async function* () {
      yield Buffer.alloc(8, 's');
      await sleep(slowWriteMs);
      yield Buffer.alloc(8, 's');
    };
    const slow = sdk.putObject({
      ...at(near),
      Key: name,
      Body: Readable.from(halves()),
      ContentLength: 16,
    });
    await sleep(slowWriteMs / 3);
    await sdk.putObject({ ...at(near), Key: name, Body: 'quick' });
    const slowId = String(headersOf(await slow)['x-cos-version-id']);
    const { entries } = await store.listKey(near, name, { entriesMax: 10 });
    const place = entries.findIndex(({ versionId }) => versionId === slowId);
    const from = place === entries.length - 1 ? 'its end' : 'its beginning';
    const micros = versionIdMicros(slowId);
    const ahead = micros === undefined ? undefined : Number(micros / 1000n) - beganMs;
    return [
      place === -1
        ? unknown('A slow write is not listed yet.')
        : ok(`A write has its place in a history from ${from}; either is handled.`),
      ahead === undefined
        ? unknown(`Version ids do not carry a time (${slowId}): delete markers that are gone keep no place.`)
        : ok(`A version id carries a time ${(ahead / 1000).toFixed(1)} seconds after its write began.`),
    ];
  },
};
