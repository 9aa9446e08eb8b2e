import type { CallCloud } from './cloud-api';
import type { Deployment } from './deployment';
import { type Finding, ok, problem, unknown } from './finding';

/** As GetAccount shows it; a limit that is 0 or absent says nothing. https://cloud.tencent.com/document/api/583/53437 */
interface Account {
  readonly AccountUsage?: { readonly UserConcurrencyMemLimit?: number };
  readonly AccountLimit?: {
    readonly Namespace?: readonly {
      readonly Namespace?: string;
      readonly TimeoutLimit?: number;
      readonly RetryNumLimit?: number;
      readonly MinMsgTTL?: number;
      readonly MaxMsgTTL?: number;
      readonly Trigger?: { readonly Cos?: number };
    }[];
  };
}

/** What SCF grants this account, beside what the functions are to have. */
export async function checkAccountLimits(
  { functions }: Pick<Deployment, 'functions'>,
  call: CallCloud,
): Promise<readonly Finding[]> {
  const { AccountUsage, AccountLimit } = await call<Account>('scf', 'GetAccount');
  const limits = AccountLimit?.Namespace?.find(({ Namespace }) => Namespace === 'default') ?? {};
  const wanted = [
    ['COS triggers of a function', limits.Trigger?.Cos, Math.max(...functions.map(cosTriggers))],
    ['seconds of a run', limits.TimeoutLimit, Math.max(...functions.map((each) => each.timeoutSeconds))],
    ['retries of an event', limits.RetryNumLimit, Math.max(...functions.map(({ retries }) => retries))],
    [
      'seconds that an event is kept',
      limits.MaxMsgTTL,
      Math.max(...functions.map((each) => each.messageAgeSeconds)),
    ],
    [
      'MB for all that runs at once',
      AccountUsage?.UserConcurrencyMemLimit,
      functions.reduce((sum, { memoryMb, reservedMemoryMb }) => sum + (reservedMemoryMb ?? memoryMb), 0),
    ],
  ] as const;
  return wanted.map(([what, granted, needed]) => {
    if (!granted)
      return unknown(`GetAccount does not say how many ${what} SCF grants; ${needed} are needed.`);
    if (granted < needed)
      return problem(`SCF grants ${granted} ${what}, ${needed} are needed: ask for more, or configure less.`);
    return ok(`SCF grants ${granted} ${what}; ${needed} are needed.`);
  });
}

const cosTriggers = ({ triggers }: Deployment['functions'][number]): number =>
  triggers.filter(({ type }) => type === 'cos').length;
