import type { CallCloud } from './cloud-api';
import { DeployError } from './deploy-error';
import { assumedByScf } from './role-policy';

interface Policies {
  readonly TotalNum: number;
  readonly List: readonly { readonly PolicyId: number; readonly PolicyName: string }[];
}

/**
 * The execution role with its one policy, which has the role's name. Returns what was changed, a sentence each.
 * https://cloud.tencent.com/document/api/598/36225
 */
export async function ensureRole(
  call: CallCloud,
  roleName: string,
  policyDocument: string,
): Promise<readonly string[]> {
  const done: string[] = [];
  if (!(await roleExists(call, roleName))) {
    await call('cam', 'CreateRole', {
      RoleName: roleName,
      PolicyDocument: assumedByScf,
      Description: 'Execution role of COS replication',
    });
    done.push(`created the role ${roleName}`);
  }
  let policyId = await findPolicy(call, roleName);
  if (policyId === undefined) {
    const created = await call<{ PolicyId: number }>('cam', 'CreatePolicy', {
      PolicyName: roleName,
      PolicyDocument: policyDocument,
      Description: 'What COS replication may do, no more',
    });
    policyId = created.PolicyId;
    done.push(`created the policy ${roleName}`);
  } else {
    if (!(await hasDocument(call, policyId, policyDocument))) {
      await call('cam', 'UpdatePolicy', { PolicyId: policyId, PolicyDocument: policyDocument });
      done.push(`updated the policy ${roleName}`);
    }
  }
  if (!(await isAttached(call, roleName, policyId))) {
    await call('cam', 'AttachRolePolicy', { AttachRoleName: roleName, PolicyId: policyId });
    done.push(`attached the policy ${roleName}`);
  }
  return done;
}

/** What keeps the role from being what `ensureRole` makes, a sentence each. */
export async function roleProblems(
  call: CallCloud,
  roleName: string,
  policyDocument: string,
): Promise<readonly string[]> {
  if (!(await roleExists(call, roleName))) return [`The role ${roleName} is missing: sls deploy makes it.`];
  const policyId = await findPolicy(call, roleName);
  if (policyId === undefined) return [`The policy ${roleName} is missing: sls deploy makes it.`];
  const problems: string[] = [];
  if (!(await hasDocument(call, policyId, policyDocument)))
    problems.push(`The policy ${roleName} allows something else than it should: sls deploy sets it.`);
  if (!(await isAttached(call, roleName, policyId)))
    problems.push(`The policy ${roleName} is not attached to its role: sls deploy does it.`);
  return problems;
}

async function hasDocument(call: CallCloud, policyId: number, document: string): Promise<boolean> {
  const found = await call<{ PolicyDocument: string }>('cam', 'GetPolicy', { PolicyId: policyId });
  return isSameDocument(found.PolicyDocument, document);
}

async function isAttached(call: CallCloud, roleName: string, policyId: number): Promise<boolean> {
  const { List } = await call<Policies>('cam', 'ListAttachedRolePolicies', {
    RoleName: roleName,
    Page: 1,
    Rp: pageSize,
  });
  return List.some(({ PolicyId }) => PolicyId === policyId);
}

export async function removeRole(call: CallCloud, roleName: string): Promise<readonly string[]> {
  const done: string[] = [];
  const policyId = await findPolicy(call, roleName);
  const exists = await roleExists(call, roleName);
  if (policyId !== undefined) {
    if (exists) await call('cam', 'DetachRolePolicy', { DetachRoleName: roleName, PolicyId: policyId });
    await call('cam', 'DeletePolicy', { PolicyId: [policyId] });
    done.push(`removed the policy ${roleName}`);
  }
  if (exists) {
    await call('cam', 'DeleteRole', { RoleName: roleName });
    done.push(`removed the role ${roleName}`);
  }
  return done;
}

async function roleExists(call: CallCloud, roleName: string): Promise<boolean> {
  try {
    await call('cam', 'GetRole', { RoleName: roleName });
    return true;
  } catch (error) {
    if (error instanceof DeployError && /RoleNotExist|ResourceNotFound/.test(error.cloudCode)) return false;
    throw error;
  }
}

const pageSize = 200;
const pagesMax = 20;

async function findPolicy(call: CallCloud, name: string): Promise<number | undefined> {
  for (let page = 1; page <= pagesMax; page += 1) {
    const { List, TotalNum } = await call<Policies>('cam', 'ListPolicies', {
      Rp: pageSize,
      Page: page,
      Scope: 'Local',
      Keyword: name,
    });
    const found = List.find(({ PolicyName }) => PolicyName === name);
    if (found) return found.PolicyId;
    if (page * pageSize >= TotalNum) return undefined;
  }
  return undefined;
}

/** CAM may hand a document back with other white space. */
function isSameDocument(one: string, other: string): boolean {
  try {
    return JSON.stringify(JSON.parse(one)) === JSON.stringify(JSON.parse(other));
  } catch {
    return false;
  }
}
