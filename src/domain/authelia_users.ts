// Reads Authelia's users file (its file authentication backend, version 4): people with password
// hashes, e-mail addresses and group names.
import { z } from 'zod';
import { AuthError } from './errors.ts';
import type { ImportedGroup, ImportedPerson, ImportNote, ImportSource } from './import_source.ts';
import { SYSTEM_POLICIES } from './policy.ts';
import { isEmail, isPicture } from './profile.ts';
import { sha256 } from './secret.ts';
import { cleanText } from './text.ts';

const MAX_NAME_LENGTH = 256;
const MAX_ISSUES = 10;
const GROUP_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;

const text = z.string().max(4096);
const user = z.object({
  displayname: text.nullish(),
  password: text.nullish(),
  email: text.nullish(),
  picture: text.nullish(),
  disabled: z.boolean().nullish(),
  groups: z.array(text).nullish(),
});
const file = z.object({ users: z.record(text, user) });

type User = z.output<typeof user>;

/** `value`: the parsed YAML. Throws `invalid_format` with the path; values are not quoted. */
export function readAutheliaUsers(value: unknown): ImportSource {
  const parsed = file.safeParse(value);
  if (!parsed.success) {
    const issues = parsed.error.issues.slice(0, MAX_ISSUES).map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`);
    throw new AuthError('invalid_format', cleanText(issues.join('; '), 2000));
  }
  const people = Object.entries(parsed.data.users).map(([username, entry]) => personOf(username, entry));
  return { groups: groupsOf(people), people, notes: [{ code: 'no_second_factors' }] };
}

function personOf(username: string, { displayname, password, email, picture, disabled, groups }: User): ImportedPerson {
  const names = [...new Set(groups ?? [])];
  const usable = names.filter((name) => GROUP_ID.test(name) && !Object.hasOwn(SYSTEM_POLICIES, name));
  return {
    id: idOf(username, 'user'),
    name: cleanText(displayname || username, MAX_NAME_LENGTH) || null,
    is_owner: false,
    is_active: disabled !== true,
    system_generated: false,
    local_only: false,
    group_ids: usable,
    email: email && isEmail(email) ? email : null,
    picture: picture && isPicture(picture) ? picture : null,
    login: { credential_id: idOf(username, 'login'), username, password_hash: password?.replace(/^\{CRYPT\}/, '') || null },
    credentials: [],
    factors: [],
    grants: [],
    refusal: null,
    notes: names.filter((name) => !usable.includes(name)).map(groupNote),
  };
}

/** A group of Authelia is a name in its rules; what its members may do is decided here. */
function groupsOf(people: readonly ImportedPerson[]): ImportedGroup[] {
  const ids = new Set(people.flatMap(({ group_ids }) => group_ids));
  return [...ids].map((id) => ({ id, name: id, policy: {} }));
}

/** A built-in group would make administrators of people whom nobody here has made one. */
function groupNote(name: string): ImportNote {
  const group = cleanText(name);
  return Object.hasOwn(SYSTEM_POLICIES, name) ? { code: 'group_of_the_system', group } : { code: 'group_invalid', group };
}

/** The same in every import, so that a second one finds the person. */
function idOf(username: string, what: 'user' | 'login'): string {
  return sha256(JSON.stringify(['authelia', what, username])).toString('hex', 0, 16);
}
