// /api/me/sessions: the caller's browser sessions; /api/users/{id}/sessions: the same for
// administrators.

import { z } from 'zod';
import type { UserSessions } from '../../accounts/user_sessions.ts';
import { type ApiRoute, apiRoute, pageQuery, pageSchema } from './api_route.ts';

const session = z.object({
  id: z.string(),
  created_at: z.date(),
  last_used_at: z.date(),
  expires_at: z.date(),
  /** The browser's address at login. */
  remote_address: z.string(),
  user_agent: z.string().nullable(),
  auth_provider_type: z.string(),
  auth_provider_id: z.string().nullable(),
  /** Apps that the person logged in to in this session. */
  clients: z.array(z.object({ client_id: z.string(), client_name: z.string().nullable() })),
  /** Whether the caller's access token belongs to it. */
  is_current: z.boolean(),
});

export function sessionRoutes(userSessions: UserSessions): ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      url: '/api/me/sessions',
      who: 'anyone',
      summary: 'Your browser sessions',
      query: pageQuery,
      answer: pageSchema(session),
      handle: ({ caller: { user, refresh_token_id }, query }) => userSessions.list(user.id, query, { refresh_token_id }),
    }),
    apiRoute({
      method: 'DELETE',
      url: '/api/me/sessions/:session_id',
      who: 'anyone',
      summary: 'End one of your browser sessions',
      handle: ({ caller, actor, id }) => userSessions.end(caller.user.id, id('session_id'), actor),
    }),
    apiRoute({
      method: 'GET',
      url: '/api/users/:user_id/sessions',
      who: 'admin',
      summary: 'The browser sessions of a user',
      query: pageQuery,
      answer: pageSchema(session),
      handle: ({ id, query, caller: { refresh_token_id } }) => userSessions.list(id('user_id'), query, { refresh_token_id }),
    }),
    apiRoute({
      method: 'DELETE',
      url: '/api/users/:user_id/sessions/:session_id',
      who: 'admin',
      summary: 'End a browser session of a user',
      errors: ['cannot_modify_owner'],
      handle: ({ id, actor }) => userSessions.end(id('user_id'), id('session_id'), actor),
    }),
  ];
}
