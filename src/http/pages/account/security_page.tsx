// The page that lists a person's second factors, with buttons to change them.

import { cleanText } from '../../../domain/text.ts';
import type { MfaEnrolmentEntry } from '../../../repository/mfa_enrolments.ts';
import { CSRF_FIELD } from '../../server/csrf.ts';
import { Layout, render } from '../components/layout.tsx';
import { formatDate, type Language } from '../language.ts';

interface Module {
  id: string;
  type: string;
  name: string;
  enabled: boolean;
}

export interface SecurityPage {
  language: Language;
  stylesheet: string;
  script: string;
  csrf: string;
  path: string;
  modules: readonly Module[];
  enrolments: readonly MfaEnrolmentEntry[];
  /** Whether to link to the approvals. */
  is_owner: boolean;
  /** The module to add or device to remove that was chosen before the fresh login. */
  resume: string | null;
}

type Common = Pick<SecurityPage, 'language' | 'csrf' | 'path'>;

/** Names are shown where a module allows several devices. */
function Rename({ language, csrf, path, id, name }: Common & { id: string; name: string }) {
  const field = `name-${id}`;
  return (
    <form method="post" action={`${path}/enrolments/${id}/rename`}>
      <input type="hidden" name={CSRF_FIELD} value={csrf} />
      <label for={field}>{language.t('security.name')}</label>
      <input id={field} name="name" type="text" required maxlength={256} value={name} />
      <button type="submit" class="second">
        {language.t('security.rename')}
      </button>
    </form>
  );
}

function Remove({ language, csrf, path, id, name }: Common & { id: string; name: string }) {
  const text = language.t('security.remove');
  return (
    <form method="post" action={`${path}/enrolments/${id}/remove`}>
      <input type="hidden" name={CSRF_FIELD} value={csrf} />
      <button type="submit" class="second" aria-label={`${text}: ${name}`}>
        {text}
      </button>
    </form>
  );
}

function Enrolled({ language, csrf, path, entry, module }: Common & { entry: MfaEnrolmentEntry; module: string }) {
  const { t } = language;
  const { id, name, created_at, last_used_at } = entry;
  const used = last_used_at === null ? '' : `, ${t('security.last_used', { date: formatDate(language, last_used_at) })}`;
  return (
    <li>
      <bdi>
        <strong>{name === null ? module : cleanText(`${module}: ${name}`)}</strong>
      </bdi>
      <p class="hint">
        {t('security.added', { date: formatDate(language, created_at) })}
        {used}
      </p>
      {name === null ? null : <Rename language={language} csrf={csrf} path={path} id={id} name={name} />}
      <Remove language={language} csrf={csrf} path={path} id={id} name={name ?? module} />
    </li>
  );
}

function Add({ language, csrf, path, module }: Common & { module: Module }) {
  const needs_passkeys = module.type === 'passkey' ? { hidden: true, 'data-needs-passkeys': '' } : {};
  const is_renewal = module.enabled && module.type !== 'passkey';
  return (
    <form method="post" action={`${path}/${module.id}/setup`} {...needs_passkeys}>
      <input type="hidden" name={CSRF_FIELD} value={csrf} />
      <button type="submit">{language.t(is_renewal ? 'security.renew' : 'security.add', { name: module.name })}</button>
    </form>
  );
}

/** Offers the choice made before the login again. */
function Resume({ modules, enrolments, resume, ...common }: Common & Pick<SecurityPage, 'modules' | 'enrolments' | 'resume'>) {
  const module = modules.find(({ id }) => id === resume);
  const entry = enrolments.find(({ id }) => id === resume);
  if (!module && !entry) return null;
  const name = modules.find(({ id }) => id === entry?.mfa_module_id)?.name ?? '';
  return (
    <section>
      <p>{common.language.t('security.resume')}</p>
      {module ? <Add {...common} module={module} /> : null}
      {entry ? <Remove {...common} id={entry.id} name={entry.name ?? name} /> : null}
    </section>
  );
}

export function securityPage({ stylesheet, script, modules, enrolments, resume, is_owner, ...common }: SecurityPage): string {
  const { language } = common;
  const { t } = language;
  const nameOf = ({ mfa_module_id }: MfaEnrolmentEntry) => modules.find(({ id }) => id === mfa_module_id)?.name ?? mfa_module_id;
  // Recovery codes are only useful beside another factor.
  const canAdd = ({ type }: Module) => type !== 'recovery_codes' || enrolments.length > 0;
  return render(
    <Layout language={language} title={t('page.security')} stylesheet={stylesheet} script={script}>
      <h1>{t('page.security')}</h1>
      <Resume {...common} modules={modules} enrolments={enrolments} resume={resume} />
      <p>{t('security.intro')}</p>
      {enrolments.length === 0 ? <p class="quiet">{t('security.none')}</p> : null}
      <ul class="factors">
        {enrolments.map((entry) => (
          <Enrolled {...common} entry={entry} module={nameOf(entry)} />
        ))}
      </ul>
      {modules.filter(canAdd).map((module) => (
        <Add {...common} module={module} />
      ))}
      <p class="other">
        <a href="/account/sessions">{t('page.sessions')}</a>
      </p>
      {is_owner ? (
        <p class="other">
          <a href="/admin/approvals">{t('page.approvals')}</a>
        </p>
      ) : null}
    </Layout>,
  );
}
