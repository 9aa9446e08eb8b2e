import type { LocalCloud } from '../cloud';
import { type ApiAccess, authorization } from './api-access';
import type { Demo } from './demo';
import { redirectionExport } from './redirection';

/** Everything that a user or a program needs to work with a local cloud that is ready. */
export interface Ready {
  readonly cloud: Pick<LocalCloud, 'port' | 'account' | 'region' | 'caFile'>;
  readonly api: ApiAccess;
  /** Missing with `--empty`. */
  readonly demo?: Demo;
}

/** The one line of `--json`. The buckets are null with `--empty`. */
export function readyJson({ cloud, api, demo }: Ready): string {
  return JSON.stringify({
    cos: `http://127.0.0.1:${cloud.port}`,
    proxy: `http://127.0.0.1:${cloud.port}`,
    caFile: cloud.caFile,
    api: api.url,
    credential: api.credential,
    secretId: cloud.account.secretId,
    secretKey: cloud.account.secretKey,
    appid: cloud.account.appid,
    sourceBucket: demo?.sourceBucket ?? null,
    sourceRegion: demo?.sourceRegion ?? null,
    destinationBucket: demo?.destinationBucket ?? null,
    destinationRegion: demo?.destinationRegion ?? null,
  });
}

/** What a person reads. */
export function readyText(ready: Ready): string {
  const { cloud, api, demo } = ready;
  const bucket = demo?.sourceBucket ?? `mine-${cloud.account.appid}`;
  const parts = [
    'The local cloud is ready.',
    '',
    `  COS          http://127.0.0.1:${cloud.port} (SecretId ${cloud.account.secretId}, SecretKey ${cloud.account.secretKey})`,
    `  Rule API     ${api.url} (credential ${api.credential.id}, secret ${api.credential.secret})`,
    `               described at ${documentAddress(api)}`,
  ];
  if (demo) {
    parts.push(
      `  Source       ${demo.sourceBucket} in ${demo.sourceRegion}`,
      `  Destination  ${demo.destinationBucket} in ${demo.destinationRegion}`,
    );
  }
  const what = demo ? 'Put an object' : 'Make a bucket';
  parts.push('', `${what} (paste this into node in this folder, or into a file here):`);
  parts.push('', putSnippet(ready), '', 'See the rules:', '', rulesCurl(api, bucket), '');
  parts.push(
    'Or send any client here that was written for the real COS, as it is (paste this into its shell):',
  );
  parts.push('', redirectionExport(cloud), '');
  return parts.join('\n');
}

/** A whole script for the unmodified SDK. It holds no single quote, so it fits between those of `node -e`. */
export function putSnippet({
  cloud,
  demo,
}: { readonly cloud: Omit<Ready['cloud'], 'caFile'> } & Pick<Ready, 'demo'>): string {
  const address = `127.0.0.1:${cloud.port}`;
  const { secretId, secretKey, appid } = cloud.account;
  const call = demo
    ? `cos.putObject({ Bucket: "${demo.sourceBucket}", Region: "${demo.sourceRegion}", Key: "hello.txt", Body: "Hello" }, done);`
    : `cos.putBucket({ Bucket: "mine-${appid}", Region: "${cloud.region}" }, done);`;
  return [
    'const COS = require("cos-nodejs-sdk-v5");',
    'const cos = new COS({',
    `  SecretId: "${secretId}",`,
    `  SecretKey: "${secretKey}",`,
    '  Protocol: "http:",',
    `  Ip: "${address}",`,
    `  ServiceDomain: "${address}",`,
    '});',
    'const done = (error, data) => console.log(error ?? data);',
    call,
  ].join('\n');
}

/** What the rule API can do, for a browser. */
export function documentAddress(api: ApiAccess): string {
  return `${api.url}/v1/docs`;
}

/** One line for a shell. */
export function rulesCurl(api: ApiAccess, bucket: string): string {
  return `curl -H "Authorization: ${authorization(api)}" ${api.url}/v1/buckets/${bucket}/rules`;
}
