// Imports people from Home Assistant and Authelia: reports who comes over, and brings them, each in
// one transaction. Repeating an import continues it; nobody who is here already is changed.
import { readAutheliaUsers } from '../domain/authelia_users.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { StorageFiles } from '../domain/home_assistant_schema.ts';
import { readHomeAssistantStorage } from '../domain/home_assistant_storage.ts';
import type { ImportedPerson, ImportSource } from '../domain/import_source.ts';
import { LOCAL_PROVIDER } from '../domain/local_provider.ts';
import { suggestedUsername, usernameCandidates } from '../domain/profile.ts';
import { randomId } from '../domain/secret.ts';
import { violatesConstraint } from '../postgres/constraint.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { CredentialRepository } from '../repository/credentials.ts';
import type { ImportRepository } from '../repository/imports.ts';
import type { LocalLoginRepository } from '../repository/local_logins.ts';
import type { MfaEnrolmentRepository } from '../repository/mfa_enrolments.ts';
import { USERNAME_INDEXES, type Usernames } from '../repository/usernames.ts';
import type { UserRepository } from '../repository/users.ts';
import { NO_PASSWORD_HASH } from '../secrets/password_hasher.ts';
import type { Sealer } from '../secrets/sealer.ts';
import { jwtKeyPlace } from '../tokens/imported_token.ts';
import { type Actor, auditActor, requireOwner } from './actor.ts';
import type { FreshLogin } from './fresh_login.ts';
import {
  type ImportOptions,
  type ImportPlan,
  type ImportTargets,
  moduleOf,
  type PlannedPerson,
  planImport,
  questionsOf,
} from './import_plan.ts';
import { type ImportReport, reportOf } from './import_report.ts';

export interface ImportsDeps {
  database: Pick<Database, 'transaction'>;
  imports: ImportRepository;
  users: Pick<UserRepository, 'create' | 'find' | 'updateProfile'>;
  usernames: Pick<Usernames, 'rename' | 'assign'>;
  localLogins: Pick<LocalLoginRepository, 'insert'>;
  credentials: Pick<CredentialRepository, 'insert'>;
  mfaEnrolments: Pick<MfaEnrolmentRepository, 'put'>;
  freshLogin: FreshLogin;
  sealer: Pick<Sealer, 'seal'>;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
  targets: ImportTargets;
}

export type RunOptions = ImportOptions & { apply: boolean };

type Transaction = Parameters<UserRepository['create']>[0];

export type Imports = ReturnType<typeof createImports>;

