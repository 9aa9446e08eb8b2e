import type { Policy } from '../cos/access/policy';

/**
 * Whether a key's policies let it call an action. Deny wins. What an action is done to is not looked at: statements of a
 * deployer name actions.
 */
export function mayCall(policies: readonly Policy[] | undefined, service: string, action: string): boolean {
  if (policies === undefined) return true;
  const names = new Set([
    '*',
    `${service}:*`,
    `name/${service}:*`,
    `${service}:${action}`,
    `name/${service}:${action}`,
  ]);
  const applying = policies.flat().filter((statement) => statement.action.some((name) => names.has(name)));
  return applying.length > 0 && applying.every(({ effect }) => effect === 'allow');
}
