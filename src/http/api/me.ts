// /api/me: the caller's profile, refresh tokens, long-lived access tokens and password.

import { z } from 'zod';
import type { LocalLogins } from '../../accounts/local_logins.ts';
import type { Me } from '../../accounts/me.ts';
import type { RefreshTokens } from '../../accounts/refresh_tokens.ts';
import { providerKeyText } from '../../domain/auth_provider.ts';
import { LOCAL_PROVIDER } from '../../domain/local_provider.ts';
import type { Throttle } from '../../login/throttle.ts';
import { type ApiRoute, apiRoute, pageQuery, pageSchema } from './api_route.ts';
import { profilePatch, profileResponse } from './profile.ts';

interface Deps {
  me: Me;
  refreshTokens: RefreshTokens;
  localLogins: LocalLogins;
  throttle: Pick<Throttle, 'attempt'>;
}

/** Guesses here count like those of the local login. */
const LOCAL_KEY = providerKeyText(LOCAL_PROVIDER);

const profile = z.object({
  id: z.string(),
  name: z.string().nullable(),
  is_owner: z.boolean(),
  is_admin: z.boolean(),
  credentials: z.array(z.object({ auth_provider_type: z.string(), auth_provider_id: z.string().nullable() })),
  mfa_modules: z.array(z.object({ id: z.string(), name: z.string(), enabled: z.boolean() })),
  username: z.string().nullable(),
  ...profileResponse,
});

/** Usernames are changed by the owner under /api/users. */
const ownPatch = z.strictObject({ name: z.string().min(1).max(256), ...profilePatch }).partial();

const refreshToken = z.object({
  id: z.string(),
  client_id: z.string().nullable(),
  client_name: z.string().nullable(),
  client_icon: z.string().nullable(),
  type: z.enum(['normal', 'long_lived_access_token', 'system']),
  created_at: z.date(),
  last_used_at: z.date().nullable(),
  last_used_ip: z.string().nullable(),
  expire_at: z.date().nullable(),
  is_current: z.boolean(),
  auth_provider_type: z.string().nullable(),
  auth_provider_id: z.string().nullable(),
});

const deleteAll = z.strictObject({
  token_type: z.enum(['normal', 'long_lived_access_token']).optional(),
  delete_current_token: z.boolean().default(true),
});

const newLongLived = z.strictObject({
  client_name: z.string().min(1).max(256),
  /** In days. */
  lifespan: z.int().min(1).max(3650).default(3650),
  client_icon: z.string().max(256).optional(),
});

export function meRoutes({ me, refreshTokens, localLogins, throttle }: Deps): ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      url: '/api/me',
      who: 'anyone',
      summary: 'Your profile',
      answer: profile,
      handle: ({ caller }) => me.get(caller),
    }),
    apiRoute({
      method: 'PATCH',
      url: '/api/me',
      who: 'anyone',
      summary: 'Change your profile',
      errors: ['reauth_required', 'conflict'],
      example: { name: 'Ada Lovelace', locale: 'en-GB' },
      body: ownPatch,
      answer: profile,
      handle: ({ caller, body, actor }) => me.update(caller, body, actor),
    }),
    apiRoute({
      method: 'GET',
      url: '/api/me/refresh_tokens',
      who: 'anyone',
      summary: 'Your refresh tokens and long-lived access tokens',
      query: pageQuery,
      answer: pageSchema(refreshToken),
      handle: ({ caller, query }) => refreshTokens.list(caller.user.id, { ...query, current_id: caller.refresh_token_id }),
    }),
    apiRoute({
      method: 'DELETE',
      url: '/api/me/refresh_tokens/:refresh_token_id',
      who: 'anyone',
      summary: 'Revoke one of your tokens',
      errors: ['invalid_token_id'],
      handle: ({ caller, actor, id }) => refreshTokens.revoke(caller.user.id, id('refresh_token_id'), actor),
    }),
    apiRoute({
      method: 'PATCH',
      url: '/api/me/refresh_tokens/:refresh_token_id',
      who: 'anyone',
      summary: 'Turn the expiry of an unused token on or off',
      example: { enable_expiry: false },
      body: z.strictObject({ enable_expiry: z.boolean() }),
      answer: refreshToken,
      handle: ({ caller, actor, id, body }) =>
        refreshTokens.setExpiry(caller.user.id, id('refresh_token_id'), body.enable_expiry, actor, caller.refresh_token_id),
    }),
    apiRoute({
      method: 'POST',
      url: '/api/me/refresh_tokens/delete_all',
      who: 'anyone',
      summary: 'Revoke all your tokens, or all of a type',
      example: { token_type: 'long_lived_access_token' },
      body: deleteAll,
      handle: ({ caller, actor, body }) => refreshTokens.revokeAll(caller.user.id, { ...body, current_id: caller.refresh_token_id }, actor),
    }),
    apiRoute({
      method: 'POST',
      url: '/api/me/long_lived_access_tokens',
      who: 'anyone',
      summary: 'Create a long-lived access token (shown only once)',
      errors: ['name_in_use', 'reauth_required'],
      example: { client_name: 'Backup script', lifespan: 90 },
      body: newLongLived,
      status: 201,
      answer: z.object({ token: z.string(), refresh_token_id: z.string() }),
      handle: ({ caller, actor, body }) => refreshTokens.createLongLived(caller, body, actor),
    }),
    apiRoute({
      method: 'POST',
      url: '/api/me/password',
      who: 'anyone',
      summary: 'Change your password',
      errors: ['invalid_password', 'invalid_current_password', 'credentials_not_found', 'reauth_required'],
      example: { current_password: 'a good long password', new_password: 'another good password' },
      body: z.strictObject({ current_password: z.string(), new_password: z.string(), sign_out_others: z.boolean().default(false) }),
      handle: ({ caller, body, actor }) =>
        localLogins.changeOwnPassword(caller.user.id, { ...body, current_id: caller.refresh_token_id }, actor, (username, guess) =>
          throttle.attempt(actor.remote_address ?? '', `${LOCAL_KEY}:${username}`, guess, { queue: LOCAL_KEY }),
        ),
    }),
  ];
}
