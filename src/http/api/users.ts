// /api/users: users and their local logins, for the owner and administrators.

import { z } from 'zod';
import type { LocalLogins } from '../../accounts/local_logins.ts';
import type { MergeUsers } from '../../accounts/merge_users.ts';
import type { Users } from '../../accounts/users.ts';
import { type ApiRoute, apiRoute, pageQuery, pageSchema } from './api_route.ts';
import { profilePatch, profileResponse } from './profile.ts';

interface Deps {
  users: Users;
  mergeUsers: MergeUsers;
  localLogins: LocalLogins;
}

const user = z.object({
  id: z.string(),
  username: z.string().nullable(),
  name: z.string().nullable(),
  is_owner: z.boolean(),
  is_active: z.boolean(),
  is_pending: z.boolean(),
  local_only: z.boolean(),
  system_generated: z.boolean(),
  group_ids: z.array(z.string()),
  credentials: z.array(z.object({ type: z.string(), id: z.string().nullable() })),
  ...profileResponse,
});

const name = z.string().min(1).max(256);
const group_ids = z.array(z.string().max(64)).max(100);

/** `reuse_username` allows a name that belonged to another person. */
const naming = { username: z.string().max(256), reuse_username: z.boolean() };
const entered = { ...profilePatch, email_verified: z.boolean() };

const newUser = z.strictObject({
  name,
  group_ids: group_ids.default([]),
  local_only: z.boolean().default(false),
  ...z.object({ ...naming, ...entered }).partial().shape,
});
const patch = z.strictObject({ name, is_active: z.boolean(), group_ids, local_only: z.boolean(), ...naming, ...entered }).partial();

/** Approves as a new user, or merges into an existing one, who keeps their groups. */
const approval = z
  .strictObject({ group_ids: group_ids.optional(), merge_into: z.string().max(64).optional() })
  .refine(({ group_ids, merge_into }) => group_ids === undefined || merge_into === undefined, { path: ['merge_into'] });

export function userRoutes({ users, mergeUsers, localLogins }: Deps): ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      url: '/api/users',
      who: 'admin',
      summary: 'All users',
      query: pageQuery,
      answer: pageSchema(user),
      handle: ({ query }) => users.list(query),
    }),
    apiRoute({
      method: 'GET',
      url: '/api/users/:user_id',
      who: 'admin',
      summary: 'A user',
      answer: user,
      handle: ({ id }) => users.get(id('user_id')),
    }),
    apiRoute({
      method: 'POST',
      url: '/api/users',
      who: 'admin',
      summary: 'Create a user',
      errors: ['unknown_group', 'username_already_exists', 'username_retired', 'conflict', 'reauth_required'],
      example: { name: 'Grace Hopper', username: 'grace', email: 'grace@example.com' },
      body: newUser,
      status: 201,
      answer: user,
      handle: ({ body, actor }) => users.create(body, actor),
    }),
    apiRoute({
      method: 'PATCH',
      url: '/api/users/:user_id',
      who: 'admin',
      summary: 'Change a user',
      errors: [
        'unknown_group',
        'username_already_exists',
        'username_retired',
        'cannot_modify_owner',
        'cannot_deactivate_owner',
        'cannot_modify_system_generated',
        'conflict',
        'reauth_required',
      ],
      example: { local_only: true },
      body: patch,
      answer: user,
      handle: ({ id, body, actor }) => users.update(id('user_id'), body, actor),
    }),
    apiRoute({
      method: 'POST',
      url: '/api/users/:user_id/approve',
      who: 'approver',
      summary: 'Approve a waiting user, or merge them into an existing one',
      errors: ['not_pending', 'unknown_group', 'credential_exists', 'conflict', 'reauth_required'],
      example: { group_ids: ['system-users'] },
      body: approval,
      answer: user,
      handle: ({ id, body: { merge_into, ...body }, actor }) =>
        merge_into === undefined ? users.approve(id('user_id'), body, actor) : mergeUsers.approveInto(id('user_id'), merge_into, actor),
    }),
    apiRoute({
      method: 'POST',
      url: '/api/users/:user_id/decline',
      who: 'approver',
      summary: 'Delete somebody who still waits for approval',
      errors: ['not_pending', 'reauth_required'],
      handle: ({ id, actor }) => users.decline(id('user_id'), actor),
    }),
    apiRoute({
      method: 'DELETE',
      url: '/api/users/:user_id',
      who: 'admin',
      summary: 'Delete a user with everything they own',
      errors: ['no_delete_self', 'cannot_modify_owner', 'reauth_required'],
      handle: ({ id, actor }) => users.delete(id('user_id'), actor),
    }),
    ...loginRoutes(localLogins),
  ];
}

function loginRoutes(localLogins: LocalLogins): ApiRoute[] {
  const url = '/api/users/:user_id/login';
  return [
    apiRoute({
      method: 'POST',
      url,
      who: 'admin',
      summary: 'Give a user a local login',
      errors: [
        'credential_exists',
        'invalid_password',
        'username_already_exists',
        'username_not_normalized',
        'username_retired',
        'system_generated',
        'reauth_required',
      ],
      example: { username: 'bob', password: 'another good password' },
      body: z.strictObject({ username: z.string(), password: z.string(), reuse_username: z.boolean().optional() }),
      status: 201,
      answer: z.object({ username: z.string() }),
      handle: async ({ id, body, actor }) => ({ username: await localLogins.add(id('user_id'), body, actor) }),
    }),
    apiRoute({
      method: 'DELETE',
      url,
      who: 'admin',
      summary: 'Remove the local login of a user',
      errors: ['credentials_not_found', 'last_credential', 'reauth_required'],
      handle: ({ id, actor }) => localLogins.remove(id('user_id'), actor),
    }),
    apiRoute({
      method: 'PUT',
      url: `${url}/password`,
      who: 'owner',
      summary: 'Set the password of a local login',
      errors: ['credentials_not_found', 'invalid_password', 'reauth_required'],
      example: { password: 'another good password', sign_out: true },
      body: z.strictObject({ password: z.string(), sign_out: z.boolean().default(false) }),
      handle: ({ id, body, actor }) => localLogins.setPassword(id('user_id'), body, actor),
    }),
    apiRoute({
      method: 'PUT',
      url: `${url}/username`,
      who: 'owner',
      summary: 'Change the name of a local login',
      errors: ['credentials_not_found', 'username_already_exists', 'username_not_normalized', 'username_retired', 'reauth_required'],
      example: { username: 'robert' },
      body: z.strictObject({ username: z.string(), reuse_username: z.boolean().optional() }),
      handle: ({ id, body, actor }) => localLogins.setUsername(id('user_id'), body.username, actor, body.reuse_username),
    }),
  ];
}
