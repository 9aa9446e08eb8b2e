import { z } from 'zod';
import { ApiError } from './api-error';
import type { OpenTable } from '../kept-map';
import type { Action } from './control-plane';
import { readParams, wholeNumber } from './params';

export interface Role {
  readonly id: string;
  /** Who may assume it. */
  readonly policyDocument: string;
  readonly description: string;
  readonly policyIds: readonly number[];
}

export interface Policy {
  readonly id: number;
  readonly name: string;
  readonly policyDocument: string;
  readonly description: string;
}

/** The roles and policies of an account. */
export interface CamState {
  readonly roles: Map<string, Role>;
  readonly policies: Map<number, Policy>;
}

export function openCamState(openTable: OpenTable): CamState {
  return { roles: openTable('roles'), policies: openTable('policies') };
}

/** CAM 2019-01-16, as far as a deployment calls it. https://cloud.tencent.com/document/api/598/33152 */
export function camActions({ roles, policies }: CamState): Readonly<Record<string, Action>> {
  const firstId = 100_000;
  const roleNamed = (name: string): Role => {
    const role = roles.get(name);
    if (!role) throw new ApiError('InvalidParameter.RoleNotExist', `The role ${name} does not exist.`);
    return role;
  };
  const policyOf = (wanted: { PolicyId?: number | undefined; PolicyName?: string | undefined }): Policy => {
    const found = [...policies.values()].find(
      ({ id, name }) => id === wanted.PolicyId || name === wanted.PolicyName,
    );
    if (!found) throw new ApiError('ResourceNotFound.PolicyIdNotFound', 'The policy does not exist.');
    return found;
  };
  const attach = (change: (ids: readonly number[], id: number) => readonly number[]): Action => {
    return ({ params }) => {
      const { AttachRoleName, DetachRoleName, ...wanted } = readParams(attachParams, params);
      const name = AttachRoleName ?? DetachRoleName ?? '';
      const role = roleNamed(name);
      roles.set(name, { ...role, policyIds: change(role.policyIds, policyOf(wanted).id) });
      return {};
    };
  };

  return {
    GetUserAppId: ({ account }) => ({
      Uin: account.uin,
      OwnerUin: account.uin,
      AppId: Number(account.appid),
    }),
    GetRole: ({ params }) => {
      const { RoleName } = readParams(roleName, params);
      return { RoleInfo: shownRole(RoleName, roleNamed(RoleName)) };
    },
    CreateRole: ({ params }) => {
      const { RoleName, PolicyDocument, Description } = readParams(createRole, params);
      if (roles.has(RoleName)) throw new ApiError('InvalidParameter.RoleNameInUse', 'role name in use');
      checkDocument(PolicyDocument);
      const id = String(firstId + roles.size);
      roles.set(RoleName, { id, policyDocument: PolicyDocument, description: Description, policyIds: [] });
      return { RoleId: id };
    },
    DeleteRole: ({ params }) => {
      const { RoleName } = readParams(roleName, params);
      roleNamed(RoleName);
      roles.delete(RoleName);
      return {};
    },
    CreatePolicy: ({ params }) => {
      const { PolicyName, PolicyDocument, Description } = readParams(createPolicy, params);
      if ([...policies.values()].some(({ name }) => name === PolicyName))
        throw new ApiError('FailedOperation.PolicyNameInUse', `There is a policy ${PolicyName} already.`);
      checkDocument(PolicyDocument);
      const id = Math.max(firstId, ...policies.keys()) + 1;
      policies.set(id, { id, name: PolicyName, policyDocument: PolicyDocument, description: Description });
      return { PolicyId: id };
    },
    UpdatePolicy: ({ params }) => {
      const wanted = readParams(updatePolicy, params);
      const policy = policyOf(wanted);
      if (wanted.PolicyDocument !== undefined) checkDocument(wanted.PolicyDocument);
      policies.set(policy.id, { ...policy, policyDocument: wanted.PolicyDocument ?? policy.policyDocument });
      return { PolicyId: policy.id };
    },
    GetPolicy: ({ params }) => {
      const policy = policyOf(readParams(policyId, params));
      const { name: PolicyName, policyDocument: PolicyDocument, description: Description } = policy;
      return { PolicyName, PolicyDocument, Description, Type: 1 };
    },
    DeletePolicy: ({ params }) => {
      for (const PolicyId of readParams(policyIds, params).PolicyId)
        policies.delete(policyOf({ PolicyId }).id);
      return {};
    },
    ListPolicies: ({ params }) => {
      const { Rp, Page, Keyword } = readParams(pageParams, params);
      const all = [...policies.values()].filter(({ name }) => name.includes(Keyword));
      const List = all.slice((Page - 1) * Rp, Page * Rp).map(({ id, name, description }) => ({
        PolicyId: id,
        PolicyName: name,
        Description: description,
        Type: 1,
      }));
      return { TotalNum: all.length, List };
    },
    AttachRolePolicy: attach((ids, id) => [...new Set([...ids, id])]),
    DetachRolePolicy: attach((ids, id) => ids.filter((other) => other !== id)),
    ListAttachedRolePolicies: ({ params }) => {
      const { RoleName } = readParams(roleName, params);
      const List = roleNamed(RoleName).policyIds.flatMap((id) => {
        const policy = policies.get(id);
        return policy ? [{ PolicyId: id, PolicyName: policy.name, PolicyType: 'User' }] : [];
      });
      return { List, TotalNum: List.length };
    },
  };
}

const roleName = z.object({ RoleName: z.string().regex(/^[\w+=,.@-]{1,128}$/) });
const createRole = roleName.extend({ PolicyDocument: z.string(), Description: z.string().default('') });
const createPolicy = z.object({
  PolicyName: z.string().regex(/^[\w+=,.@-]{1,128}$/),
  PolicyDocument: z.string(),
  Description: z.string().default(''),
});
const policyId = z.object({ PolicyId: wholeNumber });
const policyIds = z.object({ PolicyId: z.array(wholeNumber) });
const namedPolicy = z.object({ PolicyId: wholeNumber.optional(), PolicyName: z.string().optional() });
const updatePolicy = namedPolicy.extend({ PolicyDocument: z.string().optional() });
const attachParams = namedPolicy.extend({
  AttachRoleName: z.string().optional(),
  DetachRoleName: z.string().optional(),
});
const pageParams = z.object({
  Rp: wholeNumber.min(1).max(200).default(20),
  Page: wholeNumber.min(1).default(1),
  Keyword: z.string().default(''),
});

const policyDocument = z.object({
  version: z.literal('2.0'),
  statement: z.union([
    z.array(z.looseObject({ effect: z.enum(['allow', 'deny']) })).min(1),
    z.looseObject({}),
  ]),
});

function checkDocument(text: string): void {
  try {
    policyDocument.parse(JSON.parse(text));
  } catch {
    throw new ApiError('FailedOperation.PolicyDocument', 'The PolicyDocument is not one of version 2.0.');
  }
}

function shownRole(name: string, role: Role) {
  const { id: RoleId, policyDocument: PolicyDocument, description: Description } = role;
  return { RoleId, RoleName: name, PolicyDocument, Description };
}
