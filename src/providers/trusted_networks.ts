// People in a trusted network choose their user without a password (HA contract 6.3). The address
// is the only proof, so `refusal` is checked again whenever an access token is issued.
import { z } from 'zod';
import {
  type AuthProviderType,
  type CommonProviderConfig,
  configuredProvider,
  type ProviderDeps,
  type ProviderStep,
} from '../domain/auth_provider.ts';
import { type NetworkList, networkList, parseAddress, parseNetwork } from '../domain/network.ts';

const network = z.string().refine((text) => parseNetwork(text) !== null, {
  error: 'must be an address or network such as 192.168.0.0/24: host bits zero, and IPv4 written as IPv4',
});
const userId = z.string().regex(/^[0-9a-f]{32}$/, 'must be the id of a user: 32 characters of 0-9 and a-f');
const group = z.strictObject({ group: oneOrMore(z.string().min(1)) });
const trustedUser = z.union([userId, group], { error: 'must be the id of a user, or a block that says nothing but group: and its id' });

const config = z.object({
  /** The trusted networks. */
  trusted_networks: oneOrMore(network),
  /** The users offered per network: the first match decides; without one, everyone is offered. */
  trusted_users: z.record(network, oneOrMore(trustedUser)).default({}),
  /** Whether the only offered user is logged in without a choice. */
  allow_bypass_login: z.boolean().default(false),
});

type Person = Awaited<ReturnType<ProviderDeps['activeUsers']>>[number];

/** Users offered in a network: by id, or as members of groups. */
interface TrustedUsers {
  networks: NetworkList;
  user_ids: Set<string>;
  group_ids: Set<string>;
}

export const provider: AuthProviderType<CommonProviderConfig & z.infer<typeof config>> = {
  type: 'trusted_networks',
  default_name: 'Trusted Networks',
  config,
  create({ trusted_networks, trusted_users, allow_bypass_login, ...common }, { activeUsers, trusted_proxies }) {
    const trusted = parseNetworks(trusted_networks);
    const proxies = parseNetworks(trusted_proxies);
    const entries = Object.entries(trusted_users).map(([text, users]) => readTrustedUsers(text, users));

    function refusal(remote_address: string): string | null {
      if (!parseAddress(remote_address)) return "Unknown remote ip can't be used for trusted network provider.";
      if (trusted_networks.length === 0) return 'trusted_networks is not configured';
      if (!isWithin(trusted, remote_address)) return 'Not in trusted_networks';
      return isWithin(proxies, remote_address) ? "Can't allow access from a proxy server" : null;
    }

    return {
      ...configuredProvider(common, provider.default_name),
      support_mfa: false,
      // It offers existing users only.
      new_users: 'refuse',
      refusal,
      async step({ values, context: { remote_address } }) {
        if (refusal(remote_address) !== null) return { type: 'abort', reason: 'not_allowed' };
        const entry = entries.find(({ networks }) => isWithin(networks, remote_address));
        const people = await activeUsers();
        const offered = entry ? people.filter((person) => isTrusted(entry, person)) : people;
        const [only, ...others] = offered;
        // The owner is chosen automatically only if the configuration names exactly them.
        const isBypass = allow_bypass_login && others.length === 0 && (!only?.is_owner || entry?.user_ids.has(only.id) === true);
        if (!values) return only && isBypass ? identityOf(only) : form(offered);
        const chosen = offered.find(({ id }) => id === values.user);
        return chosen ? identityOf(chosen) : { type: 'abort', reason: 'not_allowed' };
      },
    };
  },
};

function form(offered: readonly Person[]): ProviderStep {
  const options = offered.map(({ id, name }): [string, string] => [id, name ?? id]);
  return { type: 'form', step_id: 'init', data_schema: [{ type: 'select', name: 'user', options, required: true }], errors: null };
}

/** RFC 8176 has no method for a network location. */
function identityOf({ id, name }: Person): ProviderStep {
  return { type: 'identity', identity: { subject: id, user_id: id, data: { user_id: id }, name, amr: [] } };
}

function readTrustedUsers(text: string, users: z.infer<typeof trustedUser>[]): TrustedUsers {
  const user_ids = users.filter((user) => typeof user === 'string');
  const group_ids = users.flatMap((user) => (typeof user === 'string' ? [] : user.group));
  return { networks: parseNetworks([text]), user_ids: new Set(user_ids), group_ids: new Set(group_ids) };
}

function isTrusted({ user_ids, group_ids }: TrustedUsers, person: Person): boolean {
  return user_ids.has(person.id) || person.group_ids.some((id) => group_ids.has(id));
}

function parseNetworks(texts: readonly string[]): NetworkList {
  return networkList(texts.flatMap((text) => parseNetwork(text) ?? []));
}

/** As in Home Assistant, an IPv4-mapped IPv6 address is not IPv4. */
function isWithin(networks: NetworkList, remote_address: string): boolean {
  const address = parseAddress(remote_address);
  return address !== null && networks(address);
}

/** A list, or a single entry. */
function oneOrMore<Entry extends z.ZodType>(entry: Entry) {
  return z.preprocess((value) => (value === undefined || Array.isArray(value) ? value : [value]), z.array(entry).max(1000));
}
