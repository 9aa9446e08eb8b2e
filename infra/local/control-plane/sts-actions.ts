import { z } from 'zod';
import { ApiError } from './api-error';
import type { CamState } from './cam-actions';
import type { Action, ControlPlaneSettings } from './control-plane';
import { readParams, wholeNumber } from './params';

const roleArn = /^qcs::cam::uin\/(\d+):role(?:Name)?\/([\w+=,.@-]+)$/;
const durationSecondsDefault = 7200;
const durationSecondsMax = 43_200;

const assumeParams = z.object({
  RoleArn: z.string(),
  RoleSessionName: z.string().regex(/^[\w=,.@-]{2,128}$/),
  DurationSeconds: wholeNumber.min(1).max(durationSecondsMax).default(durationSecondsDefault),
});

/** STS 2018-08-13, as far as a deployment calls it. https://cloud.tencent.com/document/api/1312/48195 */
export function stsActions(
  issueTemporaryKey: ControlPlaneSettings['issueTemporaryKey'],
  cam: CamState,
): Readonly<Record<string, Action>> {
  return {
    GetCallerIdentity: ({ account: { uin } }) => ({
      Arn: `qcs::cam::uin/${uin}:uin/${uin}`,
      AccountId: uin,
      UserId: uin,
      PrincipalId: uin,
      Type: 'RootAccount',
    }),
    AssumeRole: ({ params, account }) => {
      const { RoleArn, RoleSessionName, DurationSeconds } = readParams(assumeParams, params);
      const [, uin, role] = roleArn.exec(RoleArn) ?? [];
      if (uin !== account.uin || role === undefined || !cam.roles.has(role))
        throw new ApiError('ResourceNotFound.RoleNotFound', `There is no role ${RoleArn}.`);
      const key = issueTemporaryKey(account, { name: RoleSessionName, seconds: DurationSeconds });
      const expires = Math.floor(key.expiresAtMs / 1000);
      return {
        Credentials: { TmpSecretId: key.secretId, TmpSecretKey: key.secretKey, Token: key.token },
        ExpiredTime: expires,
        Expiration: new Date(expires * 1000).toISOString().replace('.000Z', 'Z'),
      };
    },
  };
}