export function createImports(deps: ImportsDeps) {
  const { database, imports, users, usernames, localLogins, credentials, mfaEnrolments, sealer, audit, clock, targets } = deps;

  /** `read` throws `invalid_format`. */
  async function run(read: () => ImportSource, { apply, ...options }: RunOptions, actor: Actor): Promise<ImportReport> {
    requireOwner(actor);
    await deps.freshLogin.require(actor);
    const source = read();
    const plan = planImport(source, await imports.facts(questionsOf(source)), targets, options);
    if (!apply) return reportOf(plan, false);
    await addGroups(plan, actor);
    const people: PlannedPerson[] = [];
    for (const planned of plan.people) people.push(planned.outcome === 'import' ? await bring(planned, options, actor) : planned);
    return reportOf({ ...plan, people }, true);
  }

  async function addGroups({ new_groups }: ImportPlan, actor: Actor): Promise<void> {
    if (new_groups.length === 0) return;
    await database.transaction(async (trx) => {
      for (const group of new_groups) {
        if (!(await imports.addGroup(trx, group, clock()))) continue;
        await audit.insert(trx, { type: 'group.imported', ...auditActor(actor), detail: { id: group.id, name: group.name } });
      }
    });
  }

  /** Brings a person with everything of theirs, or nothing. */
  async function bring(planned: PlannedPerson, options: ImportOptions, actor: Actor): Promise<PlannedPerson> {
    try {
      await database.transaction((trx) => insert(trx, planned, options, actor));
      return planned;
    } catch (error) {
      if (!isOvertaken(error)) throw error;
      // Either a parallel import was first, or somebody else took the name or login.
      if (await users.find(planned.person.id)) return { ...planned, outcome: 'present', notes: [] };
      return { ...planned, outcome: 'refused', reason: { code: 'changed_meanwhile' } };
    }
  }

  async function insert(trx: Transaction, { person, username }: PlannedPerson, options: ImportOptions, actor: Actor): Promise<void> {
    const { id: user_id, name, is_owner, is_active, local_only, system_generated, group_ids, email, picture } = person;
    const now = clock();
    const row = { id: user_id, name, is_owner, is_active, is_pending: false, local_only, system_generated };
    // It was inserted by somebody else, or a group or the owner's place is gone.
    requireDone((await users.create(trx, { ...row, created_at: now, created_by: actor.user_id }, group_ids)) === 'made');
    await users.updateProfile(trx, user_id, { picture, ...(email !== null && { email, email_verified: true }) });
    if (username !== null && person.login) {
      const renamed = await usernames.rename(trx, { user_id, to: username, now, reuse_retired: options.reuse_usernames });
      requireDone(renamed === 'renamed');
      requireDone(await localLogins.insert(trx, { username, password_hash: person.login.password_hash ?? NO_PASSWORD_HASH, now }));
      const { credential_id } = person.login;
      const login = { id: credential_id, user_id, ...LOCAL_PROVIDER, subject: username, data: { username }, created_at: now };
      requireDone(await credentials.insert(trx, login));
    } else await assignUsername(trx, person);
    for (const credential of person.credentials) requireDone(await credentials.insert(trx, { ...credential, user_id, created_at: now }));
    for (const factor of person.factors) {
      const { type, ...secret } = factor;
      const mfa_module_id = moduleOf(factor, targets)?.id ?? type;
      const enrolment = { id: randomId(), user_id, mfa_module_id, name: null, device_id: null, created_at: now };
      // No code was used here yet.
      requireDone(
        await mfaEnrolments.put(
          trx,
          { ...enrolment, secret: { ...secret, ...(type === 'totp' && { last_step: 0 }) } },
          { replaces: false },
        ),
      );
    }
    await imports.addGrants(
      trx,
      person.grants.map((grant) => grantRow(grant, person)),
    );
    const detail = { name, username, group_ids, is_owner, grants: person.grants.length, factors: person.factors.length };
    await audit.insert(trx, { type: 'user.imported', ...auditActor(actor), target_user_id: user_id, detail });
  }

  /** For somebody without a local login: what the provider calls them, or their name. */
  async function assignUsername(trx: Transaction, { id: user_id, name, system_generated, credentials: [first] }: ImportedPerson) {
    if (system_generated) return;
    const data = first && first.data.user_id === undefined ? first.data : {};
    const base = suggestedUsername({ data, name });
    if (base !== null) await usernames.assign(trx, { user_id, candidates: usernameCandidates(base, user_id) });
  }

  /** A login that stays behind is no longer the grant's. It proved nothing to this server. */
  function grantRow({ jwt_key, ...grant }: ImportedPerson['grants'][number], { id: user_id, login, credentials: others }: ImportedPerson) {
    const logins = [...others.map(({ id }) => id), ...(login ? [login.credential_id] : [])];
    const credential_id = grant.credential_id !== null && logins.includes(grant.credential_id) ? grant.credential_id : null;
    const sealed = jwt_key === null ? null : sealer.seal(jwt_key, jwtKeyPlace(grant.id));
    return { ...grant, user_id, credential_id, auth_time: grant.created_at, amr: [], jwt_key: sealed };
  }

  return {
    /** From the files of `.storage`. Throws `invalid_format` with file and path. */
    homeAssistant: (files: StorageFiles, options: RunOptions, actor: Actor): Promise<ImportReport> =>
      run(() => readHomeAssistantStorage(files, clock()), options, actor),

    /** From Authelia's users file, as parsed YAML. Throws `invalid_format` with the path. */
    authelia: (file: unknown, options: RunOptions, actor: Actor): Promise<ImportReport> =>
      run(() => readAutheliaUsers(file), options, actor),
  };
}

/** Ends the transaction, since a condition of the plan no longer holds. */
function requireDone(done: boolean): void {
  if (!done) throw new AuthError('conflict', 'Changed during the import');
}

function isOvertaken(error: unknown): boolean {
  return (error instanceof AuthError && error.code === 'conflict') || USERNAME_INDEXES.some((index) => violatesConstraint(error, index));
}
