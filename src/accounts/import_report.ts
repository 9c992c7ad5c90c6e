// The report of an import in terms of people; the command line and the API show the same.
import { type ImportedPerson, type ImportNote, noteText } from '../domain/import_source.ts';
import { ADMIN_GROUP } from '../domain/user.ts';
import type { ImportPlan, PlannedPerson } from './import_plan.ts';

/** A note with its words. */
type ImportReportNote = ImportNote & { text: string };

export interface ImportReportPerson {
  id: string;
  name: string | null;
  username: string | null;
  role: 'owner' | 'administrator' | 'person' | 'system';
  is_active: boolean;
  outcome: PlannedPerson['outcome'];
  /** Why somebody is refused. */
  reason: ImportReportNote | null;
  notes: ImportReportNote[];
  /** A local login, and whether it has a password. */
  has_login: boolean;
  has_password: boolean;
  /** Types of the other providers and of the second factors. */
  providers: string[];
  factors: string[];
  refresh_tokens: number;
  long_lived_access_tokens: number;
}

export interface ImportReport {
  /** False for a dry run. */
  applied: boolean;
  people: ImportReportPerson[];
  /** Names of the groups that are added. */
  groups: string[];
  notes: ImportReportNote[];
}

/** `applied`: whether it was an import and no dry run. */
export function reportOf({ people, new_groups, notes }: ImportPlan, applied: boolean): ImportReport {
  return { applied, people: people.map(entryOf), groups: new_groups.map(({ name }) => name), notes: notes.map(withText) };
}

function entryOf({ person, outcome, reason, notes, username }: PlannedPerson): ImportReportPerson {
  const { id, name, is_active, login, credentials, factors, grants } = person;
  const long_lived = grants.filter(({ token_type }) => token_type === 'long_lived_access_token').length;
  return {
    ...{ id, name, username, role: roleOf(person), is_active, outcome },
    reason: reason && withText(reason),
    notes: notes.map(withText),
    has_login: login !== null,
    has_password: login !== null && login.password_hash !== null,
    providers: credentials.map(({ auth_provider_type }) => auth_provider_type),
    factors: factors.map(({ type }) => type),
    refresh_tokens: grants.length - long_lived,
    long_lived_access_tokens: long_lived,
  };
}

function roleOf({ is_owner, system_generated, group_ids }: ImportedPerson): ImportReportPerson['role'] {
  if (is_owner) return 'owner';
  if (system_generated) return 'system';
  return group_ids.includes(ADMIN_GROUP) ? 'administrator' : 'person';
}

function withText(note: ImportNote): ImportReportNote {
  return { ...note, text: noteText(note) };
}
