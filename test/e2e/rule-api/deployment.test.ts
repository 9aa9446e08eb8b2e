import { type RuleApi, startRuleApi } from './setup';

/** A deployment refuses what it was not made for, each with a code of its own. */
let at: RuleApi;
beforeAll(async () => {
  const appid = '1250000000';
  at = await startRuleApi({
    environment: {
      DEPLOYED_SOURCES: `source-${appid}`,
      DEPLOYED_DESTINATIONS: `copy-${appid}, third-${appid}`,
    },
  });
});
afterAll(() => at.cloud.close());

test('a source without its triggers, and a destination outside its role', async () => {
  const { source, destination, other, zones } = at;
  const toZones = { destination: { ...zones, storageClass: 'MAZ_STANDARD' } };
  expect((await at.api('POST', `/v1/buckets/${other.bucket}/rules`, { destination })).body).toMatchObject({
    problems: [{ code: 'SourceNotDeployed', path: '' }],
  });
  expect((await at.api('POST', `/v1/buckets/${source.bucket}/rules`, toZones)).body).toMatchObject({
    problems: [{ code: 'DestinationNotInRole', path: '/destination/bucket' }],
  });
  expect((await at.api('POST', `/v1/buckets/${source.bucket}/rules`, { destination })).status).toBe(201);
});
