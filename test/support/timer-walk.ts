import type { LocalCloud } from '../../infra/local/cloud';
import type { RecordedRequest } from '../../infra/local/cos/request-log';

/** What one walk of the timer asks of COS. The cloud's own timer has the function walk as well: then once more. */
export async function requestsOfWalk(cloud: LocalCloud): Promise<readonly RecordedRequest[]> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    cloud.cos.requests.reset();
    expect(await cloud.scf.invoke('reconcile', { Type: 'Timer' })).toMatchObject({ ok: true });
    const made = cloud.cos.requests.list().filter(({ caller }) => caller === 'reconcile');
    // One walk follows another, and each ends with a note of how far it came.
    const isEnd = ({ api, key }: RecordedRequest) =>
      api === 'PutObject' && key?.startsWith('jobs/reconcile/') === true;
    if (made.filter(isEnd).length === 1) return made.slice(0, made.findIndex(isEnd) + 1);
  }
  throw new Error('walks follow each other without a pause');
}
