import { z } from 'zod';
import { parsePolicy } from '../cos/access/policy';
import { ApiError } from './api-error';
import type { CamState } from './cam-actions';
import type { Action, ControlPlaneSettings } from './control-plane';
import { readParams, wholeNumber } from './params';

const roleArn = /^qcs::cam::uin\/(\d+):role(?:Name)?\/([\w+=,.@-]+)$/;
const durationSecondsDefault = 7200;
const durationSecondsMax = 43_200;

const federationSecondsDefault = 1800;
/** For an account's own key. */
const federationSecondsMax = 7200;

const assumeParams = z.object({
  RoleArn: z.string(),
  RoleSessionName: z.string().regex(/^[\w=,.@-]{2,128}$/),
  DurationSeconds: wholeNumber.min(1).max(durationSecondsMax).default(durationSecondsDefault),
});

const federationParams = z.object({
  Name: z.string().regex(/^[A-Za-z]+$/),
  Policy: z.string(),
  DurationSeconds: wholeNumber.min(1).max(federationSecondsMax).default(federationSecondsDefault),
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
      return shown(issueTemporaryKey(account, { name: RoleSessionName, seconds: DurationSeconds }));
    },
    // https://cloud.tencent.com/document/api/1312/48195
    GetFederationToken: ({ params, account }) => {
      const { Name, Policy, DurationSeconds } = readParams(federationParams, params);
      const policy = parsePolicy(decodeURIComponent(Policy));
      if (!policy) throw new ApiError('InvalidParameter.StrategyInvalid', 'The policy cannot be read.');
      const policies = () => [policy];
      return shown(issueTemporaryKey(account, { name: Name, seconds: DurationSeconds, policies }));
    },
  };
}

function shown(key: ReturnType<ControlPlaneSettings['issueTemporaryKey']>): object {
  const expires = Math.floor(key.expiresAtMs / 1000);
  return {
    Credentials: { TmpSecretId: key.secretId, TmpSecretKey: key.secretKey, Token: key.token },
    ExpiredTime: expires,
    Expiration: new Date(expires * 1000).toISOString().replace('.000Z', 'Z'),
  };
}
