// LDAP directories (RFC 4511), including Active Directory: users log in by binding. Each login has
// its own connection, bounded in time and data. Errors of the directory never count as a wrong
// password.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { addAbortSignal } from 'node:stream';
import tls from 'node:tls';
import { Client, type Entry, InvalidCredentialsError, ResultCodeError, type SearchOptions } from 'ldapts';
import {
  type AuthProviderType,
  type CommonProviderConfig,
  configuredProvider,
  type Identity,
  type ProviderErrorCode,
  type ProviderStep,
  providerKeyText,
} from '../../domain/auth_provider.ts';
import { createCircuitBreaker } from '../../domain/circuit_breaker.ts';
import { deadline } from '../../domain/deadline.ts';
import { AuthError } from '../../domain/errors.ts';
import type { FormField } from '../../domain/form.ts';
import { cleanText, foldCase, pythonStrip } from '../../domain/text.ts';
import { usernameComplaint } from '../../domain/user.ts';
import { type LdapConfig, ldapConfig } from './config.ts';
import { attributesOf, attributeValues, binaryAttributes } from './entry.ts';
import { normalizeGroupName } from './group.ts';
import { comparableName, escapeDnValue, escapeFilterValue, fillTemplate } from './text.ts';

const CONNECT_MS = 3000;
const LOGIN_MS = 5000;
/** Maximum bytes read per connection. */
const MAX_BYTES = 1024 * 1024;
const BREAKER = { failures: 5, pause: 30, calls: 64 };
/** Limits on nesting, groups per person, and names per query; the rest is ignored. */
const MAX_DEPTH = 10;
const MAX_GROUPS = 1000;
const MAX_BATCH = 50;
const START_TLS = '1.3.6.1.4.1.1466.20037';

const FORM: FormField[] = [
  { type: 'string', name: 'username', required: true },
  { type: 'string', name: 'password', required: true },
];

type Refusal = { error: ProviderErrorCode; detail: string };
type Outcome = { identity: Identity } | Refusal;

export const provider: AuthProviderType<CommonProviderConfig & LdapConfig> = {
  type: 'ldap',
  default_name: 'LDAP',
  config: ldapConfig,
  create(settings, { clock, warn }) {
    const configured = configuredProvider(settings, provider.default_name);
    const breaker = createCircuitBreaker({ clock, ...BREAKER });

    async function login(username: string, password: string): Promise<Outcome> {
      // RFC 4513 section 5.1.2: a bind with an empty password succeeds anonymously.
      if (password === '' || password.includes('\0')) return refused('the password is empty or has a NUL in it');
      const complaint = usernameComplaint(username);
      if (complaint !== null) return refused(complaint);
      try {
        return await breaker(() => ask(username, password));
      } catch (error) {
        return unavailable(reasonOf(error));
      }
    }

    async function ask(username: string, password: string): Promise<Outcome> {
      const told = (detail: string) => warn(`auth provider ${providerKeyText(configured)}: ${detail}`);
      try {
        const outcome = await withDirectory(settings, (client) => logIn(client, settings, username, password));
        if (isUnavailable(outcome)) told(outcome.detail);
        return outcome;
      } catch (error) {
        told(reasonOf(error));
        throw error;
      }
    }

    /** As typed, and then in Unicode form NFC, which most directories store. */
    async function loginAsTyped(username: string, password: string): Promise<Outcome> {
      const outcome = await login(username, password);
      const [name, secret] = [username.normalize('NFC'), password.normalize('NFC')];
      if ('identity' in outcome || isUnavailable(outcome) || (name === username && secret === password)) return outcome;
      return await login(name, secret);
    }

    return {
      ...configured,
      normalizeGroupName,
      support_mfa: true,
      refusal: () => null,
      async step({ values, context }) {
        if (!values) return form({});
        const username = pythonStrip(values.username ?? '');
        let outcome = refused('there were too many failed logins');
        try {
          await context.attempt(comparableName(username), async () => {
            outcome = await loginAsTyped(username, values.password ?? '');
            // A guess without a verdict throws and is not counted.
            if (isUnavailable(outcome)) throw new AuthError('unavailable', 'The directory is not available');
            return 'identity' in outcome;
          });
        } catch (error) {
          if (!isUnavailable(outcome)) throw error;
        }
        if ('identity' in outcome) return { type: 'identity', identity: outcome.identity };
        return form({ base: outcome.error }, outcome.detail);
      },
    };
  },
};

