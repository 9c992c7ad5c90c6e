// The settings of a directory and the rules between them.
import { FilterParser } from 'ldapts';
import { z } from 'zod';
import { type SchemaRule, withRules } from '../../domain/schema_rules.ts';
import { escapeFilterValue, fillTemplate } from './text.ts';

const text = () => z.string().min(1).max(1024);
const attribute = () => z.string().regex(/^[A-Za-z][A-Za-z0-9;.-]{0,127}$/, 'must be the name of an attribute');
const filter = () => text().refine(isFilter, 'must be a filter such as (uid={username}), with every parenthesis closed');
const has = (place: string) => (template: string) => template.includes(`{${place}}`);

const settings = z.object({
  url: z.string().regex(/^ldaps?:\/\/([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?\/?$/, 'must be a URL such as ldaps://ldap.example.com'),
  /**
   * Encrypts the connection to an ldap URL with StartTLS. Only an explicit `false` sends passwords
   * unencrypted.
   */
  start_tls: z.boolean().optional(),
  /** The certificate authority; default: the well-known ones. */
  ca_file: z.string().min(1).max(4096).meta({ path: true, holds: 'certificates' }).optional(),
  /** The name in the certificate, if it is not the URL's host. */
  server_name: z.string().min(1).max(253).optional(),
  /** The account for searching; default: anonymous. */
  bind_dn: text().optional(),
  bind_password: z.string().min(1).max(4096).meta({ secret: true }).optional(),
  base_dn: text().optional(),
  user_filter: filter().refine(has('username'), 'must have {username} in it').default('(uid={username})'),
  /** The person's DN, instead of a search. */
  user_dn: text()
    .regex(/^[^=,]+=.*\{username\}/, 'must be a name such as uid={username},ou=people,dc=example,dc=com')
    .optional(),
  /** The attributes of a person; `dn` is the entry's own name. */
  attributes: z
    .strictObject({
      /** Unique and permanent; identifies the credential. */
      subject: attribute().default('entryUUID'),
      username: attribute().default('uid'),
      name: attribute().default('cn'),
      email: attribute().default('mail'),
      groups: attribute().optional(),
    })
    .prefault({}),
  group_base_dn: text().optional(),
  group_filter: filter().default('(member={dn})'),
  group_name: attribute().default('cn'),
  nested_groups: z.boolean().default(false),
  /** Whether `attributes.email` counts as verified; not if people can edit their own entry. */
  trust_email: z.boolean().default(false),
  /** Only its members may log in. */
  required_group: text().optional(),
});

export type LdapConfig = z.infer<typeof settings>;

const RULES: SchemaRule<LdapConfig>[] = [
  [
    'start_tls',
    'is for ldap URLs: a ldaps URL is encrypted from the start',
    ({ url, start_tls }) => !(start_tls && url.startsWith('ldaps:')),
  ],
  ['base_dn', 'is required, or user_dn', ({ base_dn, user_dn }) => base_dn !== undefined || user_dn !== undefined],
  ['user_dn', 'give either base_dn or user_dn, not both', ({ base_dn, user_dn }) => base_dn === undefined || user_dn === undefined],
  [
    'bind_password',
    'goes with bind_dn: give both or neither',
    ({ bind_dn, bind_password }) => (bind_dn === undefined) === (bind_password === undefined),
  ],
  [
    'bind_dn',
    'is used for searching with base_dn; user_dn needs no search',
    ({ bind_dn, base_dn }) => bind_dn === undefined || base_dn !== undefined,
  ],
  [
    'group_filter',
    'must have {dn} in it for nested_groups',
    ({ nested_groups, group_filter }) => !nested_groups || has('dn')(group_filter),
  ],
];

export const ldapConfig = withRules(settings, RULES);

/** Whether it parses with placeholders only in values, where an escaped value is safe. */
function isFilter(template: string): boolean {
  // The parser tolerates a missing parenthesis at the end.
  if (template.split('(').length !== template.split(')').length) return false;
  try {
    return FilterParser.parseString(fillTemplate(template, { username: '(', dn: '(' }, escapeFilterValue)) !== null;
  } catch {
    return false;
  }
}
