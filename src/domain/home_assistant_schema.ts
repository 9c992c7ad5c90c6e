// The shape of Home Assistant's `.storage` files (HA contract 2.5), as release 2026.11 and earlier
// ones write them. Keys that an import does not need are ignored.
import { z } from 'zod';
import { AuthError } from './errors.ts';

const MAX_ISSUES = 10;
const MAX_TEXT = 4096;

const id = z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 hexadecimal digits');
const text = z.string().max(MAX_TEXT);
const optionalText = text.nullish().transform((value) => value ?? null);
const flag = z.boolean().nullish();

const auth = z.object({
  users: z.array(
    z.object({
      id,
      name: optionalText,
      is_owner: flag.transform((value) => value ?? false),
      is_active: flag.transform((value) => value ?? false),
      system_generated: flag.transform((value) => value ?? false),
      local_only: flag.transform((value) => value ?? false),
      group_ids: z.array(text).default([]),
    }),
  ),
  groups: z.array(z.object({ id: text, name: optionalText, policy: z.unknown().optional() })).default([]),
  credentials: z
    .array(
      z.object({
        id,
        user_id: id,
        auth_provider_type: z.string().min(1).max(64),
        auth_provider_id: z
          .string()
          .min(1)
          .max(256)
          .nullish()
          .transform((value) => value ?? null),
        data: z.record(z.string(), z.unknown()).default({}),
      }),
    )
    .default([]),
  refresh_tokens: z
    .array(
      z.object({
        id,
        user_id: id,
        client_id: optionalText,
        client_name: optionalText,
        client_icon: optionalText,
        token_type: optionalText,
        created_at: optionalText,
        access_token_expiration: z.number(),
        token: text,
        jwt_key: optionalText,
        last_used_at: optionalText,
        last_used_ip: optionalText,
        expire_at: z
          .number()
          .nullish()
          .transform((value) => value ?? null),
        credential_id: id.nullish().transform((value) => value ?? null),
      }),
    )
    .default([]),
});

const local_logins = z.object({ users: z.array(z.object({ username: text, password: text })) });
const totp = z.object({ users: z.record(z.string(), text) });
const notify = z.object({ users: z.record(z.string(), z.object({ notify_service: optionalText, target: optionalText })) });
const people = z.object({ items: z.array(z.object({ user_id: optionalText, picture: optionalText })) });

/** Each file with the versions that are known; a later minor version adds keys only. */
const FILES = {
  auth: { versions: [1], data: auth },
  'auth_provider.homeassistant': { versions: [1], data: local_logins },
  'auth_module.totp': { versions: [1], data: totp },
  'auth_module.notify': { versions: [1], data: notify },
  person: { versions: [1, 2], data: people },
} as const;

export type StorageFileName = keyof typeof FILES;

/** The files that an import reads; only `auth` must exist. */
export const STORAGE_FILES = Object.keys(FILES) as StorageFileName[];

/** Files by their name, as parsed JSON. */
export type StorageFiles = Partial<Record<StorageFileName, unknown>>;

export type AuthFile = z.output<typeof auth>;

type Data<Name extends StorageFileName> = z.output<(typeof FILES)[Name]['data']>;

/** A file's content; undefined without the file. Throws `invalid_format` with name and path. */
export function readStorageFile<Name extends StorageFileName>(files: StorageFiles, name: Name): Data<Name> | undefined {
  const file = files[name];
  if (file === undefined) return undefined;
  const { versions, data } = FILES[name];
  const envelope = z.object({
    version: z.number().refine((version) => (versions as readonly number[]).includes(version), {
      error: ({ input }) => `version ${input} is not known; this release reads ${versions.join(' and ')}`,
    }),
    key: z.literal(name),
    data,
  });
  const parsed = envelope.safeParse(file);
  if (parsed.success) return parsed.data.data as Data<Name>;
  const issues = parsed.error.issues.slice(0, MAX_ISSUES).map(({ path, message }) => storageIssue(name, path, message));
  throw new AuthError('invalid_format', issues.join('; '));
}

/** `auth: data.users[3].id: must be …`. Values are not quoted: they may be secrets. */
function storageIssue(name: StorageFileName, path: readonly PropertyKey[], message: string): string {
  const place = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key).slice(0, 64)}`)).join('');
  return `${name}: ${place.replace(/^\./, '') || 'the file'}: ${message}`;
}

/** Throws `invalid_format` for a file whose parts contradict each other. */
export function refuseStorage(name: StorageFileName, path: string, message: string): never {
  throw new AuthError('invalid_format', `${name}: ${path}: ${message}`);
}
