// POST /api/import/home-assistant: the owner uploads the files of `.storage` in one JSON object, by
// their names. The command line does the same.

import { z } from 'zod';
import type { Imports } from '../../accounts/imports.ts';
import { AuthError } from '../../domain/errors.ts';
import { STORAGE_FILES, type StorageFiles } from '../../domain/home_assistant_schema.ts';
import { MAX_IMPORT_SIZE } from '../../domain/import_source.ts';
import { type ApiRoute, apiRoute } from './api_route.ts';

const files = z.strictObject(Object.fromEntries(STORAGE_FILES.map((name) => [name, z.looseObject({}).optional()])));

const flag = z.enum(['true', 'false']).default('false');
const options = z.strictObject({ apply: flag, without_tokens: flag, reuse_usernames: flag });

const note = z.looseObject({ code: z.string(), text: z.string() });

const report = z.object({
  /** False for a dry run. */
  applied: z.boolean(),
  people: z.array(
    z.object({
      id: z.string(),
      name: z.string().nullable(),
      username: z.string().nullable(),
      role: z.enum(['owner', 'administrator', 'person', 'system']),
      is_active: z.boolean(),
      outcome: z.enum(['import', 'present', 'refused']),
      reason: note.nullable(),
      notes: z.array(note),
      has_login: z.boolean(),
      has_password: z.boolean(),
      providers: z.array(z.string()),
      factors: z.array(z.string()),
      refresh_tokens: z.number(),
      long_lived_access_tokens: z.number(),
    }),
  ),
  groups: z.array(z.string()),
  notes: z.array(note),
});

export function importRoutes(imports: Pick<Imports, 'homeAssistant'>): ApiRoute[] {
  // An upload may take hundreds of megabytes of memory while it is read.
  let is_running = false;

  return [
    apiRoute({
      method: 'POST',
      url: '/api/import/home-assistant',
      who: 'owner',
      summary: 'Import people from Home Assistant; without `apply=true` only report who would come over',
      errors: ['conflict'],
      body_limit: MAX_IMPORT_SIZE,
      takes_long: true,
      example: { auth: { version: 1, key: 'auth', data: { users: [] } } },
      body: files,
      query: options,
      answer: report,
      async handle({ body, query, actor }) {
        if (is_running) throw new AuthError('conflict', 'Another import is running');
        is_running = true;
        try {
          const { apply, without_tokens, reuse_usernames } = query;
          const chosen = {
            apply: apply === 'true',
            without_tokens: without_tokens === 'true',
            reuse_usernames: reuse_usernames === 'true',
          };
          return await imports.homeAssistant(body as StorageFiles, chosen, actor);
        } finally {
          is_running = false;
        }
      },
    }),
  ];
}
