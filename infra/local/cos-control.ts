import { z } from 'zod';
import type { ControlDocuments } from './control-endpoint';
import { parsePolicy } from './cos/access/policy';
import type { LocalCos, SubAccount } from './cos/local-cos';
import { accountOf } from './cos/request-account';
import { parseDocument } from './parsed-document';

/** `/local/requests`: what was asked of COS and by whom. `/local/users`: keys that may not do everything. */
export function cosDocuments(cos: LocalCos): ControlDocuments {
  return {
    requests: {
      read: () => accountOf(cos.requests.list()),
      replace: () => 'The account of requests is read and reset only.',
      reset: () => cos.requests.reset(),
    },
    users: {
      read: () => cos.users.list().map(shownUser),
      replace: (value) => {
        const parsed = parseDocument(usersSchema(cos.accounts[0].appid), value);
        if (!parsed.ok) return parsed.problems;
        cos.users.replace(parsed.value);
        return undefined;
      },
      reset: () => cos.users.replace([]),
    },
  };
}

const policySchema = z.unknown().transform((value, context) => {
  const policy = parsePolicy(JSON.stringify(value) ?? '');
  if (!policy) context.addIssue({ code: 'custom', message: 'is no policy of CAM' });
  return policy ?? [];
});

function usersSchema(appidDefault: string) {
  const user = z.strictObject({
    name: z.string().min(1),
    secretId: z.string().min(1),
    secretKey: z.string().min(1),
    uin: z.string().regex(/^\d+$/),
    appid: z.string().regex(/^\d+$/).default(appidDefault),
    policies: z.array(policySchema).default([]),
  });
  return z.array(user);
}

/** Whoever reads this does not need the key. */
function shownUser({ name, secretId, uin, appid, policies }: SubAccount): unknown {
  return { name, secretId, uin, appid, policies };
}
