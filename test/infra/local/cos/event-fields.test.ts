import { documentedEvent } from '../../../fixtures/cos-events';
import { at, newBucket, startCos } from './harness';

/** The names of all fields, `cos.cosObject.url`; what is in `meta` and in headers depends on the object. */
function fieldsOf(value: object, under = ''): readonly string[] {
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
    const path = `${under}${name}`;
    const isOpen = name === 'meta' || name === 'requestHeaders';
    return typeof inner === 'object' && inner !== null && !isOpen
      ? fieldsOf(inner, `${path}.`)
      : [`${path}: ${typeof inner}`];
  });
}

test('an event has the fields of the published sample, no more and no less, and of the same types', async () => {
  const running = await startCos();
  try {
    const bucket = await newBucket(running);
    await running.sdk.putObject({ ...at(bucket, 'k'), Body: 'x' });
    await running.sdk.deleteObject(at(bucket, 'k'));
    const records = (await running.cos.pendingEvents()).map(({ record }) => fieldsOf(record));
    const documented = fieldsOf(documentedEvent.Records[0]);
    expect(records).toEqual([documented, documented]);
  } finally {
    await running.close();
  }
});
