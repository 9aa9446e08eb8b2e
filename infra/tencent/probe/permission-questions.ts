import { at } from '../../../lib/adapters/cos/object-store';
import { keepVersions } from '../role-policy';
import { type Finding, ok, problem } from '../finding';
import type { Question } from './question';

const keySeconds = 900;

interface Federation {
  readonly Credentials: {
    readonly TmpSecretId: string;
    readonly TmpSecretKey: string;
    readonly Token: string;
  };
}

/** With the very statement of the functions' role, on a key that may do all else in one bucket. */
export const versionsStay: Question = {
  about: 'whether a policy can keep versions from being deleted',
  ask: async ({ lab: { sdk, near, store }, call, cosFor, appid }) => {
    const resource = `qcs::cos:${near.region}:uid/${appid}:${near.bucket}/*`;
    const policy = {
      version: '2.0',
      statement: [
        { effect: 'allow', action: ['name/cos:*'], resource: [resource] },
        keepVersions([resource]),
      ],
    };
    // The server decodes it once more. https://cloud.tencent.com/document/api/1312/48195
    const { Credentials } = await call<Federation>('sts', 'GetFederationToken', {
      Name: 'probe',
      Policy: encodeURIComponent(JSON.stringify(policy)),
      DurationSeconds: keySeconds,
    });
    const held = cosFor({
      secretId: Credentials.TmpSecretId,
      secretKey: Credentials.TmpSecretKey,
      token: Credentials.Token,
    });
    const name = 'kept';
    await sdk.putObject({ ...at(near), Key: name, Body: 'kept' });
    const version = (await store.headObject(near, name))?.versionId;
    const tried = async (versionId?: string): Promise<number> => {
      try {
        const named = versionId === undefined ? {} : { VersionId: versionId };
        return (await held.deleteObject({ ...at(near), Key: name, ...named })).statusCode ?? 0;
      } catch (thrown) {
        return Number((thrown as { statusCode?: unknown }).statusCode);
      }
    };
    const [forGood, marker] = [await tried(version), await tried()];
    const findings: Finding[] = [
      forGood === 403
        ? ok("The role's policy keeps versions of a destination from being deleted.")
        : problem(
            `The role's policy does not keep versions from being deleted (DELETE of a version: ${forGood}). The functions never do; take DeleteObject out of what else you give the role.`,
          ),
      marker === 204
        ? ok("The role's policy lets delete markers be written.")
        : problem(
            `The role's policy keeps delete markers from being written (DELETE: ${marker}): they would not be replicated.`,
          ),
    ];
    return findings;
  },
};
