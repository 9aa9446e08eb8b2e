import { z } from 'zod';
import { CosError } from '../cos-error';
import { document, node, parseDocument, type XmlNode } from '../xml';

/** Who may do what. Source: https://www.tencentcloud.com/document/product/436/7737 */
export type Acl = readonly Grant[];

export interface Grant {
  readonly grantee: Grantee;
  readonly permission: Permission;
}

/** Of an account: the UIN of its owner, and that of the user, which is the owner's for the whole account. */
export type Grantee =
  | { readonly kind: 'user'; readonly owner: string; readonly user: string }
  | { readonly kind: 'allUsers' }
  | { readonly kind: 'authenticatedUsers' };

const permissions = ['READ', 'WRITE', 'READ_ACP', 'WRITE_ACP', 'FULL_CONTROL'] as const;
export type Permission = (typeof permissions)[number];

const groups = {
  allUsers: 'http://cam.qcloud.com/groups/global/AllUsers',
  authenticatedUsers: 'http://cam.qcloud.com/groups/global/AuthenticatedUsers',
} as const;

const canned: Readonly<Record<string, Acl>> = {
  private: [],
  'public-read': [{ grantee: { kind: 'allUsers' }, permission: 'READ' }],
  'public-read-write': [
    { grantee: { kind: 'allUsers' }, permission: 'READ' },
    { grantee: { kind: 'allUsers' }, permission: 'WRITE' },
  ],
  'authenticated-read': [{ grantee: { kind: 'authenticatedUsers' }, permission: 'READ' }],
};

const grantHeaders = [
  ['x-cos-grant-read', 'READ'],
  ['x-cos-grant-write', 'WRITE'],
  ['x-cos-grant-read-acp', 'READ_ACP'],
  ['x-cos-grant-write-acp', 'WRITE_ACP'],
  ['x-cos-grant-full-control', 'FULL_CONTROL'],
] as const;

/** The ACL that a request's headers ask for; `undefined`: none, or `default`. Fails with InvalidArgument. */
export function aclOfHeaders(headers: Readonly<Record<string, string>>): Acl | undefined {
  const name = headers['x-cos-acl'] ?? '';
  const base = Object.hasOwn(canned, name) ? canned[name] : undefined;
  if (name !== '' && name !== 'default' && base === undefined)
    throw new CosError('InvalidArgument', `The ACL ${name} is not known.`);
  const grants = grantHeaders.flatMap(([header, permission]) =>
    granteesOf(headers[header]).map((grantee): Grant => ({ grantee, permission })),
  );
  return base === undefined && grants.length === 0 ? undefined : checked([...(base ?? []), ...grants]);
}

/** `id="100000000001",id="qcs::cam::uin/1:uin/2"` */
function granteesOf(header: string | undefined): readonly Grantee[] {
  if (header === undefined || header.trim() === '') return [];
  return header.split(',').map((part) => {
    const [, id] = /^\s*id="([^"]*)"\s*$/.exec(part) ?? [];
    return granteeOf(id ?? '');
  });
}

const anyone = 'qcs::cam::anyone:anyone';

function granteeOf(id: string): Grantee {
  if (id === anyone) return { kind: 'allUsers' };
  const [, owner, user = owner] = /^(?:qcs::cam::uin\/)?(\d+)(?::uin\/(\d+))?$/.exec(id) ?? [];
  if (owner === undefined || user === undefined)
    throw new CosError('InvalidArgument', `The grantee "${id}" is not known.`);
  return { kind: 'user', owner, user };
}

const grantsMax = 100;

function checked(acl: Acl): Acl {
  if (acl.length > grantsMax) throw new CosError('AttachmentFull');
  return acl;
}

const grantee = z.object({ ID: z.string().optional(), URI: z.string().optional() });
const grantDocument = z.object({ Grantee: grantee, Permission: z.enum(permissions) });
const aclDocument = z.object({
  AccessControlPolicy: z.object({
    AccessControlList: z
      .union([z.object({ Grant: z.array(grantDocument).optional() }), z.string()])
      .optional(),
  }),
});

/** Fails with MalformedXML. */
export function aclOfDocument(xml: string): Acl {
  const parsed = aclDocument.safeParse(parseDocument(xml, ['Grant']));
  if (!parsed.success) throw new CosError('MalformedXML');
  const list = parsed.data.AccessControlPolicy.AccessControlList;
  const grants = (typeof list === 'string' ? undefined : list?.Grant) ?? [];
  return checked(
    grants.map(({ Grantee, Permission }) => ({
      grantee: groupOf(Grantee.URI) ?? granteeOf(Grantee.ID ?? ''),
      permission: Permission,
    })),
  );
}

function groupOf(uri: string | undefined): Grantee | undefined {
  if (uri === undefined) return undefined;
  if (uri === groups.allUsers) return { kind: 'allUsers' };
  if (uri === groups.authenticatedUsers) return { kind: 'authenticatedUsers' };
  throw new CosError('InvalidArgument', `The group ${uri} is not known.`);
}

/** As `GET ?acl` shows it; an object without one has no grant. */
export function aclDocumentOf(ownerUin: string, acl: Acl | undefined): string {
  return document(
    node('AccessControlPolicy', [
      node('Owner', identityNodes(ownerUin, ownerUin)),
      node('AccessControlList', (acl ?? []).map(grantNode)),
    ]),
  );
}

function grantNode({ grantee: to, permission }: Grant): XmlNode {
  const inside = to.kind === 'user' ? identityNodes(to.owner, to.user) : [node('URI', groups[to.kind])];
  const type = to.kind === 'user' ? 'CanonicalUser' : 'Group';
  const attributes = { 'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance', 'xsi:type': type };
  return node('Grant', [node('Grantee', inside, attributes), node('Permission', permission)]);
}

/** `ID` and `DisplayName` of an owner, initiator or grantee. */
export function identityNodes(owner: string, user: string): readonly XmlNode[] {
  return [node('ID', `qcs::cam::uin/${owner}:uin/${user}`), node('DisplayName', user)];
}

/** The canned name of an ACL, as the header of `GET ?acl` gives it; absent if grants go beyond one. */
export function cannedName(acl: Acl | undefined, of: 'bucket' | 'object'): string | undefined {
  if (acl === undefined) return of === 'bucket' ? 'private' : 'default';
  const text = JSON.stringify(acl);
  return Object.entries(canned).find(([, grants]) => JSON.stringify(grants) === text)?.[0];
}

/** Whether an ACL lets somebody; `undefined`: somebody without a key. */
export function aclAllows(
  acl: Acl | undefined,
  permission: Permission,
  who: { readonly owner: string; readonly user: string } | undefined,
): boolean {
  return (acl ?? []).some(
    (grant) =>
      (grant.permission === permission || grant.permission === 'FULL_CONTROL') &&
      includes(grant.grantee, who),
  );
}

function includes(to: Grantee, who: { readonly owner: string; readonly user: string } | undefined): boolean {
  switch (to.kind) {
    case 'allUsers':
      return true;
    case 'authenticatedUsers':
      return who !== undefined;
    case 'user':
      return who?.owner === to.owner && (to.user === to.owner || who.user === to.user);
  }
}