function form(errors: { base?: ProviderErrorCode }, detail?: string): ProviderStep {
  return { type: 'form', step_id: 'init', data_schema: FORM, errors, ...(detail !== undefined && { detail }) };
}

const refused = (detail: string): Outcome => ({ error: 'invalid_auth', detail });
const unavailable = (detail: string): Outcome => ({ error: 'provider_unavailable', detail });

function isUnavailable(outcome: Outcome): outcome is Refusal {
  return 'error' in outcome && outcome.error === 'provider_unavailable';
}

function reasonOf(error: unknown): string {
  if (error instanceof AuthError) return error.detail ?? error.description;
  if (!(error instanceof Error)) return 'unknown error';
  if (error.name === 'AbortError')
    return `no answer within ${CONNECT_MS / 1000} seconds of connecting or ${LOGIN_MS / 1000} of the whole login`;
  return cleanText(error.message || ('code' in error ? String(error.code) : error.name));
}

/** One login at a directory. Its answers are outcomes; failures to answer throw. */
async function logIn(client: Client, config: LdapConfig, username: string, password: string): Promise<Outcome> {
  try {
    return await (config.user_dn === undefined
      ? searchThenBind(client, config, username, password)
      : bindDirectly(client, config, config.user_dn, username, password));
  } catch (error) {
    if (error instanceof InvalidCredentialsError) return unavailable('the directory refuses bind_dn with bind_password');
    if (error instanceof ResultCodeError) return unavailable(reasonOf(error));
    throw error;
  }
}

async function searchThenBind(client: Client, config: LdapConfig, username: string, password: string): Promise<Outcome> {
  const { bind_dn = '', bind_password = '', base_dn = '' } = config;
  await client.bind(bind_dn, bind_password);
  const filter = fillTemplate(config.user_filter, { username }, escapeFilterValue);
  const [entry, ...others] = await search(client, base_dn, {
    filter,
    scope: 'sub',
    sizeLimit: 2,
    attributes: attributesOf(Object.values(config.attributes)),
  });
  if (!entry || others.length > 0) return refused(entry ? 'several entries match user_filter' : 'no entry matches user_filter');
  if (!(await isPassword(client, entry.dn, password))) return refused('the directory refused the password');
  await client.bind(bind_dn, bind_password);
  return await identify(client, config, username, entry);
}

async function bindDirectly(client: Client, config: LdapConfig, template: string, username: string, password: string): Promise<Outcome> {
  const dn = fillTemplate(template, { username }, escapeDnValue);
  if (!(await isPassword(client, dn, password))) return refused('the directory refused the name or the password');
  const [entry] = await search(client, dn, { scope: 'base', sizeLimit: 1, attributes: attributesOf(Object.values(config.attributes)) });
  return entry ? await identify(client, config, username, entry) : unavailable(`the entry ${dn} is not readable, not even by its owner`);
}

/**
 * Result codes that mean a refused login (RFC 4511 appendix A.2): limits, no such entry, malformed
 * name, missing or wrong password, no right to bind, locked entry.
 */
const REFUSALS = [19, 32, 34, 48, 49, 50, 53];

async function isPassword(client: Client, dn: string, password: string): Promise<boolean> {
  if (dn === '') return false;
  try {
    await client.bind(dn, password);
    return true;
  } catch (error) {
    if (error instanceof ResultCodeError && REFUSALS.includes(error.code)) return false;
    throw error;
  }
}

async function identify(client: Client, config: LdapConfig, typed: string, entry: Entry): Promise<Outcome> {
  const { attributes, group_base_dn, required_group, trust_email } = config;
  const [subject, ...others] = attributeValues(entry, attributes.subject);
  // Never another attribute instead: names can be reassigned to another person.
  if (!subject || others.length > 0)
    return unavailable(`${entry.dn} has ${subject ? 'several values' : 'no value'} of ${attributes.subject}`);
  const usernames = attributeValues(entry, attributes.username);
  const username = usernames.find((name) => foldCase(name) === foldCase(typed)) ?? usernames[0] ?? typed;
  const named = attributes.groups === undefined ? [] : attributeValues(entry, attributes.groups);
  const found = group_base_dn === undefined ? [] : await searchGroups(client, config, group_base_dn, { dn: entry.dn, username });
  const groups = [...new Set([...named, ...found.map(({ name }) => name)])].slice(0, MAX_GROUPS);
  const known = new Set([...groups, ...found.map(({ dn }) => dn)].map(normalizeGroupName));
  if (required_group !== undefined && !known.has(normalizeGroupName(required_group)))
    return refused(`${entry.dn} is not in ${required_group}`);
  const [name = ''] = attributeValues(entry, attributes.name);
  const [email = null] = attributeValues(entry, attributes.email);
  const mail = trust_email ? { email, email_verified: true } : { unverified_email: email };
  return { identity: { subject, data: { username }, name: cleanText(name) || null, ...mail, groups, amr: ['pwd'] } };
}

