// How many rows a request may make room for in a table that anybody can fill without logging in, and in whose name they are counted.
import { type Client, isConfidential } from './client.ts';
import { exemptAddresses, failureKey } from './network.ts';

/** Rows of one kind that one IPv4 address or one IPv6 /64 may have at a time. */
export const MAX_OF_NETWORK = 100;
/** The same for what pages of other sites make the browsers of one network send. */
const MAX_CROSS_SITE = 10;
/** The same for a client that the operator registered and that proved itself: all of its users are behind it. */
const MAX_OF_CLIENT = 1000;

/** Where a row is counted, and what happens beyond the limit. */
export interface RowQuota {
  /** An IPv4 address, an IPv6 /64, or a text that is neither. */
  network: string;
  max: number;
  /** Whether the oldest row that nobody has used yet is deleted instead of refusing the new one. */
  replaces_oldest: boolean;
}

/** Who asks for a row. */
interface RowAsker {
  remote_address: string;
  /** The page of another site made the browser send the request: it takes nothing from what the address may have. */
  is_cross_site?: boolean | undefined;
  /** The client, after it was authenticated. */
  client?: Pick<Client, 'client_id' | 'kind' | 'token_endpoint_auth_method'>;
}

export type RowQuotas = (asker: RowAsker) => RowQuota;

/** The rule for all such tables. Behind loopback and our own proxies are many people, so that none of them is refused for the others. */
export function createRowQuotas({ trusted_proxies }: { trusted_proxies: readonly string[] }): RowQuotas {
  const isExempt = exemptAddresses(trusted_proxies);
  return ({ remote_address, is_cross_site = false, client }) => {
    // Anybody can make a client of the other kinds, with a key of their own.
    if (client?.kind === 'registered' && isConfidential(client))
      return { network: `client ${client.client_id}`, max: MAX_OF_CLIENT, replaces_oldest: true };
    const network = failureKey(remote_address);
    const replaces_oldest = isExempt(remote_address);
    if (is_cross_site) return { network: `cross-site ${network}`, max: MAX_CROSS_SITE, replaces_oldest };
    return { network, max: MAX_OF_NETWORK, replaces_oldest };
  };
}