/** The person's groups and, with `nested_groups`, the groups containing those, and so on. */
async function searchGroups(client: Client, config: LdapConfig, base: string, person: { dn: string; username: string }) {
  const groups = new Map<string, { dn: string; name: string }>();
  let members = [person.dn];
  for (let depth = 0; members.length > 0 && depth < (config.nested_groups ? MAX_DEPTH : 1); depth += 1) {
    const above: string[] = [];
    for (let start = 0; start < members.length; start += MAX_BATCH) {
      const batch = members.slice(start, start + MAX_BATCH);
      const filters = batch.map((dn) => fillTemplate(config.group_filter, { ...person, dn }, escapeFilterValue));
      const options: SearchOptions = { scope: 'sub', sizeLimit: MAX_GROUPS, attributes: attributesOf([config.group_name]) };
      for (const entry of await search(client, base, { ...options, filter: `(|${filters.map(inParentheses).join('')})` })) {
        const key = normalizeGroupName(entry.dn);
        if (groups.has(key) || groups.size >= MAX_GROUPS) continue;
        groups.set(key, { dn: entry.dn, name: attributeValues(entry, config.group_name)[0] ?? entry.dn });
        above.push(entry.dn);
      }
    }
    members = above;
  }
  return [...groups.values()];
}

/** Referrals to other servers are ignored. */
async function search(client: Client, base: string, options: SearchOptions): Promise<Entry[]> {
  const explicitBufferAttributes = binaryAttributes(options.attributes ?? []);
  const { searchEntries } = await client.search(base, { timeLimit: LOGIN_MS / 1000, explicitBufferAttributes, ...options });
  return searchEntries;
}

function inParentheses(filter: string): string {
  return filter.startsWith('(') ? filter : `(${filter})`;
}

/** Opens a connection, and closes it after the work, an error or the time limit. */
async function withDirectory<T>(config: LdapConfig, work: (client: Client) => Promise<T>): Promise<T> {
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(), LOGIN_MS);
  try {
    const socket = await connect(config, end.signal);
    const client = clientOver(socket);
    const result = await work(client);
    await client.unbind();
    return result;
  } catch (error) {
    end.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    end.abort();
  }
}

function clientOver(socket: net.Socket): Client {
  const open = () => {
    if (socket.destroyed) throw new Error('the directory closed the connection');
    return socket;
  };
  return new Client({ url: 'ldap://directory', createConnection: open });
}

async function connect({ url, start_tls = true, ca_file, server_name }: LdapConfig, end: AbortSignal): Promise<net.Socket> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const encrypted = protocol === 'ldaps:';
  const soon = deadline(CONNECT_MS, end);
  const opened = async <S extends net.Socket>(socket: S, event: string): Promise<S> => {
    bound(socket, end);
    await once(socket, event, { signal: soon });
    return socket;
  };
  const ca = ca_file === undefined ? undefined : await readFile(ca_file, { signal: soon });
  const socket = await opened(net.connect({ host, port: Number(port || (encrypted ? 636 : 389)) }), 'connect');
  if (!encrypted && !start_tls) return socket;
  // A new client, so that data injected before encryption is never read as part of a later
  // response.
  if (!encrypted) await clientOver(socket).exop(START_TLS);
  socket.removeAllListeners('data');
  const servername = server_name ?? (net.isIP(host) === 0 ? host : undefined);
  return await opened(
    tls.connect({ socket, host: server_name ?? host, ...(servername && { servername }), ...(ca && { ca }), rejectUnauthorized: true }),
    'secureConnect',
  );
}

/** Ends the socket with the signal, or when the data limit is exceeded. */
function bound(socket: net.Socket, end: AbortSignal): void {
  let bytes = 0;
  addAbortSignal(end, socket);
  // The error reaches the waiting caller.
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) socket.destroy(new Error(`the directory answers more than ${MAX_BYTES} bytes`));
  });
}
